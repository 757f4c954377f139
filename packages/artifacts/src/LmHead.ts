/**
 * The language-model head with its log-softmax, by chunks of tokens inside a Loop: the N x V logits never exist at once, and
 * the backward pass computes each chunk's again.
 */
import type { Graph, Value } from "@ifrl/onnx"
import { Accumulated, customGradient } from "./CustomGradient.ts"
import { Emit, wideType } from "./Emit.ts"
import { blockLoop, padBlock } from "./Loop.ts"

export interface LmHead {
  /** [N, D] */
  readonly hidden: Value
  /** [V, D], as Hugging Face stores it; the embedding itself where the two are tied. */
  readonly weight: Value
  /** [N] int64, each in 0..V-1: the token whose log-probability is asked for. */
  readonly labels: Value
  /** Tokens per chunk; by default `lmHeadChunk(V)`. */
  readonly chunk?: number
}

/** Logits that a chunk may hold: 4 Mi, of which a backward chunk keeps about three copies (48 MB in float32). */
const chunkLogits = 4 * 1024 * 1024

/**
 * Tokens per chunk for a vocabulary: as many as fit the budget, but at least 256. Each chunk reads the weight and reads and writes its
 * whole gradient once, which small chunks don't repay: with V = 151,936 and D = 896, 512 tokens took 12.0, 7.1, 6.4 and 5.9 s of processor
 * time in chunks of 32, 128, 256 and 512.
 */
export const lmHeadChunk = (vocabulary: number): number =>
  Math.min(2048, Math.max(256, 2 ** Math.floor(Math.log2(chunkLogits / vocabulary))))

interface Chunk {
  readonly x: Value
  readonly label: Value
  readonly logProb: Value
}

/** Log-probabilities of a chunk over the vocabulary, [c, V], in float32 at least. */
const chunkOf = (g: Emit, { hidden, labels, weight }: LmHead, start: Value, end: Value): Chunk => {
  const x = g.slice(hidden, start, end, 0)
  const logits = g.matmul(x, weight, { transB: true })
  return {
    x,
    label: g.unsqueeze(g.slice(labels, start, end, 0), [1]),
    logProb: g.op("LogSoftmax", [g.wide(logits)], { axis: -1 })
  }
}

const negativeEntropy = (g: Emit, probability: Value, logProb: Value): Value => g.sum(g.mul(probability, logProb), [1], true)

/**
 * Log-probabilities of the labels and entropies of the predicted distributions (in nats, temperature 1), both [N] in float32 or
 * wider. Gradients: dlogits = dlogProb (onehot - p) - dentropy p (log p + H); the weight's is accumulated over chunks as the
 * Loop's state, which starts from the gradient buffer where there is one.
 */
export const lmHeadLogProbs = (graph: Graph, head: LmHead): { readonly logProbs: Value; readonly entropy: Value } => {
  const vocabulary = head.weight.shape?.[0]
  const block = head.chunk ?? (typeof vocabulary === "number" ? lmHeadChunk(vocabulary) : 256)
  const [logProbs, entropy] = customGradient(
    graph,
    "lm_head",
    [head.hidden, head.weight],
    (target) => forward(target, head, block),
    (target, { gradients, needs, totals }) => {
      const g = new Emit(target)
      const { hidden, weight } = head
      const initial = () => totals[1] ?? g.full(0, weight, wideType(weight.type))
      const [first, second] = blockLoop(target, {
        name: "lm_head_backward",
        length: g.dim(hidden, 0),
        block,
        states: needs[1] ? [initial()] : [],
        body: (body) => {
          const { end, g: b, start, states: [dWeight] } = body
          const { label, logProb, x } = chunkOf(b, head, start, end)
          const [dLogProb, dEntropy] = gradients.map((gradient) =>
            gradient === undefined ? undefined : b.unsqueeze(b.slice(gradient, start, end, 0), [1])
          )
          const p = b.exp(logProb)
          const spread = dEntropy === undefined
            ? undefined
            : b.mul(b.sub(logProb, negativeEntropy(b, p, logProb)), dEntropy)
          const slope = spread === undefined ? dLogProb! : dLogProb === undefined ? spread : b.add(spread, dLogProb)
          const smooth = b.mul(p, b.neg(slope))
          const dWide = dLogProb === undefined
            ? smooth
            : b.op("ScatterElements", [smooth, label, dLogProb], { axis: 1, reduction: "add" })
          const d = b.cast(dWide, x.type)
          const scans = needs[0] ? [padBlock(body, b.matmul(d, weight), block, 0)] : []
          if (dWeight === undefined) return { states: [], scans }
          const product = (total?: Value) => b.gemm(d, x, { transA: true }, total)
          const fused = dWeight.type === x.type
          return { states: [fused ? product(dWeight) : b.add(dWeight, b.cast(product(), dWeight.type))], scans }
        }
      })
      const dWeight = needs[1] ? first : undefined
      const stacked = needs[1] ? second : first
      const dHidden = needs[0]
        ? g.like(g.slice(g.rows(stacked!), g.ints([0]), g.dim(hidden, 0), 0), hidden)
        : undefined
      if (dWeight === undefined) return [dHidden, undefined]
      return [dHidden, totals[1] === undefined ? g.cast(dWeight, weight.type) : new Accumulated(dWeight)]
    }
  ) as [Value, Value]
  return { logProbs, entropy }
}

const forward = (graph: Graph, head: LmHead, block: number): Array<Value> => {
  const g = new Emit(graph)
  const none = graph.constant(wideType(head.hidden.type), [], [0])
  const results = blockLoop(graph, {
    name: "lm_head",
    length: g.dim(head.hidden, 0),
    block,
    states: [none, none],
    body: ({ end, g: b, start, states }) => {
      const { label, logProb } = chunkOf(b, head, start, end)
      const chosen = b.op("GatherElements", [logProb, label], { axis: 1 })
      const entropy = b.neg(negativeEntropy(b, b.exp(logProb), logProb))
      const grown = [chosen, entropy].map((value, i) => b.concat([states[i]!, b.reshape(value, [-1])], 0))
      return { states: grown, scans: [] }
    }
  })
  return results.map((value) => g.like(value, head.labels))
}
