/** The pieces that decoders are made of, each a few nodes. Training and generation emit the same ones. */
import { float, type Graph, tensorData, type Value } from "@ifrl/onnx"
import type { RopeTables } from "./Rope.ts"

/** x w^T + bias for x [N, in], w [out, in], bias [out]. */
export const linear = (g: Graph, x: Value, w: Value, bias?: Value): Value =>
  g.op("Gemm", bias === undefined ? [x, w] : [x, w, bias], { transB: 1 })

/** x / sqrt(mean(x^2) + epsilon) * w over the last axis. */
export const rmsNorm = (g: Graph, x: Value, w: Value, epsilon: number): Value =>
  // The second output spares the backward pass a reduction.
  g.ops("SimplifiedLayerNormalization", [x, w], 2, { axis: -1, epsilon: float(epsilon) })[0]!

/** x sigmoid(x). */
export const silu = (g: Graph, x: Value): Value =>
  // QuickGelu is one pass over memory instead of two; it has no float64 kernel.
  x.type === "float64" ? g.op("Mul", [x, g.op("Sigmoid", [x])]) : g.op("QuickGelu", [x], { alpha: float(1) })

/** silu(gate) * up. */
export const swiGlu = (g: Graph, gate: Value, up: Value): Value => g.op("Mul", [silu(g, gate), up])

/**
 * How far below the greatest a score or a logit may fall before it is raised: exp(-80) is 2e-35, nothing beside 1 in
 * float32, and no subnormal number, with which exp and all that follows take 10 times as long.
 */
export const negligible = 80

/** softmax over the last axis of scores in float32, in which nothing becomes subnormal, masked or not. */
export const softmax = (g: Graph, scores: Value): Value => {
  const greatest = g.op("ReduceMax", [scores, g.constant("int64", [-1])], { keepdims: 1 })
  const floor = g.op("Sub", [greatest, g.constant("float32", negligible)])
  return g.op("Softmax", [g.op("Max", [scores, floor])], { axis: -1 })
}

/** The tables of rotary positions as values of a graph, [length, E/2]. */
export interface RopeValues {
  readonly cos: Value
  readonly sin: Value
}

export const ropeValues = (
  g: Graph,
  { cos, half, length, sin }: RopeTables,
  type: "float32" | "float64" | "float16" | "bfloat16"
): RopeValues => {
  // tensorData rounds plain numbers to the element type.
  const table = (name: string, values: Float32Array) =>
    g.initializer(name, tensorData(type, [length, half], type === "float32" ? values : Array.from(values)))
  return { cos: table("rope.cos", cos), sin: table("rope.sin", sin) }
}

/** Turns x [B, T, heads E] by the positions 0..T-1. */
export const rotate = (g: Graph, x: Value, { cos, sin }: RopeValues): Value => {
  if (x.type !== "float64") return g.op("RotaryEmbedding", [x, g.constant("int64", [0]), cos, sin])
  return rotateByParts(g, x, { cos, sin })
}

/** The same in core operators: RotaryEmbedding has no float64 kernel. */
const rotateByParts = (g: Graph, x: Value, { cos, sin }: RopeValues): Value => {
  const half = cos.shape![1] as number
  const ints = (values: ReadonlyArray<number>) => g.constant("int64", values)
  const heads = g.op("Reshape", [x, ints([0, 0, -1, 2 * half])])
  const [a, b] = g.ops("Split", [heads, ints([half, half])], 2, { axis: -1 }) as [Value, Value]
  const length = g.op("Shape", [x], { start: 1, end: 2 })
  const at = (table: Value) => g.op("Unsqueeze", [g.op("Slice", [table, ints([0]), length, ints([0])]), ints([1])])
  const [c, s] = [at(cos), at(sin)]
  const mul = (p: Value, q: Value) => g.op("Mul", [p, q])
  const turned = g.op("Concat", [g.op("Sub", [mul(a, c), mul(b, s)]), g.op("Add", [mul(b, c), mul(a, s)])], {
    axis: -1
  })
  return g.op("Reshape", [turned, g.op("Shape", [x])])
}
