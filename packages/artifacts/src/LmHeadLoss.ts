/**
 * The language-model head together with a loss that is a sum over tokens. The slope of such a loss along a token's log-probability
 * is known as soon as that is, so one pass over the chunks gives values and gradients: the logits are computed once, where
 * `lmHeadLogProbs` computes them again in its backward pass. After Liger Kernel's fused linear cross-entropy (arXiv 2410.10989),
 * for any objective.
 */
import { type Graph, tensorValues, type Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"
import { Accumulated, customGradient } from "./CustomGradient.ts"
import { differentiate } from "./Differentiate.ts"
import { Emit } from "./Emit.ts"
import { chunked, chunkGradients, chunkOf, emptyVector, type LmHead, perTokenOf, type TokenValues, unchunk } from "./LmHead.ts"
import { blockLoop } from "./Loop.ts"

/** Scalars that add over tokens. */
export interface Totals {
  readonly loss: Value
  readonly metrics: Readonly<Record<string, Value>>
}

export interface LmHeadLoss extends LmHead {
  /** What the objective takes for each token, [N]. */
  readonly fields: Readonly<Record<string, Value>>
  /**
   * Emits the totals of a chunk of tokens, [c] each. A token's part must depend on values of that token alone, and on
   * scalars of the graph.
   */
  readonly objective: (g: Emit, tokens: TokenValues, fields: Readonly<Record<string, Value>>) => Totals
  /** The weight's gradient buffer, to which its gradient is added in place; undefined where it isn't trained. */
  readonly buffer: Value | undefined
  /** Whether anything before the head is trained. */
  readonly needsHidden: boolean
}

/**
 * Loss and metrics over all tokens, and the per-token values [N]. `loss` must be what is differentiated, as it is; the per-token
 * values carry no gradient.
 */
export const lmHeadLoss = (graph: Graph, options: LmHeadLoss): Totals & TokenValues => {
  const { buffer, fields, needsHidden, objective } = options
  const head = chunked(options)
  const { hidden, weight } = head
  let names: ReadonlyArray<string> = []
  let dWeight: Value | undefined
  let stacked: Value | undefined
  const forward = (target: Graph): Array<Value> => {
    const g = new Emit(target)
    const none = emptyVector(target, head)
    const [logProbs, entropy, ...rest] = blockLoop(target, {
      name: "lm_head_loss",
      length: g.dim(hidden, 0),
      block: head.chunk,
      states: [none, none, ...(buffer === undefined ? [] : [buffer])],
      body: (body) => {
        const { end, g: b, start, states } = body
        const chunk = chunkOf(body, head)
        const tokens = perTokenOf(b, chunk)
        const own = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, b.slice(value, start, end, 0)]))
        const { loss, metrics } = objective(b, tokens, own)
        const slopes = differentiate(b.graph, { loss, wrt: [tokens.logProbs, tokens.entropy] })
        const made = chunkGradients(
          body,
          head,
          chunk,
          { logProbs: slopes.get(tokens.logProbs), entropy: slopes.get(tokens.entropy) },
          { hidden: needsHidden, dWeight: states[2] }
        )
        names = Object.keys(metrics)
        const totals = b.concat([loss, ...Object.values(metrics)].map((total) => b.reshape(total, [1])), 0)
        const grown = [tokens.logProbs, tokens.entropy].map((value, i) => b.concat([states[i]!, value], 0))
        return { states: [...grown, ...made.dWeight], scans: [totals, ...made.dHidden] }
      }
    })
    const [weightGradient, totals, hiddenGradient] = buffer === undefined ? [undefined, ...rest] : rest
    dWeight = weightGradient
    stacked = hiddenGradient
    const sums = g.sum(totals!, [0])
    return [
      ...["loss", ...names].map((_, i) => g.op("Gather", [sums, g.int(i)])),
      ...[logProbs, entropy].map((value) => g.like(value!, head.labels))
    ]
  }
  const outputs = customGradient(graph, "lm_head_loss", [hidden, weight], forward, (target, { gradients, totals }) => {
    const g = new Emit(target)
    const seed = gradients[0] && g.contents(gradients[0])
    if (seed === undefined || Number(tensorValues(seed)[0]) !== 1 || gradients.slice(1).some((one) => one !== undefined) || totals[1] !== buffer) {
      throw artifactError(
        "NotDifferentiable",
        "The loss of lmHeadLoss is part of a larger loss, or its weight is used by more than the head and what comes before it",
        "Use lmHeadLogProbs, whose outputs may go into any loss",
        { tensor: weight.name }
      )
    }
    return [stacked && unchunk(g, stacked, hidden), dWeight && new Accumulated(dWeight)]
  })
  const [loss, ...rest] = outputs as [Value, ...Array<Value>]
  const [logProbs, entropy] = rest.slice(names.length) as [Value, Value]
  return { loss, metrics: Object.fromEntries(names.map((name, i) => [name, rest[i]!])), logProbs, entropy }
}
