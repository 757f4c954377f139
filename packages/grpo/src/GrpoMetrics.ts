// What one step of GRPO looked like, under the names of TRL's GRPOTrainer where TRL has one.
import { type Reward, scoreOf } from "@ifrl/reward"
import type { Completion } from "@ifrl/rollout"
import type { MetricRecord } from "@ifrl/train"

const mean = (xs: ReadonlyArray<number>) => xs.reduce((a, b) => a + b, 0) / xs.length

const std = (xs: ReadonlyArray<number>) => {
  const m = mean(xs)
  return Math.sqrt(xs.reduce((sum, x) => sum + (x - m) ** 2, 0) / Math.max(1, xs.length - 1))
}

/** Metrics with the ones that had nothing to be computed from left out. */
const finite = (record: Record<string, number>): MetricRecord =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => !Number.isNaN(value)))

/** Lengths in tokens and how the completions ended. */
export const completionMetrics = (completions: ReadonlyArray<Completion>): MetricRecord => {
  const lengths = completions.map((c) => c.tokens.length)
  const ended = completions.filter((c) => c.stopReason === "stop").map((c) => c.tokens.length)
  return finite({
    "completions/mean_length": mean(lengths),
    "completions/min_length": Math.min(...lengths),
    "completions/max_length": Math.max(...lengths),
    "completions/mean_terminated_length": mean(ended),
    "completions/clipped_ratio": 1 - ended.length / completions.length,
    "stop/stop": ended.length / completions.length,
    "stop/length": completions.filter((c) => c.stopReason === "length").length / completions.length
  })
}

/** Rewards over the step and by part; failed and abstained parts are counted, never averaged. */
export const rewardMetrics = (rewards: ReadonlyArray<Reward>): MetricRecord => {
  const values = rewards.flatMap((r) => r.value === undefined ? [] : [r.value])
  const byPart = new Map<string, Array<number>>()
  let failed = 0
  let abstained = 0
  for (const { name, outcome } of rewards.flatMap((r) => r.parts)) {
    if (outcome._tag === "Failed") failed++
    else if (outcome._tag === "Abstained") abstained++
    else byPart.set(name, [...(byPart.get(name) ?? []), scoreOf(outcome)])
  }
  return finite({
    reward: mean(values),
    reward_std: values.length === 0 ? NaN : std(values),
    "rewards/format/mean": mean(rewards.map((r) => r.formatted ? 1 : 0)),
    "rewards/undecided": rewards.length - values.length,
    "rewards/failed_parts": failed,
    "rewards/abstained_parts": abstained,
    ...Object.fromEntries([...byPart].map(([name, scores]) => [`rewards/${name}/mean`, mean(scores)]))
  })
}

/**
 * How far the sampler's log-probs are from the trainer's for the same tokens under the same weights: absolute
 * differences of log-probs (nats) and of probabilities. verl takes a mean probability difference below 0.005 as
 * normal and above 0.01 as a problem.
 */
export const mismatchMetrics = (
  sampler: ReadonlyArray<Float32Array>,
  trainer: ReadonlyArray<Float32Array>
): MetricRecord => {
  let count = 0
  const log = { sum: 0, max: 0 }
  const probability = { sum: 0, max: 0 }
  sampler.forEach((values, row) =>
    values.forEach((value, t) => {
      const other = trainer[row]![t]!
      const d = Math.abs(value - other)
      const p = Math.abs(Math.exp(value) - Math.exp(other))
      log.sum += d
      log.max = Math.max(log.max, d)
      probability.sum += p
      probability.max = Math.max(probability.max, p)
      count++
    })
  )
  return finite({
    "sampling/sampling_logp_difference/mean": log.sum / count,
    "sampling/sampling_logp_difference/max": log.max,
    "training/rollout_probs_diff_mean": probability.sum / count,
    "training/rollout_probs_diff_max": probability.max
  })
}
