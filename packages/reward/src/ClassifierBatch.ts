// Encoded pairs as micro-batches of a classification: sorted by length, so that little is padded.
import type { MicroBatch } from "@ifrl/train"

/** A pair as tokens; label and weight are for training. */
export interface EncodedPair {
  readonly tokens: Int32Array
  readonly label?: boolean
  readonly weight?: number
}

/** Class 1 follows the constraint, class 0 doesn't. */
export const classLabels = ["not followed", "followed"] as const

/** Micro-batches of at most `maxTokens` tokens, padding included; a longer single pair makes one of its own. */
export const classifierBatches = (pairs: ReadonlyArray<EncodedPair>, maxTokens: number): Array<MicroBatch> => {
  const order = pairs.map((_, i) => i).toSorted((a, b) => pairs[b]!.tokens.length - pairs[a]!.tokens.length || a - b)
  const batches: Array<MicroBatch> = []
  for (let from = 0; from < order.length;) {
    const T = pairs[order[from]!]!.tokens.length
    const rows = order.slice(from, from + Math.max(1, Math.floor(maxTokens / T)))
    from += rows.length
    const inputIds = new BigInt64Array(rows.length * T)
    rows.forEach((index, b) => pairs[index]!.tokens.forEach((token, t) => (inputIds[b * T + t] = BigInt(token))))
    batches.push({
      rows,
      B: rows.length,
      T,
      inputIds,
      labels: BigInt64Array.from(rows, (index) => pairs[index]!.label === true ? 1n : 0n),
      fields: { weights: Float32Array.from(rows, (index) => pairs[index]!.weight ?? 1) },
      positions: BigInt64Array.from(rows, (index) => BigInt(pairs[index]!.tokens.length - 1))
    })
  }
  return batches
}

/** Logit of "followed" less that of "not followed", one a pair, in the order of the pairs, from each batch's logits [B, 2]. */
export const marginsOf = (
  batches: ReadonlyArray<Pick<MicroBatch, "rows">>,
  logits: ReadonlyArray<ArrayLike<number>>
): Array<number> => {
  const margins: Array<number> = []
  batches.forEach(({ rows }, m) =>
    rows.forEach((index, b) => (margins[index] = logits[m]![2 * b + 1]! - logits[m]![2 * b]!))
  )
  return margins
}
