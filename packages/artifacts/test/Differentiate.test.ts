import { afterAll, describe, expect, test } from "@jest/globals"
import { encodeModel, float, Graph, tensorData, tensorValues, toModel, type Value } from "@ifrl/onnx"
import { readFileSync } from "node:fs"
import { ArtifactError, checkGrads, checkpoint, customGradient, differentiate, Emit, nonDifferentiable, rules } from "../src/index.ts"
import { f64, noise, ortRunner } from "./ort.ts"

const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())
const random = noise(17)

const errorOf = (f: () => unknown): ArtifactError => {
  try {
    f()
  } catch (error) {
    if (error instanceof ArtifactError) return error
    throw error
  }
  throw new Error("no error")
}

const scene = () => {
  const graph = new Graph("scene")
  const g = new Emit(graph)
  return { graph, g, x: graph.input("x", "float64", [3]), w: graph.input("w", "float64", [3]) }
}

describe("paths", () => {
  test("only nodes between wrt and the loss are differentiated", () => {
    const { g, graph, w, x } = scene()
    // An operator without a rule beside the path doesn't matter.
    const mode = graph.op("Det", [graph.input("m", "float64", [2, 2])], {}, { types: [{ type: "float64", shape: [] }] })
    const loss = g.sumAll(g.mul(g.mul(x, w), mode))
    const before = graph.nodes.length
    const gradients = differentiate(graph, { loss, wrt: [w] })
    expect([...gradients.keys()]).toEqual([w])
    const emitted = graph.nodes.slice(before).map(({ opType }) => opType)
    // Expand for the sum, Mul by the mode, Mul by x; nothing for x or the mode.
    expect(emitted).toEqual(["Expand", "Mul", "Mul"])
  })
  test("what the loss doesn't depend on is missing from the result", () => {
    const { g, graph, w, x } = scene()
    expect(differentiate(graph, { loss: g.sumAll(x), wrt: [x, w] }).has(w)).toBe(false)
  })
  test("a value used several times gets the sum", async () => {
    const checks = await checkGrads({
      inputs: { x: f64([4], random(4)) },
      runner: ort.runner,
      build: (graph, { x }) => {
        const g = new Emit(graph)
        return g.add(g.mul(x!, g.exp(x!)), g.mul(g.square(x!), x!))
      }
    })
    expect(checks[0]).toMatchObject({ relativeError: expect.closeTo(0, 9) })
  })
  test("operators that are flat or discrete stop the gradient silently", () => {
    const { g, graph, w, x } = scene()
    const loss = g.sumAll(g.add(g.mul(x, w), g.mul(g.op("Floor", [w]), g.cast(g.op("ArgMax", [w]), "float64"))))
    expect(differentiate(graph, { loss, wrt: [w] }).size).toBe(1)
  })
  test("intermediate values can be differentiated by", async () => {
    const { g, graph, w, x } = scene()
    const y = g.exp(g.mul(x, w))
    const gradients = differentiate(graph, { loss: g.sumAll(g.square(y)), wrt: [y, w] })
    graph.output(gradients.get(y)!, "dy")
    graph.output(gradients.get(w)!, "dw")
    const result = await (await ort.runner(encodeModel(toModel(graph))))({ x: f64([3], [1, 2, 3]), w: f64([3], [0.1, 0.2, 0.3]) })
    const values = (name: string) => Array.from(tensorValues(result[name]!) as Float64Array)
    ;[0.1, 0.4, 0.9].forEach((t, i) => {
      expect(values("dy")[i]).toBeCloseTo(2 * Math.exp(t), 12)
      expect(values("dw")[i]).toBeCloseTo(2 * Math.exp(t) ** 2 * (i + 1), 11)
    })
  })
})

describe("groups of nodes that are differentiated together", () => {
  const silu = (g: Emit, x: Value): [y: Value, s: Value] => {
    const s = g.op("Sigmoid", [x])
    return [g.mul(x, s), s]
  }
  const check = (build: (graph: Graph, inputs: Readonly<Record<string, Value>>) => Value | ReadonlyArray<Value>) =>
    checkGrads({ inputs: { x: f64([4], random(4)), flag: tensorData("bool", [], [1]) }, runner: ort.runner, build })
  test("keep a gradient that is given to a value inside", async () => {
    const checks = await check((graph, { flag, x }) =>
      checkpoint(graph, "both", [x!], (target, [v]) => silu(new Emit(target), v!), flag!)
    )
    expect(checks[0]).toMatchObject({ relativeError: expect.closeTo(0, 9) })
  })
  test("keep a gradient that is asked for inside", () => {
    const { g, graph, w } = scene()
    const [y, s] = silu(g, w)
    expect([...differentiate(graph, { loss: g.sumAll(y), wrt: [s, w] }).keys()]).toEqual([s, w])
  })
  test("silu(x)^2, where both factors are the group's own", async () => {
    const checks = await check((graph, { x }) => {
      const y = graph.op("QuickGelu", [x!], { alpha: float(1) })
      return graph.op("Mul", [y, y])
    })
    expect(checks[0]).toMatchObject({ relativeError: expect.closeTo(0, 9) })
  })
})

describe("refusals name operator, node and input, and end with the remedy", () => {
  test("a missing rule", () => {
    const { g, graph, w, x } = scene()
    const y = graph.op("Softmix", [x, w], {}, { name: "mixer", domain: "my.ops", types: [{ type: "float64", shape: [3] }] })
    const error = errorOf(() => differentiate(graph, { loss: g.sumAll(y), wrt: [w] }))
    expect(error).toMatchObject({ _tag: "ArtifactError", reason: "MissingGradient", operator: "my.ops.Softmix", node: "mixer", tensor: "w" })
    expect(error.message).toBe(
      'my.ops.Softmix (node "mixer") has no gradient rule for input 1 ("w"). Wrap the part of the graph around it in customGradient, ' +
        "or keep the parameters behind it out of requiresGrad"
    )
  })
  test("a Loop that reads a trained value in its body", () => {
    const { g, graph, w } = scene()
    const body = graph.subgraph("body")
    const b = new Emit(body)
    body.input("i", "int64", [])
    const go = body.input("go", "bool", [])
    const state = body.input("state", "float64", [3])
    body.output(b.op("Identity", [go]))
    body.output(b.add(state, w))
    const [y] = graph.ops("Loop", [g.int(3), undefined, g.full(0, w)], 1, { body }, { name: "repeat" }) as [Value]
    expect(errorOf(() => differentiate(graph, { loss: g.sumAll(y), wrt: [w] }))).toMatchObject({
      reason: "MissingGradient", operator: "Loop", node: "repeat", tensor: "w",
      message: expect.stringContaining('no gradient rule for "w", which its body reads')
    })
  })
  test.each<[string, (g: Emit, w: Value) => Value]>([
    ["OneHot", (g, w) => g.op("OneHot", [g.ints([0]), g.int(3), g.op("Slice", [w, g.ints([0]), g.ints([2])])])],
    ["Range", (g, w) => g.op("Range", [g.sumAll(w), g.scalar(2, w), g.scalar(1, w)])]
  ])("%s of a trained value, beside another path to it", (op, of) => {
    const { g, graph, w } = scene()
    expect(errorOf(() => differentiate(graph, { loss: g.add(g.sumAll(w), g.sumAll(of(g, w))), wrt: [w] }))).toMatchObject({
      reason: "MissingGradient", operator: op
    })
  })
  test("a mode or reduction without a rule", () => {
    const { g, graph, x } = scene()
    const y = graph.op("Pad", [x, g.ints([1, 1])], { mode: "edge" }, { name: "edges" })
    expect(errorOf(() => differentiate(graph, { loss: g.sumAll(y), wrt: [x] }))).toMatchObject({ reason: "MissingGradient", node: "edges" })
  })
  test.each([["LayerNormalization", 3], ["SimplifiedLayerNormalization", 2]])("a loss of the statistics of %s", (op, outputs) => {
    const { g, graph, w, x } = scene()
    const [y, statistic] = graph.ops(op, [x, w], outputs, {}, { name: "norm" }) as [Value, Value]
    const loss = g.add(g.sumAll(y), g.sumAll(g.cast(statistic, "float64")))
    expect(errorOf(() => differentiate(graph, { loss, wrt: [x] }))).toMatchObject({
      reason: "MissingGradient", operator: op, node: "norm", tensor: "norm.1", message: expect.stringContaining("no gradient rule for its output 1")
    })
  })
  test("a loss that is no scalar, or depends on nothing", () => {
    const { g, graph, w, x } = scene()
    expect(errorOf(() => differentiate(graph, { loss: g.square(w), wrt: [w] })).message).toContain("has shape [3]")
    expect(errorOf(() => differentiate(graph, { loss: g.sumAll(x), wrt: [w] })).message).toContain("doesn't depend on")
  })
  test("an integer to differentiate by", () => {
    const { g, graph } = scene()
    const i = graph.input("i", "int64", [2])
    expect(errorOf(() => differentiate(graph, { loss: g.sumAll(g.cast(i, "float64")), wrt: [i] }))).toMatchObject({ tensor: "i" })
  })
})

describe("custom gradients", () => {
  /** clamp(x, 0, 1) that lets the gradient through unchanged, scaled by 3 to tell it apart. */
  const straightThrough = (graph: Graph, x: Value): Value =>
    customGradient(
      graph, "straight", [x],
      (target, [value]) => {
        const g = new Emit(target)
        return [g.op("Clip", [value!, g.scalar(0, value!), g.scalar(1, value!)])]
      },
      (target, { gradients: [dy] }) => [new Emit(target).scale(dy!, 3)]
    )[0]!
  test("replace the rules of their nodes", async () => {
    const { g, graph, w } = scene()
    graph.output(differentiate(graph, { loss: g.sumAll(g.mul(straightThrough(graph, w), w)), wrt: [w] }).get(w)!, "dw")
    const { dw } = await (await ort.runner(encodeModel(toModel(graph))))({ x: f64([3], [0, 0, 0]), w: f64([3], [-2, 0.5, 4]) })
    expect(Array.from(tensorValues(dw!) as Float64Array)).toEqual([-6 + 0, 1.5 + 0.5, 12 + 1])
  })
  test("a checkpoint that lets no gradient through has none", () => {
    const { g, graph, w } = scene()
    const flag = graph.input("flag", "bool", [])
    const [y] = checkpoint(graph, "floor", [w], (target, [v]) => [new Emit(target).op("Floor", [v!])], flag) as [Value]
    const buffer = graph.input("buffer", "float64", [3])
    const gradients = differentiate(graph, { loss: g.sumAll(g.mul(y, w)), wrt: [w], accumulators: new Map([[w, buffer]]) })
    expect(graph.producer(gradients.get(w)!)?.inputs).toContain(buffer)
    expect(graph.nodes.some(({ opType }) => opType === "If")).toBe(false)
  })
  test("get and answer a repeated input by position", async () => {
    /** a b + 2 c, of which any may be the same value. */
    const build = (graph: Graph, inputs: Array<Value>) =>
      customGradient(
        graph, "product", inputs,
        (target, [a, b, c]) => {
          const g = new Emit(target)
          return [g.add(g.mul(a!, b!), g.scale(c!, 2))]
        },
        (target, { gradients: [dy], inputs: [a, b] }) => {
          const g = new Emit(target)
          return [g.mul(dy!, b!), g.mul(dy!, a!), g.scale(dy!, 2)]
        }
      )[0]!
    const checks = await checkGrads({
      inputs: { x: f64([3], random(3)), y: f64([3], random(3)) },
      runner: ort.runner,
      build: (graph, { x, y }) => [build(graph, [x!, x!, x!]), build(graph, [x!, y!, x!]), build(graph, [y!, x!, x!])]
    })
    for (const check of checks) expect(check).toMatchObject({ relativeError: expect.closeTo(0, 9) })
  })
  test("a trained value that the region doesn't list is refused, not forgotten", () => {
    const { g, graph, w, x } = scene()
    const [y] = customGradient(graph, "hidden", [x], (target) => [new Emit(target).mul(x, w)], () => [undefined]) as [Value]
    expect(errorOf(() => differentiate(graph, { loss: g.sumAll(g.mul(y, w)), wrt: [x, w] })).message).toMatch(
      /Region "hidden" uses "w" \(at Mul "Mul_0"\) without listing it/
    )
  })
  test("checkpoints nest and keep custom gradients inside", async () => {
    const build = (graph: Graph, w: Value, flag?: Value) => {
      const g = new Emit(graph)
      const inner = (target: Graph, x: Value): Value => {
        const b = new Emit(target)
        return b.mul(b.exp(straightThrough(target, x)), w)
      }
      const outer = (target: Graph, x: Value): Value => {
        const y = flag === undefined ? inner(target, x) : checkpoint(target, "inner", [x], (t, [v]) => [inner(t, v!)], flag)[0]!
        return new Emit(target).op("Tanh", [y])
      }
      const y = flag === undefined ? outer(graph, w) : checkpoint(graph, "outer", [w], (t, [v]) => [outer(t, v!)], flag)[0]!
      return g.sumAll(y)
    }
    const { graph, w } = scene()
    const flag = graph.input("flag", "bool", [])
    const buffer = graph.input("buffer", "float64", [3])
    const nested = build(graph, w, flag)
    graph.output(differentiate(graph, { loss: nested, wrt: [w], accumulators: new Map([[w, buffer]]) }).get(w)!, "recomputed")
    graph.output(differentiate(graph, { loss: build(graph, w), wrt: [w] }).get(w)!, "plain")
    const result = await (await ort.runner(encodeModel(toModel(graph))))({
      x: f64([3], [0, 0, 0]), w: f64([3], [0.2, -0.4, 0.7]), flag: tensorData("bool", [], [1]), buffer: f64([3], [10, 20, 30])
    })
    const [a, b] = [tensorValues(result.recomputed!), tensorValues(result.plain!)] as [Float64Array, Float64Array]
    b.forEach((value, i) => expect(a[i]).toBeCloseTo(value + 10 * (i + 1), 12))
  })
})

test("every rule has a test, and no operator is in both lists", () => {
  const tests = ["Rules.test.ts", "RulesFloat32.test.ts"].map((file) => readFileSync(new URL(file, import.meta.url), "utf8")).join()
  const untested = Object.keys(rules).filter((name) => !tests.includes(`"${name.split(".").at(-1)!}"`))
  expect(untested).toEqual([])
  expect(Object.keys(rules).filter((name) => nonDifferentiable.has(name))).toEqual([])
})
