import { describe, expect, test } from "@jest/globals"
import { Graph, isUnknownDim, OnnxError, type Shape, tensorData, type Value } from "../src/index.ts"
import { numbers } from "./Ort.ts"

const vector = (g: Graph, name = "x"): Value => g.input(name, "float32", ["N"])

describe("Graph", () => {
  test("constants are deduplicated by type, dims and contents", () => {
    const g = new Graph("g")
    const one = g.constant("float32", 1)
    expect(g.constant("float32", 1)).toBe(one)
    for (
      const other of [
        g.constant("float32", [1]),
        g.constant("int32", 1),
        g.constant("float32", 2),
        g.constant("float32", 1, [1, 1])
      ]
    ) {
      expect(other).not.toBe(one)
    }
    expect(g.constant("float32", 0)).not.toBe(g.constant("float32", -0))
    expect([g.constant("int64", [1n, -1n]).shape, g.constant("int64", []).shape, one.shape]).toEqual([[2], [0], []])
    const array = Float32Array.of(5)
    const five = g.constant("float32", array)
    array[0] = 6
    expect(g.initializers.get(five)!.bytes).toEqual(new Uint8Array(Float32Array.of(5).buffer))
  })
  test("names are unique over the tree", () => {
    const g = new Graph("g")
    const x = vector(g)
    const body = g.subgraph("body")
    const values = [
      g.op("Neg", [x]),
      body.op("Neg", [x]),
      g.op("Neg", [x], {}, { name: "mine" }),
      body.op("Neg", [x], {}, { name: "mine" })
    ]
    expect(values.map(({ name }) => name)).toEqual(["Neg_0", "Neg_1", "mine", "mine_0"])
    expect(g.ops("TopK", [x, g.constant("int64", [1])], 2).map(({ name }) => name)).toEqual(["TopK_0.0", "TopK_0.1"])
    expect(() => body.input("x", "float32")).toThrow("The name x is taken")
    expect(() => g.input("", "float32")).toThrow("A value needs a name")
    g.reserve(["Exp_0"])
    expect(g.op("Exp", [x]).name).not.toBe("Exp_0")
  })
  test("output renames what the graph computes and copies what it doesn't", () => {
    const g = new Graph("g")
    const x = vector(g)
    const y = g.op("Neg", [x])
    expect(g.output(y, "y")).toBe(y)
    expect([y.name, g.producer(y)!.outputs[0]!.name]).toEqual(["y", "y"])
    expect(g.output(x)).toBe(x)
    expect(g.producer(g.output(x, "copy"))!.opType).toBe("Identity")
    expect(g.producer(g.output(y))!.opType).toBe("Identity")
    expect(g.outputs.map(({ name }) => name)).toEqual(["y", "x", "copy", "Identity_1"])
    expect(() => g.output(g.op("Abs", [x]), "y")).toThrow("The name y is taken")
    const body = g.subgraph("body")
    expect(body.output(y)).not.toBe(y)
    expect(body.owner(body.outputs[0]!)).toBe(body)
  })
  test("producer, consumers and captured values see nested graphs", () => {
    const g = new Graph("g")
    const [x, flag] = [vector(g), g.input("flag", "bool", [])]
    const y = g.op("Exp", [x])
    const [yes, no] = [g.subgraph("yes"), g.subgraph("no")]
    const [inner, other] = [yes.subgraph("inner"), yes.subgraph("other")]
    inner.output(inner.op("Mul", [x, x]))
    other.output(y)
    yes.output(yes.op("If", [flag], { then_branch: inner, else_branch: other }))
    no.output(no.op("Neg", [no.op("Abs", [y])]))
    const out = g.op("If", [flag], { then_branch: yes, else_branch: no })
    expect(g.producer(y)!.opType).toBe("Exp")
    expect([g.producer(x), no.producer(out)!.opType]).toEqual([undefined, "If"])
    expect(g.consumers(x).map(({ opType }) => opType)).toEqual(["Exp", "Mul"])
    expect(g.consumers(y).map(({ opType }) => opType)).toEqual(["Identity", "Abs"])
    expect(g.consumers(out)).toEqual([])
    expect(yes.captured()).toEqual([flag, x, y])
    expect(no.captured()).toEqual([y])
    expect(g.captured()).toEqual([])
  })
  test("what a caller does to the outputs that it got is not done to the node", () => {
    const graph = new Graph("outputs")
    const parts = graph.ops("Split", [graph.input("x", "float32", [4])], 2, { num_outputs: 2 })
    const [first, second] = parts
    parts.shift()
    expect(graph.nodes[0]!.outputs).toEqual([first, second])
  })

  test("an output that is declared again under its own name stays the one it is", () => {
    const g = new Graph("g")
    const y = g.output(g.op("Neg", [vector(g)]), "y")
    expect([g.output(y, "y"), g.outputs, g.nodes.length]).toEqual([y, [y], 1])
    expect(g.output(y).name).not.toBe("y")
  })

  test("a slice between both ends has a size that nobody knows: of 1 nothing is left, and not -1", () => {
    const g = new Graph("g")
    const ints = (value: number) => g.constant("int64", [value])
    const between = (shape: Shape) => g.op("Slice", [g.input(`x${shape}`, "float32", shape), ints(1), ints(-1)]).shape![0]!
    expect([between([5]), between([1]), isUnknownDim(between(["N"]))]).toEqual([3, 0, true])
  })

  test("unknown operators need types, and get them checked where the table knows better", () => {
    const g = new Graph("g")
    const x = vector(g)
    expect(() => g.op("Mystery", [x])).toThrow(
      /Mystery \(node Mystery_0\): this operator is not in the table.*options.types/
    )
    const y = g.op("Mystery", [x, undefined], { a: 1 }, { domain: "d", types: [{ type: "int32", shape: [2, "K"] }] })
    expect([y.type, y.shape, g.producer(y)!.domain]).toEqual(["int32", [2, "K"], "d"])
    expect(g.op("Add", [x, x], {}, { types: [{ type: "float32", shape: [4] }] }).shape).toEqual([4])
    expect(() => g.op("Add", [x, x], {}, { types: [{ type: "float32", shape: [4, 4] }] })).toThrow(
      /output 0 is float32\[N\], not float32\[4, 4\]/
    )
  })
  test("domains come from the table", () => {
    const g = new Graph("g")
    const x = vector(g)
    const domains = [g.op("QuickGelu", [x]), g.op("Gelu", [x]), g.op("Gelu", [x], {}, { domain: "com.microsoft" })]
      .map((value) => g.producer(value)!.domain)
    expect(domains).toEqual(["com.microsoft", "", "com.microsoft"])
  })
  test("equal sizes stay equal through symbolic arithmetic", () => {
    const g = new Graph("g")
    const x = g.input("x", "float32", ["B", "T", 8])
    const flat = g.op("Reshape", [x, g.constant("int64", [-1, 8])])
    expect(flat.shape).toEqual(["B*T", 8])
    const shape = g.op("Concat", [g.op("Shape", [x], { end: 2 }), g.constant("int64", [2, 4])], { axis: 0 })
    expect(g.contents(shape)).toEqual(["B", "T", 2, 4])
    const heads = g.op("Reshape", [flat, shape])
    expect(heads.shape).toEqual(["B", "T", 2, 4])
    expect(g.op("Add", [flat, g.op("Reshape", [heads, g.constant("int64", [-1, 8])])]).shape).toEqual(["B*T", 8])
    const unknown = g.input("u", "float32", [""])
    expect(g.op("Add", [unknown, unknown]).shape).toEqual(unknown.shape)
    expect(g.op("Add", [g.input("v", "float32"), x]).shape).toBeUndefined()
  })
  test("an optional input in the middle is left out", async () => {
    const g = new Graph("g")
    g.output(g.op("Clip", [vector(g), undefined, g.constant("float32", 2)]), "y")
    expect(await numbers(g, { x: tensorData("float32", [3], [-1, 2, 3]) })).toEqual({ y: [-1, 2, 2] })
  })
  test("a Loop over a body that uses outer values", async () => {
    const g = new Graph("g")
    const x = vector(g)
    const count = g.input("count", "int64", [])
    const body = g.subgraph("body")
    const i = body.input("i", "int64", [])
    body.output(body.input("go", "bool", []))
    const sum = body.input("sum", "float32", ["N"])
    const next = body.output(body.op("Add", [sum, x]))
    body.output(body.op("Mul", [next, body.op("Cast", [i], { to: "float32" })]))
    const [total, steps] = g.ops("Loop", [count, undefined, x], 2, { body })
    expect([total!.shape, steps!.shape!.slice(1)]).toEqual([["N"], ["N"]])
    g.output(total!, "total")
    g.output(steps!, "steps")
    const feeds = { x: tensorData("float32", [2], [1, 2]), count: tensorData("int64", [], [3]) }
    expect(await numbers(g, feeds)).toEqual({ total: [4, 8], steps: [0, 0, 3, 6, 8, 16] })
  })
})

describe("mistakes are errors where they are made", () => {
  const g = new Graph("g")
  const f = g.input("f", "float32", [2, 3])
  const n = g.input("n", "int64", ["N"])
  const other = new Graph("other").input("o", "float32", [1])
  const body = g.subgraph("body")
  const inner = body.op("Neg", [f])
  const i64 = (...values: ReadonlyArray<number>) => g.constant("int64", values)

  const mistakes: ReadonlyArray<readonly [string, () => unknown, string | RegExp]> = [
    ["too few inputs", () => g.op("Add", [f]), /^Add \(node Add_\d+\): 1 inputs\. It takes 2$/],
    ["too many inputs", () => g.op("Clip", [f, f, f, f]), /4 inputs\. It takes 1 to 3/],
    ["too many outputs", () => g.ops("Neg", [f], 2), /2 outputs\. It gives 1$/],
    [
      "types that differ",
      () => g.op("Add", [f, n]),
      /inputs 0 and 1 have element types float32 and int64; inputs: #0 f: float32\[2, 3\], #1 n: int64\[N\]\. Insert a Cast/
    ],
    [
      "a type without the operator",
      () => g.op("Exp", [n]),
      /input 0 must be float32 or float64 or float16 or bfloat16, not int64/
    ],
    ["shapes that don't broadcast", () => g.op("Mul", [f, g.constant("float32", [1, 2])]), /shapes don't broadcast/],
    ["inner dimensions", () => g.op("MatMul", [f, f]), /the inner dimensions: 3 and 2 differ/],
    [
      "symbols that can't be equal",
      () => g.op("MatMul", [g.input("a", "float32", ["B", "S+1"]), g.input("b", "float32", ["S", 1])]),
      /the inner dimensions: S\+1 and S differ/
    ],
    ["an absent one of many", () => g.op("Sum", [f, undefined, f]), /input 1 is absent/],
    ["elements of Reshape", () => g.op("Reshape", [f, i64(4, 2)]), /6 elements don't fill \[4, 2\]/],
    ["division in Reshape", () => g.op("Reshape", [f, i64(4, -1)]), /6 elements don't divide by the 4/],
    ["two -1 in Reshape", () => g.op("Reshape", [f, i64(-1, -1)]), /more than one -1/],
    [
      "an axis out of range",
      () => g.op("Softmax", [f], { axis: 2 }),
      /axis 2 is outside rank 2; .*Use an axis in -2\.\.1/
    ],
    ["an axis twice", () => g.op("ReduceSum", [f, i64(0, -2)]), /axes \[0, -2\] repeat/],
    ["an index out of range", () => g.op("Gather", [f, i64(2)]), /index 2 is outside the 2 elements of axis 0/],
    [
      "a scalar that should be a vector",
      () => g.op("Clip", [f, g.constant("float32", [0, 1])]),
      /the elements of bound 1: 1 and 2 differ/
    ],
    ["a size of Split", () => g.ops("Split", [f, i64(1, 1)], 2, { axis: 1 }), /the sizes add up to 2, axis 1 has 3/],
    ["too large a k", () => g.ops("TopK", [f, i64(4)], 2), /k = 4 exceeds the 3 elements of axis 1/],
    ["a permutation", () => g.op("Transpose", [f], { perm: [0, 0] }), /axes \[0, 0\] repeat/],
    ["an unknown attribute", () => g.op("Softmax", [f], { axes: 1 }), /unknown attribute axes\. It takes axis$/],
    ["a fraction for INT", () => g.op("Softmax", [f], { axis: 0.5 }), /attribute axis is no attribute value, not int/],
    [
      "a number for FLOAT",
      () => g.op("LeakyRelu", [f], { alpha: 1 }),
      /attribute alpha is int, not float.*write float\(x\)/
    ],
    ["a missing attribute", () => g.op("Concat", [f, f]), /attribute axis is missing/],
    ["an absent input", () => g.op("Add", [f, undefined]), /input 1 is absent/],
    ["another tree", () => g.op("Neg", [other]), /belongs to another tree of graphs/],
    ["a value of a body", () => g.op("Neg", [inner]), /belongs to graph body, out of sight of graph g/],
    [
      "a body of another graph",
      () => g.op("If", [g.input("c", "bool", [])], { then_branch: new Graph("lost"), else_branch: body }),
      /graph lost, no subgraph of g/
    ],
    ["numbers out of range", () => g.constant("int8", 128), /128 is no int8\. Give an integer in -128\.\.127/],
    ["fractions in integers", () => g.constant("int64", 0.5), /0\.5 is no int64/],
    ["dims", () => tensorData("float32", [2, 2], [1, 2, 3]), /3 values don't fill a float32 tensor of dims \[2, 2\]/],
    ["an unknown element type", () => g.op("Cast", [f], { to: 99 }), /has ONNX data type 99/]
  ]
  test.each(mistakes)("%s", (_, make, message) => {
    let error: unknown
    try {
      make()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(OnnxError)
    expect(error).toMatchObject({ _tag: "OnnxError", name: "OnnxError" })
    expect((error as OnnxError).message).toMatch(message)
  })
  test("bodies that don't fit their nodes", () => {
    const flag = g.input("flag", "bool", [])
    const branch = (make: (b: Graph) => Value) => {
      const b = g.subgraph("branch")
      b.output(make(b))
      return b
    }
    const float = branch((b) => b.op("Neg", [f]))
    const integer = branch((b) => b.op("Neg", [n]))
    expect(() => g.op("If", [flag], { then_branch: float, else_branch: integer })).toThrow(
      /output 0 is .*float32\[2, 3\] or .*int64\[N\]/
    )
    expect(() => g.ops("If", [flag], 2, { then_branch: float, else_branch: float })).toThrow(
      /outputs of branch: 1, expected 2/
    )
    expect(() => g.op("If", [n], { then_branch: float, else_branch: float })).toThrow(/input 0 must be bool, not int64/)
    const loop = g.subgraph("loop")
    loop.input("i", "int64", [])
    loop.output(loop.input("go", "bool", []))
    loop.output(loop.op("Neg", [loop.input("state", "float32", [5])]))
    expect(() => g.op("Loop", [g.constant("int64", 1), undefined, f], { body: loop })).toThrow(
      /input 2 of body loop is state: float32\[5\], it gets float32\[2, 3\]/
    )
    expect(() => g.op("Loop", [g.constant("int64", 1), undefined], { body: loop })).toThrow(
      /inputs of body loop: 3, expected 2/
    )
  })
})
