// How per-token losses become one number. The weights are computed over the whole optimizer step, before it is cut into
// micro-batches: the loss of a step is the sum of weight * loss over its tokens, whatever the cut.
import { Schema } from "effect"

export const LossAggregation = Schema.Literals([
  "token-mean",
  "sequence-mean",
  "fixed-length",
  "sequence-sum",
  "token-sum",
  "micro-batch-mean"
])
/**
 * - token-mean: every token of the step counts the same (DAPO, arXiv 2503.14476; the default).
 * - sequence-mean: every completion counts the same (GRPO, arXiv 2402.03300).
 * - fixed-length: divided by completions x the maximal length, so that length buys nothing (Dr. GRPO, arXiv
 *   2503.20783).
 * - sequence-sum: divided by completions (verl's seq-mean-token-sum).
 * - token-sum: divided by nothing.
 * - micro-batch-mean: the token mean within every so many completions in their order, averaged: what systems do that
 *   let each micro-batch take its own mean (verl-if, TRL's bnpo). Depends on the rows and their order, and on nothing
 *   else.
 */
export type LossAggregation = typeof LossAggregation.Type

export interface AggregationOptions {
  /** The longest completion allowed, for fixed-length. */
  readonly maxTokens: number
  /** Completions averaged over by micro-batch-mean. */
  readonly rows?: number
}

interface Totals extends AggregationOptions {
  readonly lengths: ReadonlyArray<number>
  /** Tokens of all completions, and completions that have any. */
  readonly tokens: number
  readonly completions: number
}

type Weight = (length: number, row: number) => number

const total = (lengths: ReadonlyArray<number>) => lengths.reduce((sum, length) => sum + length, 0)

const microBatchMean = ({ lengths, rows = lengths.length }: Totals): Weight => {
  const runs = Array.from({ length: Math.ceil(lengths.length / rows) }, (_, m) =>
    total(lengths.slice(m * rows, (m + 1) * rows))
  )
  const full = runs.filter((tokens) => tokens > 0).length
  return (_, row) => 1 / (full * runs[Math.floor(row / rows)]!)
}

const weights: Record<LossAggregation, (totals: Totals) => Weight> = {
  "token-mean":
    ({ tokens }) =>
    () =>
      1 / tokens,
  "sequence-mean":
    ({ completions }) =>
    (length) =>
      1 / (completions * length),
  "fixed-length":
    ({ completions, maxTokens }) =>
    () =>
      1 / (completions * maxTokens),
  "sequence-sum":
    ({ completions }) =>
    () =>
      1 / completions,
  "token-sum": () => () => 1,
  "micro-batch-mean": microBatchMean
}

/** The weight that each token of a completion has, by completion; 0 for those of length 0, which are not counted. */
export const rowWeights = (
  lengths: ReadonlyArray<number>,
  aggregation: LossAggregation,
  options: AggregationOptions
): Array<number> => {
  const weight = weights[aggregation]({
    ...options,
    lengths,
    tokens: total(lengths),
    completions: lengths.filter((length) => length > 0).length
  })
  return lengths.map((length, row) => (length > 0 ? weight(length, row) : 0))
}

/**
 * One weight a token for each completion of an optimizer step.
 *
 * @param lengths completion lengths in tokens; a length of 0 (a masked completion) gets no weight and is not counted
 * @param maxTokens the longest completion allowed, for fixed-length
 * @param rows completions averaged over by micro-batch-mean
 */
export const tokenWeights = (
  lengths: ReadonlyArray<number>,
  aggregation: LossAggregation,
  maxTokens: number,
  rows?: number
): Array<Float32Array> =>
  rowWeights(lengths, aggregation, { maxTokens, ...(rows !== undefined && { rows }) }).map((weight, i) =>
    new Float32Array(lengths[i]!).fill(weight)
  )
