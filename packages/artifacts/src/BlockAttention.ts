/**
 * Causal attention by blocks of queries inside a Loop. A block sees only the keys up to its end, and the backward pass computes its
 * scores again, so memory is linear in T and half of the T x T work is never done. Grouped queries share their key head by being
 * rows of one product. After FlashAttention (Dao et al. 2022), at the grain of ONNX operators.
 */
import type { Graph, Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"
import { customGradient } from "./CustomGradient.ts"
import { Emit, wideType } from "./Emit.ts"
import { blockLoop, type LoopBody, padBlock } from "./Loop.ts"

export interface BlockAttention {
  /** [B, H, T, E] */
  readonly q: Value
  /** [B, K, T, E], where K divides H */
  readonly k: Value
  readonly v: Value
  /** Of the scores; by default 1 / sqrt(E). */
  readonly scale?: number
  /**
   * Queries per block, by default 64. Forward and backward took 43, 43, 56 and 79 ms of processor time with 32, 64, 128 and 256 at B=8, H=8, K=2,
   * T=256, E=64 on one core with AVX-512 and 2 MiB of L2; 189, 187, 223 and 275 ms at B=2, H=14, T=1024.
   */
  readonly block?: number
  /** Keys that a query sees, itself included; all before it by default. A block reads no keys further back than that. */
  readonly window?: number
}

interface Sizes {
  readonly K: number
  readonly rep: number
  readonly E: number
  readonly scale: number
  readonly block: number
  readonly window: number | undefined
}

const sizesOf = ({ block = 64, k, q, scale, window }: BlockAttention): Sizes => {
  const [H, E, K] = [q.shape?.[1], q.shape?.[3], k.shape?.[1]]
  if (typeof H !== "number" || typeof E !== "number" || typeof K !== "number" || H % K !== 0) {
    throw artifactError(
      "BadOption",
      `blockAttention takes q [B, H, T, E] and k [B, K, T, E] with known H, K and E, K dividing H; they are ` +
        `[${q.shape?.join(", ")}] and [${k.shape?.join(", ")}]`,
      "Reshape q and k so",
      { tensor: q.name }
    )
  }
  return { K, rep: H / K, E, block, window, scale: scale ?? 1 / Math.sqrt(E) }
}

/** [B, H, T, ...] -> [B, K, rep, T, ...] */
const grouped = (g: Emit, value: Value, { K, rep }: Sizes, last: number): Value => g.reshape(value, [0, K, rep, -1, last])

/** The block's rows of [B, K, rep, T, last] as [B, K, rep c, last]. */
const rowsOf = (g: Emit, value: Value, { end, start }: LoopBody, last: number): Value =>
  g.reshape(g.slice(value, start, end, 3), [0, 0, -1, last])

/**
 * What is added to the scores within a block: 0 where a query sees a key, so far down elsewhere that exp gives 0. Columns are the keys of
 * the block or, with a window, also the window - 1 before them.
 */
const maskOf = (g: Emit, { block, window }: Sizes, q: Value): Value => {
  const square = (width: number) => g.op("Expand", [g.scalar(-1e30, wideType(q.type)), g.ints([block, width])])
  const above = (value: Value, k: number) => g.op("Trilu", [value, g.int(k)], { upper: 1 })
  if (window === undefined) return above(square(block), 1)
  const band = square(block + window - 1)
  return g.add(above(band, window), g.op("Trilu", [band, g.int(-1)], { upper: 0 }))
}

/** The first key that the block's queries see. */
const firstKey = ({ g, start }: LoopBody, { window }: Sizes): Value =>
  window === undefined ? g.ints([0]) : g.op("Max", [g.shift(start, 1 - window), g.ints([0])])

/** The mask of a block and its keys, [c, keys]. */
const blockMask = ({ end, g, start }: LoopBody, { window }: Sizes, mask: Value, first: Value): Value => {
  const count = g.sub(end, start)
  if (window === undefined) {
    const corner = g.op("Slice", [mask, g.ints([0, 0]), g.concat([count, count], 0), g.ints([0, 1])])
    return g.pad(corner, g.concat([start, g.ints([0])], 0), g.ints([1]))
  }
  const origin = g.shift(start, 1 - window)
  const from = g.concat([g.ints([0]), g.sub(first, origin)], 0)
  return g.op("Slice", [mask, from, g.concat([count, g.sub(end, origin)], 0), g.ints([0, 1])])
}

interface Block {
  readonly qs: Value
  readonly ks: Value
  readonly vs: Value
  /** [B, K, rep c, e]: the block's probabilities, in float32 at least. */
  readonly p: Value
  /** Where ks and vs begin, int64 [1]. */
  readonly first: Value
}

const blockOf = (body: LoopBody, sizes: Sizes, q5: Value, k: Value, v: Value, mask: Value): Block => {
  const { end, g } = body
  const first = firstKey(body, sizes)
  const qs = rowsOf(g, q5, body, sizes.E)
  const ks = g.slice(k, first, end, 2)
  const vs = g.slice(v, first, end, 2)
  const scores = g.matmul(qs, ks, { transB: true, alpha: sizes.scale })
  const keys = sizes.window === undefined ? end : g.sub(end, first)
  const byHead = g.reshape(g.cast(scores, mask.type), g.concat([g.ints([0, 0, sizes.rep, -1]), keys], 0))
  const masked = g.add(byHead, blockMask(body, sizes, mask, first))
  const p = g.reshape(g.op("Softmax", [masked], { axis: -1 }), g.concat([g.ints([0, 0, -1]), keys], 0))
  return { qs, ks, vs, p, first }
}

/** Rows of a block as a scan output [B, K, rep, block, E]. */
const scanOf = (body: LoopBody, rows: Value, { E, block, rep }: Sizes): Value =>
  padBlock(body, body.g.reshape(rows, [0, 0, rep, -1, E]), block, 3)

/** Stacked blocks [n, B, K, rep, block, E] as [B, H, T, E]. */
const unstack = (g: Emit, stacked: Value, like: Value, { E, K, rep }: Sizes): Value => {
  const joined = g.reshape(g.transpose(stacked, [1, 2, 3, 0, 4, 5]), [0, K * rep, -1, E])
  return g.like(g.slice(joined, g.ints([0]), g.dim(like, 2), 2), like)
}

/** softmax(scale q k^T + causal mask) v, [B, H, T, E]. T may be anything: a last block may be short. */
export const blockAttention = (graph: Graph, attention: BlockAttention): Value => {
  const sizes = sizesOf(attention)
  const { k, q, v } = attention
  const [output] = customGradient(
    graph,
    "attention",
    [q, k, v],
    (target) => {
      const g = new Emit(target)
      const q5 = grouped(g, q, sizes, sizes.E)
      const mask = maskOf(g, sizes, q)
      const [stacked] = blockLoop(target, {
        name: "attention",
        length: g.dim(q, 2),
        block: sizes.block,
        states: [],
        body: (body) => {
          const { p, vs } = blockOf(body, sizes, q5, k, v, mask)
          return { states: [], scans: [scanOf(body, body.g.matmul(body.g.cast(p, v.type), vs), sizes)] }
        }
      })
      return [unstack(g, stacked!, q, sizes)]
    },
    (target, { gradients: [dOut], outputs: [out] }) => {
      const g = new Emit(target)
      const [q5, d5] = [q, dOut!].map((value) => grouped(g, value, sizes, sizes.E)) as [Value, Value]
      // sum_j dp_ij p_ij = sum_e dout_ie out_ie: the softmax's inner product without another pass over the scores.
      const inner = grouped(g, g.sum(g.mul(g.wide(dOut!), g.wide(out!)), [-1], true), sizes, 1)
      const mask = maskOf(g, sizes, q)
      const wide = wideType(q.type)
      const none = g.op("Expand", [g.scalar(0, wide), g.concat([g.shape(k, 0, 2), g.ints([0, sizes.E])], 0)])
      const [dk, dv, dq] = blockLoop(target, {
        name: "attention_backward",
        length: g.dim(q, 2),
        block: sizes.block,
        states: [none, none],
        body: (body) => {
          const { g: b, end, start, states } = body
          const { first, ks, p, qs, vs } = blockOf(body, sizes, q5, k, v, mask)
          const ds = rowsOf(b, d5, body, sizes.E)
          const dProbabilities = b.cast(b.matmul(ds, vs, { transB: true }), wide)
          const dScores = b.cast(b.mul(p, b.sub(dProbabilities, rowsOf(b, inner, body, 1))), q.type)
          const placed = (gradient: Value) =>
            sizes.window === undefined ? gradient : b.pad(gradient, b.concat([first, b.ints([0])], 0), b.ints([2]))
          const longer = (state: Value, gradient: Value) =>
            b.add(b.pad(state, b.concat([b.ints([0]), b.sub(end, start)], 0), b.ints([2])), b.cast(placed(gradient), wide))
          return {
            states: [
              longer(states[0]!, b.matmul(dScores, qs, { transA: true, alpha: sizes.scale })),
              longer(states[1]!, b.matmul(b.cast(p, q.type), ds, { transA: true }))
            ],
            scans: [scanOf(body, b.matmul(dScores, ks, { alpha: sizes.scale }), sizes)]
          }
        }
      })
      return [
        unstack(g, dq!, q, sizes),
        ...[[dk!, k], [dv!, v]].map(([d, of]) => g.like(g.cast(d!, of!.type), of!))
      ]
    }
  )
  return output!
}
