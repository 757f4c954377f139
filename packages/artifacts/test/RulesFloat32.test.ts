import { afterAll, describe, expect, test } from "@jest/globals"
import { encodeModel, float, Graph, type TensorData, tensorData, tensorValues, toModel, type Value } from "@ifrl/onnx"
import { checkGrads, differentiate, Emit } from "../src/index.ts"
import { f32, i64, noise, ortRunner } from "./ort.ts"

// Operators that ONNX Runtime's CPU has no float64 kernel for. Functions of one variable are held against their derivatives in closed
// form; linear operators against differences with a step of 1, which are exact but for rounding.
const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())
const random = noise(13)

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
/** Abramowitz & Stegun 7.1.5, summed until the terms vanish: exact to rounding for |x| < 3. */
const erf = (x: number) => {
  let sum = 0
  for (let n = 0, term = x; Math.abs(term) > 1e-17; n++, term *= -x * x / n) sum += term / (2 * n + 1)
  return 2 / Math.sqrt(Math.PI) * sum
}
const gelu = (x: number) => (1 + erf(x / Math.SQRT2)) / 2 + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI)
const fastGelu = (x: number) => {
  const c = Math.sqrt(2 / Math.PI)
  const t = Math.tanh(c * (x + 0.044715 * x ** 3))
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)
}
const swish = (a: number) => (x: number) => sigmoid(a * x) * (1 + a * x * (1 - sigmoid(a * x)))
const mish = (x: number) => {
  const t = Math.tanh(Math.log1p(Math.exp(x)))
  return t + x * sigmoid(x) * (1 - t * t)
}

interface Unary {
  readonly op: string
  readonly slope: (x: number) => number
  readonly attributes?: Record<string, ReturnType<typeof float> | string>
  readonly domain?: string
  readonly at?: ReadonlyArray<number>
}

const inside = [-0.9, -0.4, 0.2, 0.7]
const unary: ReadonlyArray<Unary> = [
  { op: "Tan", slope: (x) => 1 / Math.cos(x) ** 2, at: inside },
  { op: "Asin", slope: (x) => 1 / Math.sqrt(1 - x * x), at: inside },
  { op: "Acos", slope: (x) => -1 / Math.sqrt(1 - x * x), at: inside },
  { op: "Atan", slope: (x) => 1 / (1 + x * x) },
  { op: "Sinh", slope: Math.cosh },
  { op: "Cosh", slope: Math.sinh },
  { op: "Asinh", slope: (x) => 1 / Math.sqrt(1 + x * x) },
  { op: "Acosh", slope: (x) => 1 / Math.sqrt(x * x - 1), at: [1.1, 1.7, 2.9] },
  { op: "Atanh", slope: (x) => 1 / (1 - x * x), at: inside },
  { op: "Erf", slope: (x) => 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) },
  { op: "Softplus", slope: sigmoid },
  { op: "Softsign", slope: (x) => 1 / (1 + Math.abs(x)) ** 2 },
  { op: "ThresholdedRelu", slope: (x) => x > 0.5 ? 1 : 0, attributes: { alpha: float(0.5) } },
  { op: "LeakyRelu", slope: (x) => x > 0 ? 1 : 0.1, attributes: { alpha: float(0.1) } },
  { op: "Elu", slope: (x) => x > 0 ? 1 : 0.7 * Math.exp(x), attributes: { alpha: float(0.7) } },
  { op: "Celu", slope: (x) => x > 0 ? 1 : Math.exp(x / 0.7), attributes: { alpha: float(0.7) } },
  { op: "Selu", slope: (x) => 1.0507009873554805 * (x > 0 ? 1 : 1.6732632423543772 * Math.exp(x)) },
  { op: "HardSigmoid", slope: (x) => Math.abs(x) < 1 ? 0.5 : 0, attributes: { alpha: float(0.5) }, at: [-2, -0.3, 0.4, 1.5] },
  { op: "HardSwish", slope: (x) => x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5, at: [-4, -1.3, 0.4, 2.5, 3.5] },
  { op: "Mish", slope: mish },
  { op: "Swish", slope: swish(1.3), attributes: { alpha: float(1.3) } },
  { op: "Gelu", slope: gelu, domain: "" },
  { op: "Gelu", slope: fastGelu, attributes: { approximate: "tanh" }, domain: "" },
  { op: "Gelu", slope: gelu, domain: "com.microsoft" },
  { op: "QuickGelu", slope: swish(1.702), domain: "com.microsoft" },
  { op: "QuickGelu", slope: swish(1), attributes: { alpha: float(1) }, domain: "com.microsoft" },
  { op: "FastGelu", slope: fastGelu, domain: "com.microsoft" }
]

describe("functions of one variable", () => {
  test.each(unary.map((c) => [`${c.domain ?? ""} ${c.op} ${JSON.stringify(c.attributes ?? {})}`, c] as const))("%s", async (_, c) => {
    const at = c.at ?? [-2.6, -1.1, -0.35, 0.2, 0.8, 2.1]
    const graph = new Graph("unary")
    const x = graph.input("x", "float32", [at.length])
    const dy = graph.input("dy", "float32", [at.length])
    const known = c.domain === undefined ? {} : { domain: c.domain }
    const y = graph.op(c.op, [x], c.attributes ?? {}, { ...known, types: [{ type: "float32", shape: [at.length] }] })
    graph.output(differentiate(graph, { loss: [{ value: y, gradient: dy }], wrt: [x] }).get(x)!, "dx")
    const weights = random(at.length, 2)
    const { dx } = await (await ort.runner(encodeModel(toModel(graph))))({ x: f32([at.length], at), dy: f32([at.length], weights) })
    Array.from(tensorValues(dx!) as Float32Array).forEach((value, i) => {
      const expected = c.slope(Math.fround(at[i]!)) * weights[i]!
      expect(Math.abs(value - expected)).toBeLessThan(4e-6 * Math.max(1, Math.abs(expected)))
    })
  })
  test.each([["", "Gelu"], ["com.microsoft", "FastGelu"]])("%s %s where the square of x overflows", async (domain, op) => {
    const graph = new Graph("far")
    const x = graph.input("x", "float32", [6])
    const y = graph.op(op, [x], op === "Gelu" ? { approximate: "tanh" } : {}, { domain })
    graph.output(differentiate(graph, { loss: new Emit(graph).sumAll(y), wrt: [x] }).get(x)!, "dx")
    const { dx } = await (await ort.runner(encodeModel(toModel(graph))))({ x: f32([6], [-3e38, -1e20, -40, 40, 1e20, 3e38]) })
    expect(Array.from(tensorValues(dx!) as Float32Array, (value) => value + 0)).toEqual([0, 0, 0, 1, 1, 1])
  })
})

describe("silu(x) u", () => {
  const at = [-2.6, -1.1, -0.35, 0.2, 0.8, 2.1]
  const silu = (v: number) => v * sigmoid(v)
  const cases: ReadonlyArray<readonly [string, { readonly twice?: boolean; readonly swapped?: boolean; readonly wrt: ReadonlyArray<"x" | "u"> }]> = [
    ["in both", { wrt: ["x", "u"] }],
    ["in x alone", { wrt: ["x"] }],
    ["in u alone", { wrt: ["u"] }],
    ["as u silu(x)", { swapped: true, wrt: ["x", "u"] }],
    ["where silu(x) is used again", { twice: true, wrt: ["x", "u"] }]
  ]
  test.each(cases)("%s", async (_, { swapped, twice, wrt }) => {
    const graph = new Graph("swiglu")
    const [x, u] = [graph.input("x", "float32", [at.length]), graph.input("u", "float32", [at.length])]
    const y = graph.op("QuickGelu", [x], { alpha: float(1) })
    const product = graph.op("Mul", swapped === true ? [u, y] : [y, u])
    const forward = graph.nodes.length
    const dz = graph.input("dz", "float32", [at.length])
    const z = twice === true ? graph.op("Add", [product, y]) : product
    const gradients = differentiate(graph, { loss: [{ value: z, gradient: dz }], wrt: wrt.map((name) => name === "x" ? x : u) })
    if (twice !== true) {
      // Neither of them has to be kept for it.
      for (const node of graph.nodes.slice(forward)) expect(node.inputs).not.toEqual(expect.arrayContaining([y]))
    }
    for (const name of wrt) graph.output(gradients.get(name === "x" ? x : u)!, `d${name}`)
    const [uv, weights] = [random(at.length, 2), random(at.length, 2)]
    const result = await (await ort.runner(encodeModel(toModel(graph))))({
      x: f32([at.length], at), u: f32([at.length], uv), dz: f32([at.length], weights)
    })
    const expected = {
      x: at.map((v, i) => weights[i]! * swish(1)(Math.fround(v)) * (uv[i]! + (twice === true ? 1 : 0))),
      u: at.map((v, i) => weights[i]! * silu(Math.fround(v)))
    }
    for (const name of wrt) {
      Array.from(tensorValues(result[`d${name}`]!) as Float32Array).forEach((value, i) => {
        expect(Math.abs(value - expected[name][i]!)).toBeLessThan(4e-6 * Math.max(1, Math.abs(expected[name][i]!)))
      })
    }
  })
})

interface Linear {
  readonly name: string
  readonly inputs: Record<string, TensorData>
  readonly wrt: ReadonlyArray<string>
  readonly build: (g: Graph, x: Record<string, Value>) => Value | ReadonlyArray<Value>
  readonly opset?: number
}

const x = (...dims: Array<number>) => f32(dims, random(dims.reduce((a, b) => a * b, 1)))
const angles = (rows: number, half: number, f: (x: number) => number) =>
  f32([rows, half], Array.from({ length: rows * half }, (_, i) => f(Math.floor(i / half) * 0.7 ** (i % half))))
const linear: ReadonlyArray<Linear> = [
  { name: "Mean", inputs: { a: x(2, 3), b: x(3) }, wrt: ["a", "b"], build: (g, { a, b }) => g.op("Mean", [a, b]) },
  { name: "PRelu", inputs: { a: f32([4], [-2, -1.5, 3, 2]), b: x(1) }, wrt: ["b"], build: (g, { a, b }) => g.op("PRelu", [a, b]) },
  {
    name: "RotaryEmbedding of com.microsoft", wrt: ["a"],
    inputs: { a: x(2, 2, 3, 4), at: i64([2, 3], [0, 1, 2, 3, 1, 0]), cos: angles(5, 2, Math.cos), sin: angles(5, 2, Math.sin) },
    build: (g, { a, at, cos, sin }) => g.op("RotaryEmbedding", [a, at, cos, sin], {}, { domain: "com.microsoft" })
  },
  {
    name: "RotaryEmbedding of ONNX, interleaved", wrt: ["a"], opset: 23,
    inputs: { a: x(2, 2, 3, 4), at: i64([2, 3], [0, 1, 2, 3, 1, 0]), cos: angles(5, 2, Math.cos), sin: angles(5, 2, Math.sin) },
    build: (g, { a, at, cos, sin }) => g.op("RotaryEmbedding", [a, cos, sin, at], { interleaved: 1 }, { domain: "" })
  },
  {
    name: "Dropout of an inference graph", inputs: { a: x(5) }, wrt: ["a"],
    build: (g, { a }) => g.op("Dropout", [a, g.constant("float32", 0.3)])
  }
]

test.each(linear.map((c) => [c.name, c] as const))("%s", async (_, { build, inputs, opset, wrt }) => {
  const checks = await checkGrads({ build, inputs, wrt, runner: ort.runner, step: 0.5, ...(opset === undefined ? {} : { opset }) })
  for (const check of checks) expect(check).toMatchObject({ relativeError: expect.closeTo(0, 5) })
})

test("BiasGelu", async () => {
  const graph = new Graph("bias_gelu")
  const g = new Emit(graph)
  const [a, b] = [graph.input("a", "float32", [2, 3]), graph.input("b", "float32", [3])]
  const gradients = differentiate(graph, { loss: g.sumAll(graph.op("BiasGelu", [a, b])), wrt: [a, b] })
  graph.output(gradients.get(a)!, "da")
  graph.output(gradients.get(b)!, "db")
  const [va, vb] = [random(6, 2), random(3, 2)]
  const result = await (await ort.runner(encodeModel(toModel(graph))))({ a: f32([2, 3], va), b: f32([3], vb) })
  const da = va.map((value, i) => gelu(value + vb[i % 3]!))
  Array.from(tensorValues(result.da!) as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(da[i]!, 5))
  Array.from(tensorValues(result.db!) as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(da[i]! + da[i + 3]!, 5))
})

// Their schemas know no float64: they are held against the sum and the norm that they fuse, whose rules are checked in float64.
describe("skip connections in the normalisation", () => {
  const dims = { a: [2, 3, 4], b: [2, 3, 4], w: [4], beta: [4], bias: [4] } as const
  const fused = ["SkipSimplifiedLayerNormalization", "SkipLayerNormalization"].flatMap((op) => [1, 4].map((count) => [op, count] as const))
  test.each(fused)("%s with %i outputs", async (op, count) => {
    const simplified = op.includes("Simplified")
    const names = (Object.keys(dims) as Array<keyof typeof dims>).filter((name) => !simplified || name !== "beta")
    const make = (whole: boolean) => {
      const graph = new Graph(op)
      const g = new Emit(graph)
      const x = Object.fromEntries(Object.entries(dims).filter(([name]) => names.includes(name as never)).map(([name, shape]) =>
        [name, graph.input(name, "float32", shape)])) as Record<keyof typeof dims, Value>
      const seeds = ["dy", "dsum"].map((name) => graph.input(name, "float32", dims.a))
      const epsilon = float(1e-3)
      const outputs = () => {
        const sum = g.add(g.add(x.a, x.b), x.bias)
        return simplified
          ? [graph.op("SimplifiedLayerNormalization", [sum, x.w], { epsilon, axis: -1 }), sum]
          : [graph.op("LayerNormalization", [sum, x.w, x.beta], { epsilon }), sum]
      }
      const all = whole
        ? graph.ops(op, simplified ? [x.a, x.b, x.w, x.bias] : [x.a, x.b, x.w, x.beta, x.bias], count, { epsilon })
        : outputs()
      const loss = [all[0]!, ...(count === 4 ? [all.at(-1)!] : [])].map((value, i) => ({ value, gradient: seeds[i]! }))
      const gradients = differentiate(graph, { loss, wrt: names.map((name) => x[name]) })
      for (const name of names) graph.output(gradients.get(x[name])!, `d.${name}`)
      return encodeModel(toModel(graph))
    }
    const given = Object.fromEntries([...names.map((name) => [name, dims[name]] as const), ["dy", dims.a] as const, ["dsum", dims.a] as const]
      .map(([name, shape]) => [name, x(...shape)]))
    const [actual, expected] = [await (await ort.runner(make(true)))(given), await (await ort.runner(make(false)))(given)]
    for (const name of names) {
      const values = Array.from(tensorValues(expected[`d.${name}`]!) as Float32Array)
      Array.from(tensorValues(actual[`d.${name}`]!) as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(values[i]!, 5))
    }
  })
})

test("Dropout of a training graph passes what its mask kept, scaled", async () => {
  const graph = new Graph("dropout")
  const x = graph.input("x", "float32", [64])
  const [y, mask] = graph.ops("Dropout", [x, graph.constant("float32", 0.25), graph.constant("bool", 1)], 2, { seed: 7 }) as [Value, Value]
  const g = new Emit(graph)
  const dx = differentiate(graph, { loss: g.sumAll(y), wrt: [x] }).get(x)!
  graph.output(dx, "dx")
  graph.output(g.cast(mask, "float32"), "kept")
  const result = await (await ort.runner(encodeModel(toModel(graph))))({ x: tensorData("float32", [64], new Float32Array(64).fill(1)) })
  const [slope, kept] = ["dx", "kept"].map((name) => Array.from(tensorValues(result[name]!) as Float32Array)) as [Array<number>, Array<number>]
  expect(kept.some((k) => k === 0)).toBe(true)
  slope.forEach((value, i) => expect(value).toBeCloseTo(kept[i]! / 0.75, 6))
})
