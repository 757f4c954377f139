// How per-token losses become one number. The weights are computed over the whole optimizer step, before it is cut into
// micro-batches: the loss of a step is the sum of weight * loss over its tokens, whatever the cut.
import { Schema } from "effect"

export const LossAggregation = Schema.Literals(["token-mean", "sequence-mean", "fixed-length"])
/**
 * - token-mean: every token of the step counts the same (DAPO, arXiv 2503.14476; the default).
 * - sequence-mean: every completion counts the same (GRPO, arXiv 2402.03300).
 * - fixed-length: divided by completions x the maximal length, so that length buys nothing (Dr. GRPO, arXiv 2503.20783).
 */
export type LossAggregation = typeof LossAggregation.Type

const weights: Record<
  LossAggregation,
  (totals: { readonly tokens: number; readonly rows: number; readonly maxTokens: number }) => (length: number) => number
> = {
  "token-mean": ({ tokens }) => () => 1 / tokens,
  "sequence-mean": ({ rows }) => (length) => 1 / (rows * length),
  "fixed-length": ({ maxTokens, rows }) => () => 1 / (rows * maxTokens)
}

/**
 * One weight a token for each completion of an optimizer step.
 *
 * @param lengths completion lengths in tokens; a length of 0 (a masked completion) gets no weight and is not counted
 * @param maxTokens the longest completion allowed, for fixed-length
 */
export const tokenWeights = (
  lengths: ReadonlyArray<number>,
  aggregation: LossAggregation,
  maxTokens: number
): Array<Float32Array> => {
  const tokens = lengths.reduce((sum, length) => sum + length, 0)
  const rows = lengths.filter((length) => length > 0).length
  const weight = weights[aggregation]({ tokens, rows, maxTokens })
  return lengths.map((length) => new Float32Array(length).fill(length > 0 ? weight(length) : 0))
}
