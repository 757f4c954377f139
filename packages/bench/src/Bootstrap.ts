// Percentile bootstrap (Efron 1979) of the difference of two means measured on the same prompts.
import { philox } from "@ifrl/runtime"

export interface Interval {
  readonly difference: number
  readonly low: number
  readonly high: number
}

/**
 * `mean(after) - mean(before)` with its bootstrap interval over prompts. The pairs are resampled together, because
 * before and after are of the same prompts.
 *
 * @param confidence share of the resamples inside the interval, 0.95 for the usual one
 */
export const bootstrapDifference = (
  before: ReadonlyArray<number>,
  after: ReadonlyArray<number>,
  options: { readonly seed: number; readonly resamples?: number; readonly confidence?: number }
): Interval => {
  if (before.length !== after.length || before.length === 0) {
    throw new RangeError(`bootstrapDifference: ${before.length} values before, ${after.length} after; give one pair a prompt`)
  }
  const { confidence = 0.95, resamples = 10_000, seed } = options
  const differences = after.map((value, i) => value - before[i]!)
  const n = differences.length
  const means = Float64Array.from({ length: resamples }, (_, resample) => {
    const draws = philox({ seed, step: resample, row: 0 }, n)
    return draws.reduce((sum, u) => sum + differences[Math.floor(u * n)]!, 0) / n
  }).sort()
  const at = (share: number) => means[Math.min(resamples - 1, Math.max(0, Math.floor(share * resamples)))]!
  const tail = (1 - confidence) / 2
  return { difference: differences.reduce((a, b) => a + b, 0) / n, low: at(tail), high: at(1 - tail) }
}
