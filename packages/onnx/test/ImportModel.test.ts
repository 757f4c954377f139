import { create } from "@bufbuild/protobuf"
import { describe, expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import {
  type AttributeValue,
  decodeModel,
  float,
  fromModel,
  Graph,
  printGraph,
  tensorData,
  tensorValues,
  toModel
} from "../src/index.ts"
import { AttributeProto_AttributeType as Kind, AttributeProtoSchema, type ModelProto } from "../src/onnx_pb.ts"
import { numbers } from "./Ort.ts"

const everything = () =>
  decodeModel(new Uint8Array(readFileSync(new URL("./fixtures/everything.onnx", import.meta.url))))

/**
 * The fixture without what a Graph can't hold: sequences, odd element types, odd attributes, external data that isn't
 * there.
 */
const tensorsOnly = (): ModelProto => {
  const model = everything()
  const graph = model.graph!
  const odd = new Set(["nibbles", "eights", "complexes", "outside"])
  graph.initializer = graph.initializer.filter(({ name }) => !odd.has(name))
  graph.node = graph.node.slice(0, 4)
  graph.node[1]!.attribute = []
  graph.output = graph.output.slice(0, 1)
  return model
}

describe("a model of the reference implementation", () => {
  test("comes with functions, metadata, opsets, typed data fields and dense sparse initializers", async () => {
    const graph = fromModel(tensorsOnly())
    expect(printGraph(graph)).toBe(`graph everything(x: float32[N, 3], flag: bool)
  weight = float32[1, 2, 3]
  zero = int64 0
  half = float16[0.5, -2]
  doubles = float64[0.1, 1e+300]
  unsigned = uint64[18446744073709551615]
  words = string["a", "é"]
  sparse_bias = float32[5, 0, 7]
  scaled: float32[N, 3] = custom.Scale(x, by=float 2.5)
  added: float32[N, 3] = Add(scaled, weight)
  sum: float32[N, 3] = Add(added, sparse_bias)
  chosen: float32[N, 3] = If(flag, else_branch=Exp_branch, then_branch=Neg_branch)
    else_branch Exp_branch()
      branch_out: float32[N, 3] = Exp(sum)
      return branch_out
    then_branch Neg_branch()
      branch_out__1: float32[N, 3] = Neg(sum)
      return branch_out__1
  return chosen
`)
    const data = Object.fromEntries(
      [...graph.initializers].map(([{ name }, data]) => [name, Array.from(tensorValues(data) as ArrayLike<unknown>)])
    )
    expect(data).toEqual({
      weight: [1, 2, 3],
      zero: [0n],
      half: [0.5, -2],
      doubles: [0.1, 1e300],
      unsigned: [2n ** 64n - 1n],
      words: ["a", "é"],
      sparse_bias: [5, 0, 7]
    })
    expect([...graph.metadata]).toEqual([["license", "Apache-2.0"], ["empty", ""]])
    const feeds = { x: tensorData("float32", [1, 3], [1, 2, 3]), flag: tensorData("bool", [], [1]) }
    expect(await numbers(graph, feeds)).toEqual({ chosen: [-8.5, -7, -17.5] })
  })
  test("what a Graph can't hold is refused by name", () => {
    const refusal = (change: (graph: NonNullable<ModelProto["graph"]>) => void) => {
      const model = tensorsOnly()
      change(model.graph!)
      return () => fromModel(model)
    }
    const whole = everything().graph!
    const indices = (...values: ReadonlyArray<number>) => (g: NonNullable<ModelProto["graph"]>) => {
      const sparse = g.sparseInitializer[0]!
      const { rawData: _, ...rest } = sparse.indices!
      sparse.indices = Object.assign(Object.create(Object.getPrototypeOf(sparse.indices)), rest, {
        dims: [BigInt(values.length)],
        int64Data: values.map(BigInt)
      })
    }
    expect(refusal(indices(0, 3))).toThrow("Sparse tensor sparse_bias has an index beyond [3]")
    expect(refusal(indices(0, -1))).toThrow("Sparse tensor sparse_bias has an index beyond [3]")
    expect(refusal(indices(0))).toThrow("Sparse tensor sparse_bias has 2 values and indices [1]")
    expect(refusal((g) => g.initializer.push(whole.initializer.find(({ name }) => name === "nibbles")!)))
      .toThrow("tensor nibbles has ONNX data type 22, which a Graph can't hold")
    expect(refusal((g) => g.node.push(whole.node[4]!))).toThrow("sequence is a sequence")
    expect(refusal((g) => {
      g.valueInfo = []
      g.node.push(whole.node[4]!)
    })).toThrow(/SplitToSequence .*isn't in the operator table/)
    expect(refusal((g) => {
      g.node[1]!.attribute = whole.node[1]!.attribute
    })).toThrow(/attribute types of Add \(node add\) has kind 14/)
    expect(refusal((g) => {
      const bytes = Uint8Array.of(0xff)
      g.node[1]!.attribute = [create(AttributeProtoSchema, { name: "a", type: Kind.STRING, s: bytes })]
    })).toThrow("attribute a of Add (node add) is no UTF-8 text")
    expect(refusal((g) => {
      g.node[1]!.input[0] = "nowhere"
    })).toThrow("nowhere, input of Add (node add), is defined nowhere before")
    expect(refusal((g) => {
      g.initializer[0]!.rawData = new Uint8Array(3)
    })).toThrow(/Tensor weight .* has 3 bytes of data, not 12/)
  })
  test("nodes out of order are put in order", () => {
    const model = tensorsOnly()
    const before = printGraph(fromModel(model))
    model.graph!.node.reverse()
    expect(printGraph(fromModel(model))).toBe(before)
  })
  test("types of function calls are inferred through the body when the file is silent", () => {
    const model = tensorsOnly()
    expect(model.graph!.valueInfo.map(({ name }) => name)).not.toContain("scaled")
    model.functions = []
    expect(() => fromModel(model)).toThrow(/Scale .*doesn't tell the type of scaled/)
  })
  test("up to IR version 3 initializers are listed as inputs, later that makes them defaults", () => {
    const g = new Graph("g")
    g.output(g.op("Neg", [g.input("x", "float32", [2])]))
    const model = toModel(g)
    model.graph!.initializer.push(...tensorsOnly().graph!.initializer.slice(0, 1))
    model.graph!.initializer[0]!.name = "x"
    model.graph!.initializer[0]!.dims = [3n]
    model.graph!.input[0]!.type = undefined as never
    model.irVersion = 3n
    expect(fromModel(model).inputs).toEqual([])
    const typed = toModel(g)
    typed.graph!.initializer = model.graph!.initializer
    expect(fromModel(typed).inputs.map(({ name }) => name)).toEqual(["x"])
    expect(fromModel(typed).initializers.size).toBe(1)
  })
  test("generated names keep out of the way of the file's", () => {
    const g = new Graph("g")
    const x = g.input("x", "float32", [2, 3])
    const first = g.op("Exp", [x], {}, { outputNames: ["constant_0"] })
    const model = old(g, 12, () => g.output(g.op("Transpose", [first], { perm: [1, 0] }, { outputNames: ["y"] })))
    model.graph!.node.unshift(legacy("Unsqueeze", ["x"], ["u"], { axes: [0] }))
    expect(fromModel(model).nodes.map(({ outputs }) => outputs[0]!.name)).toEqual(["u", "constant_0", "y"])
  })
})

/** The message of a graph that claims an older opset. */
const old = (g: Graph, opset: number, finish?: () => void): ModelProto => {
  finish?.()
  const model = toModel(g)
  model.opsetImport[0]!.version = BigInt(opset)
  return model
}

/** A node in an old form, which the builder refuses. */
const legacy = (
  opType: string,
  input: Array<string>,
  output: Array<string>,
  attributes: Record<string, AttributeValue>
) => {
  const g = new Graph("donor")
  const inputs = input.map((name) => name === "" ? undefined : g.input(name, "float32", [1]))
  g.ops(opType, inputs, output.length, attributes, {
    domain: "donor",
    types: output.map(() => ({ type: "float32" as const })),
    outputNames: output
  })
  const node = toModel(g).graph!.node[0]!
  node.domain = ""
  return node
}

describe("older opsets come in the form of opset 21", () => {
  const cases: ReadonlyArray<readonly [string, number, Record<string, AttributeValue>, number, ReadonlyArray<number>]> =
    [
      ["ReduceMean", 17, { axes: [1], keepdims: 0 }, 1, [2, 5]],
      ["ReduceSum", 11, { axes: [1], keepdims: 0 }, 1, [6, 15]],
      ["Unsqueeze", 12, { axes: [0] }, 1, [1, 2, 3, 4, 5, 6]],
      ["Split", 12, { axis: 1, split: [1, 2] }, 2, [1, 4]],
      ["Split", 17, { axis: 0 }, 2, [1, 2, 3]],
      ["Slice", 9, { axes: [1], starts: [1], ends: [2 ** 63] }, 1, [2, 3, 5, 6]],
      ["TopK", 9, { k: 1 }, 2, [3, 6]],
      ["Pad", 10, { pads: [0, 1, 0, 0], value: float(9) }, 1, [9, 1, 2, 3, 9, 4, 5, 6]],
      ["Clip", 10, { min: float(2), max: float(5) }, 1, [2, 2, 3, 4, 5, 5]],
      ["Clip", 10, { max: float(5) }, 1, [1, 2, 3, 4, 5, 5]],
      ["Dropout", 11, { ratio: float(0.5) }, 1, [1, 2, 3, 4, 5, 6]],
      ["Hardmax", 12, {}, 1, [0, 0, 1, 0, 0, 1]]
    ]
  test.each(cases)("%s of opset %i", async (opType, opset, attributes, outputs, expected) => {
    const g = new Graph("g")
    g.input("x", "float32", [2, 3])
    const model = old(g, opset)
    const names = Array.from({ length: outputs }, (_, i) => `y${i}`)
    model.graph!.node.push(legacy(opType, ["x"], names, attributes))
    const graph = fromModel(model)
    graph.output(graph.nodes.at(-1)!.outputs[0]!)
    expect(toModel(graph).opsetImport[0]?.version).toBe(21n)
    const { y0 } = await numbers(graph, { x: tensorData("float32", [2, 3], [1, 2, 3, 4, 5, 6]) })
    expect(y0).toEqual(expected)
  })
  test("Scatter is called ScatterElements since opset 11", async () => {
    const g = new Graph("g")
    g.input("x", "float32", [2, 3])
    g.initializer("i", tensorData("int64", [2, 1], [0, 2]))
    g.initializer("u", tensorData("float32", [2, 1], [9, 8]))
    const model = old(g, 10)
    model.graph!.node.push(legacy("Scatter", ["x", "i", "u"], ["y"], { axis: 1 }))
    const graph = fromModel(model)
    graph.output(graph.nodes[0]!.outputs[0]!)
    expect((await numbers(graph, { x: tensorData("float32", [2, 3], [1, 2, 3, 4, 5, 6]) }))["y"]).toEqual([9, 2, 3, 4, 5, 8])
  })
  test("Softmax that flattens is refused, and so is what is older than opset 9", () => {
    const g = new Graph("g")
    g.input("x", "float32", [2, 3, 4])
    const model = old(g, 12)
    model.graph!.node.push(legacy("Softmax", ["x"], ["y"], {}))
    expect(() => fromModel(model)).toThrow(/Softmax .*axis 1 of rank 3 flattens/)
    expect(() => fromModel(old(new Graph("g"), 8))).toThrow("The model has opset 8. Convert it to opset 9 or later")
  })
  test("attributes that the table lacks and stale shapes pass", () => {
    const g = new Graph("g")
    const y = g.op("Neg", [g.input("x", "float32", [2])])
    g.output(g.op("Abs", [y]))
    const model = toModel(g)
    model.graph!.node[0]!.attribute.push(create(AttributeProtoSchema, { name: "hint", type: Kind.INT, i: 1n }))
    const stale = model.graph!.valueInfo[0]!.type!.value
    if (stale.case === "tensorType") stale.value.shape!.dim[0]!.value = { case: "dimValue", value: 7n }
    const graph = fromModel(model)
    expect(graph.nodes[0]!.attributes).toEqual({ hint: 1 })
    expect(graph.nodes[0]!.outputs[0]!.shape).toEqual([2])
  })
})
