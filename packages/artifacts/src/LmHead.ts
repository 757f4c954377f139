/**
 * The language-model head with its log-softmax, by chunks of tokens inside a Loop: the N x V logits never exist at once, and
 * the backward pass computes each chunk's again. Where the loss is a sum over tokens, `lmHeadLoss` needs no second pass.
 */
import type { Graph, Value } from "@ifrl/onnx"
import { Accumulated, customGradient } from "./CustomGradient.ts"
import { Emit, wideType } from "./Emit.ts"
import { blockLoop, type LoopBody, padBlock } from "./Loop.ts"
import { once } from "./Rule.ts"

/** Log-probabilities of the labels and entropies, in nats. */
export interface TokenValues {
  readonly logProbs: Value
  readonly entropy: Value
}

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

/** A head whose chunk size is settled. */
export interface ChunkedHead extends LmHead {
  readonly chunk: number
}

export const chunked = (head: LmHead): ChunkedHead => {
  const vocabulary = head.weight.shape?.[0]
  return { ...head, chunk: head.chunk ?? (typeof vocabulary === "number" ? lmHeadChunk(vocabulary) : 256) }
}

/** What a chunk predicts, in float32 at least. */
export interface Chunk {
  /** [c, D] */
  readonly x: Value
  /** [c, 1] */
  readonly label: Value
  /** Log-probabilities over the vocabulary and probabilities, [c, V]. */
  readonly logP: Value
  readonly p: Value
  /** Sum of p log p, [c, 1]; emitted where it is asked for. */
  readonly negativeEntropy: () => Value
}

export const chunkOf = ({ end, g, start }: LoopBody, { hidden, labels, weight }: LmHead): Chunk => {
  const x = g.slice(hidden, start, end, 0)
  const logP = g.op("LogSoftmax", [g.wide(g.matmul(x, weight, { transB: true }))], { axis: -1 })
  const p = g.exp(logP)
  return {
    x,
    label: g.unsqueeze(g.slice(labels, start, end, 0), [1]),
    logP,
    p,
    negativeEntropy: once(() => g.sum(g.mul(p, logP), [1], true))
  }
}

/** A chunk's log-probabilities of the labels and its entropies, [c] each. */
export const perTokenOf = (g: Emit, { label, logP, negativeEntropy }: Chunk): TokenValues => ({
  logProbs: g.reshape(g.op("GatherElements", [logP, label], { axis: 1 }), [-1]),
  entropy: g.reshape(g.neg(negativeEntropy()), [-1])
})

/** The loss's slopes along a chunk's values, [c]; undefined where it has none. */
export type Slopes = { readonly [K in keyof TokenValues]: Value | undefined }

/**
 * Gradients of a chunk: dlogits = dlogProb (onehot - p) - dentropy p (log p + H). The hidden states' is padded to a full
 * chunk, the weight's is added to `dWeight`; either is left out where it isn't needed.
 */
export const chunkGradients = (
  body: LoopBody,
  { chunk, weight }: ChunkedHead,
  { label, logP, negativeEntropy, p, x }: Chunk,
  slopes: Slopes,
  needed: { readonly hidden: boolean; readonly dWeight: Value | undefined }
): { readonly dHidden: ReadonlyArray<Value>; readonly dWeight: ReadonlyArray<Value> } => {
  const { g } = body
  const [dLogProb, dEntropy] = [slopes.logProbs, slopes.entropy].map((slope) => slope && g.unsqueeze(slope, [1]))
  const spread = dEntropy && g.mul(g.sub(logP, negativeEntropy()), dEntropy)
  const slope = spread === undefined ? dLogProb! : dLogProb === undefined ? spread : g.add(spread, dLogProb)
  const smooth = g.mul(p, g.neg(slope))
  const dWide = dLogProb === undefined
    ? smooth
    : g.op("ScatterElements", [smooth, label, dLogProb], { axis: 1, reduction: "add" })
  const d = g.cast(dWide, x.type)
  const dHidden = needed.hidden ? [padBlock(body, g.matmul(d, weight), chunk, 0)] : []
  const { dWeight } = needed
  if (dWeight === undefined) return { dHidden, dWeight: [] }
  const product = (total?: Value) => g.gemm(d, x, { transA: true }, total)
  return { dHidden, dWeight: [dWeight.type === x.type ? product(dWeight) : g.add(dWeight, g.cast(product(), dWeight.type))] }
}

/** What a Loop over chunks gathered as gradient of the hidden states, [n, c, D] -> [N, D]. */
export const unchunk = (g: Emit, stacked: Value, hidden: Value): Value =>
  g.like(g.slice(g.rows(stacked), g.ints([0]), g.dim(hidden, 0), 0), hidden)

/** An empty vector for the Loop to append per-token values to. */
export const emptyVector = (graph: Graph, { hidden }: LmHead): Value => graph.constant(wideType(hidden.type), [], [0])

/**
 * Log-probabilities of the labels and entropies of the predicted distributions (in nats, temperature 1), both [N] in float32 or
 * wider. The weight's gradient is accumulated over chunks as the Loop's state, which starts from the gradient buffer where there is one.
 */
export const lmHeadLogProbs = (graph: Graph, lmHead: LmHead): TokenValues => {
  const head = chunked(lmHead)
  const { chunk, hidden, weight } = head
  const [logProbs, entropy] = customGradient(
    graph,
    "lm_head",
    [hidden, weight],
    (target) => forward(target, head),
    (target, { gradients, needs, totals }) => {
      const g = new Emit(target)
      const initial = () => totals[1] ?? g.full(0, weight, wideType(weight.type))
      const results = blockLoop(target, {
        name: "lm_head_backward",
        length: g.dim(hidden, 0),
        block: chunk,
        states: needs[1] ? [initial()] : [],
        body: (body) => {
          const { end, g: b, start, states: [dWeight] } = body
          const [dLogProbs, dEntropy] = gradients.map((gradient) => gradient && b.slice(gradient, start, end, 0))
          const slopes = { logProbs: dLogProbs, entropy: dEntropy }
          const made = chunkGradients(body, head, chunkOf(body, head), slopes, { hidden: needs[0]!, dWeight })
          return { states: made.dWeight, scans: made.dHidden }
        }
      })
      const dWeight = needs[1] ? results[0] : undefined
      const dHidden = needs[0] ? unchunk(g, results.at(-1)!, hidden) : undefined
      if (dWeight === undefined) return [dHidden, undefined]
      return [dHidden, totals[1] === undefined ? g.cast(dWeight, weight.type) : new Accumulated(dWeight)]
    }
  ) as [Value, Value]
  return { logProbs, entropy }
}

const forward = (graph: Graph, head: ChunkedHead): Array<Value> => {
  const g = new Emit(graph)
  const none = emptyVector(graph, head)
  const results = blockLoop(graph, {
    name: "lm_head",
    length: g.dim(head.hidden, 0),
    block: head.chunk,
    states: [none, none],
    body: (body) => {
      const { entropy, logProbs } = perTokenOf(body.g, chunkOf(body, head))
      return { states: [logProbs, entropy].map((value, i) => body.g.concat([body.states[i]!, value], 0)), scans: [] }
    }
  })
  return results.map((value) => g.like(value, head.labels))
}
