import { float, Graph, tensorData, type TensorData, type Value } from "@ifrl/onnx"
import { blockAttention, checkpoint, Emit, type TrainableGraph } from "../src/index.ts"
import { noise } from "./ort.ts"

export interface Sizes {
  readonly V: number
  readonly D: number
  readonly L: number
  readonly H: number
  readonly K: number
  readonly E: number
  readonly F: number
  readonly tied?: boolean
  /** Rows of the head where it isn't the vocabulary's. */
  readonly classes?: number
}

export interface DecoderOptions {
  readonly type?: "float32" | "float64" | "float16" | "bfloat16"
  readonly recompute?: boolean
  readonly block?: number
  readonly maxLength?: number
}

const shapesOf = ({ D, E, F, H, K, L, V, classes, tied }: Sizes): Record<string, Array<number>> => ({
  embed: [V, D],
  ...Object.assign({}, ...Array.from({ length: L }, (_, l) => ({
    [`${l}.norm1`]: [D], [`${l}.q`]: [H * E, D], [`${l}.q.bias`]: [H * E], [`${l}.k`]: [K * E, D], [`${l}.v`]: [K * E, D], [`${l}.o`]: [D, H * E],
    [`${l}.norm2`]: [D], [`${l}.gate`]: [F, D], [`${l}.up`]: [F, D], [`${l}.down`]: [D, F]
  }))),
  norm: [D],
  ...(classes !== undefined ? { score: [classes, D] } : tied === true ? {} : { head: [V, D] })
})

export const parameters = (sizes: Sizes, type: "float32" | "float64" = "float32", seed = 11): Record<string, TensorData> => {
  const random = noise(seed)
  return Object.fromEntries(Object.entries(shapesOf(sizes)).map(([name, dims]) => {
    const count = dims.reduce((a, b) => a * b, 1)
    const fan = dims.at(-1)!
    const values = name.includes("norm") ? random(count, 0.2, 1) : random(count, 1.7 / Math.sqrt(fan))
    return [name, tensorData(type, dims, values)]
  }))
}

/** A small Qwen2-like decoder, emitted as @ifrl/models does. */
export const decoder = (sizes: Sizes, options: DecoderOptions = {}): TrainableGraph => {
  const { E, H, K, L } = sizes
  const { block = 128, maxLength = 512, recompute = false, type = "float32" } = options
  const graph = new Graph("decoder")
  const g = new Emit(graph)
  const ids = graph.input("input_ids", "int64", ["B", "T"])
  const flag = recompute ? graph.input("recompute", "bool", []) : undefined
  const p = Object.fromEntries(Object.entries(shapesOf(sizes)).map(([name, dims]) => [name, graph.input(name, type, dims)])) as Record<string, Value>

  const half = E / 2
  const angles = Array.from({ length: maxLength * E }, (_, i) => Math.floor(i / E) * 10000 ** (-((i % E) % half) / half))
  const table = (f: (x: number) => number) =>
    g.slice(graph.initializer(`rope.${f.name}`, tensorData(type, [maxLength, E], angles.map(f))), g.ints([0]), g.dim(ids, 1), 0)
  const [cos, sin] = [table(Math.cos), table(Math.sin)]

  const norm = (b: Emit, x: Value, w: Value) => b.op("SimplifiedLayerNormalization", [x, w], { axis: -1, epsilon: float(1e-6) })
  const linear = (b: Emit, x: Value, w: Value) => b.matmul(x, w, { transB: true })
  const heads = (b: Emit, x: Value, count: number) => b.transpose(b.reshape(x, [0, -1, count, E]), [0, 2, 1, 3])
  const rope = (b: Emit, x: Value) => {
    const [first, second] = b.graph.ops("Split", [x, b.ints([half, half])], 2, { axis: -1 }) as [Value, Value]
    return b.add(b.mul(x, cos), b.mul(b.concat([b.neg(second), first], -1), sin))
  }
  const layer = (target: Graph, x: Value, l: number): Value => {
    const b = new Emit(target)
    const w = (name: string) => p[`${l}.${name}`]!
    const h = norm(b, x, w("norm1"))
    const q = rope(b, heads(b, b.add(linear(b, h, w("q")), w("q.bias")), H))
    const k = rope(b, heads(b, linear(b, h, w("k")), K))
    const attention = blockAttention(target, { q, k, v: heads(b, linear(b, h, w("v")), K), block })
    const merged = b.reshape(b.transpose(attention, [0, 2, 1, 3]), [0, -1, H * E])
    const y = b.add(x, linear(b, merged, w("o")))
    const h2 = norm(b, y, w("norm2"))
    const gate = linear(b, h2, w("gate"))
    const mlp = b.mul(b.mul(gate, b.op("Sigmoid", [gate])), linear(b, h2, w("up")))
    return b.add(y, linear(b, mlp, w("down")))
  }
  let x = graph.op("Gather", [p.embed!, ids])
  for (let l = 0; l < L; l++) {
    x = flag === undefined
      ? layer(graph, x, l)
      : checkpoint(graph, `layer.${l}`, [x], (target, [value]) => [layer(target, value!, l)], flag)[0]!
  }
  return {
    graph,
    parameters: Object.values(p),
    inputs: { input_ids: ids },
    hidden: norm(g, x, p.norm!),
    head: p.score ?? p.head ?? p.embed!
  }
}
