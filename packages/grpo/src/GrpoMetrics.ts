// What one step of GRPO looked like, under the names of TRL's GRPOTrainer where TRL has one, else of verl; `verlNames`
// gives verl's own names beside them. A metric that has nothing to be computed from is left out.
import type { PromptRow } from "@ifrl/curriculum"
import { failureCounts, type Reward, scoreOf } from "@ifrl/reward"
import type { Completion } from "@ifrl/rollout"
import type { BatchOutputs, MetricRecord, MicroBatch } from "@ifrl/train"
import type { Episode } from "./Grpo.ts"
import { tokenMetricNames } from "./Objective.ts"
import { isTruncated } from "./Overlong.ts"

const sum = (xs: Iterable<number>) => {
  let total = 0
  for (const x of xs) total += x
  return total
}
const mean = (xs: ReadonlyArray<number>) => sum(xs) / xs.length
const least = (xs: ReadonlyArray<number>) => xs.reduce((a, b) => Math.min(a, b), Infinity)
const most = (xs: ReadonlyArray<number>) => xs.reduce((a, b) => Math.max(a, b), -Infinity)

const std = (xs: ReadonlyArray<number>) => {
  const m = mean(xs)
  return Math.sqrt(sum(xs.map((x) => (x - m) ** 2)) / Math.max(1, xs.length - 1))
}

/** `prefix/mean`, `prefix/min`, `prefix/max`; nothing of nothing. */
const summary = (prefix: string, xs: ReadonlyArray<number>): MetricRecord =>
  xs.length === 0 ? {} : { [`${prefix}/mean`]: mean(xs), [`${prefix}/min`]: least(xs), [`${prefix}/max`]: most(xs) }

/** Metrics with the ones that had nothing to be computed from left out. */
const finite = (record: Record<string, number>): MetricRecord =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => !Number.isNaN(value)))

const groupBy = <A>(items: ReadonlyArray<A>, key: (item: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const item of items) {
    const found = groups.get(key(item))
    if (found === undefined) groups.set(key(item), [item])
    else found.push(item)
  }
  return groups
}

/** Lengths in tokens and how the completions ended. */
export const completionMetrics = (completions: ReadonlyArray<Completion>): MetricRecord => {
  const lengths = completions.map((c) => c.tokens.length)
  const ended = completions.filter((c) => !isTruncated(c)).map((c) => c.tokens.length)
  const share = (reason: Completion["stopReason"]) =>
    completions.filter((c) => c.stopReason === reason).length / completions.length
  return finite({
    "completions/mean_length": mean(lengths),
    "completions/min_length": least(lengths),
    "completions/max_length": most(lengths),
    "completions/mean_terminated_length": mean(ended),
    ...(ended.length > 0 && {
      "completions/min_terminated_length": least(ended),
      "completions/max_terminated_length": most(ended)
    }),
    "completions/clipped_ratio": 1 - ended.length / completions.length,
    "stop/stop": share("stop"),
    "stop/length": share("length"),
    "stop/cancelled": share("cancelled")
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
    ...(values.length > 0 && { "critic/score/min": least(values), "critic/score/max": most(values) }),
    "rewards/format/mean": mean(rewards.map((r) => r.formatted ? 1 : 0)),
    "rewards/undecided": rewards.length - values.length,
    "rewards/failed_parts": failed,
    ...Object.fromEntries(Object.entries(failureCounts(rewards)).map(([kind, count]) => [`rewards/failed_parts/${kind}`, count])),
    "rewards/abstained_parts": abstained,
    ...Object.fromEntries([...byPart].flatMap(([name, scores]) => [
      [`rewards/${name}/mean`, mean(scores)],
      [`rewards/${name}/std`, std(scores)]
    ]))
  })
}

/** What the metrics of a rollout's groups are made of. */
export interface SampledGroup {
  readonly row: PromptRow
  readonly promptTokens: Int32Array
  readonly completions: ReadonlyArray<Completion>
  readonly rewards: ReadonlyArray<Reward>
  readonly degenerate: boolean
}

const decidedOf = (group: SampledGroup) => group.rewards.flatMap((r) => r.value === undefined ? [] : [r.value])

/**
 * Zero-variance groups, and the standard deviation of rewards within a group on average; rewards by curriculum level; rewards
 * and lengths by domain. Of all groups sampled.
 */
export const groupMetrics = (groups: ReadonlyArray<SampledGroup>, promptsPerStep: number): MetricRecord => {
  const rewardOf = (members: ReadonlyArray<SampledGroup>) => mean(members.flatMap(decidedOf))
  const lengthOf = (members: ReadonlyArray<SampledGroup>) =>
    mean(members.flatMap((group) => group.completions.map((c) => c.tokens.length)))
  const by = (
    key: (group: SampledGroup) => string,
    prefix: string,
    of: (members: ReadonlyArray<SampledGroup>) => number
  ) =>
    Object.fromEntries([...groupBy(groups, key)].map(([name, members]) => [`${prefix}/${name}`, of(members)]))
  const domain = ({ row }: SampledGroup) => row.domain === "" ? "other" : row.domain
  return finite({
    reward_std: mean(groups.map(decidedOf).filter((rewards) => rewards.length > 1).map(std)),
    frac_reward_zero_std: groups.filter((group) => group.degenerate).length / groups.length,
    level: mean(groups.map((group) => group.row.level)),
    "rollout/prompts": groups.length,
    "rollout/resampled_prompts": Math.max(0, groups.length - promptsPerStep),
    ...summary("prompt_length", groups.map((group) => group.promptTokens.length)),
    ...by(({ row }) => String(row.level), "reward/level", rewardOf),
    ...by(domain, "reward/domain", rewardOf),
    ...by(domain, "response_length", lengthOf)
  })
}

/** Of the episodes that are learnt from. */
export const episodeMetrics = (episodes: ReadonlyArray<Episode>): MetricRecord => ({
  ...summary("critic/advantages", episodes.map((e) => e.advantage)),
  ...(episodes.length > 0 && { "rewards/shaping/mean": mean(episodes.map((e) => e.shaping)) })
})

/**
 * How far the sampler's log-probs are from the trainer's for the same tokens under the same weights: absolute
 * differences of log-probs (nats) and of probabilities, the correlation of the probabilities, and the importance ratio
 * trainer over sampler.
 */
export const mismatchMetrics = (
  sampler: ReadonlyArray<Float32Array>,
  trainer: ReadonlyArray<Float32Array>
): MetricRecord => {
  let n = 0
  const log = { sum: 0, max: 0 }
  const probability = { sum: 0, squares: 0, max: 0 }
  const ratio = { sum: 0, min: Infinity, max: -Infinity }
  const moments = { x: 0, y: 0, xx: 0, yy: 0, xy: 0 }
  sampler.forEach((values, row) =>
    values.forEach((value, t) => {
      const other = trainer[row]![t]!
      const d = Math.abs(value - other)
      const [x, y] = [Math.exp(value), Math.exp(other)]
      const p = Math.abs(x - y)
      log.sum += d
      log.max = Math.max(log.max, d)
      probability.sum += p
      probability.squares += p * p
      probability.max = Math.max(probability.max, p)
      const r = Math.exp(other - value)
      ratio.sum += r
      ratio.min = Math.min(ratio.min, r)
      ratio.max = Math.max(ratio.max, r)
      moments.x += x
      moments.y += y
      moments.xx += x * x
      moments.yy += y * y
      moments.xy += x * y
      n++
    })
  )
  if (n === 0) return {}
  const { x, xx, xy, y, yy } = moments
  const spread = Math.sqrt((n * xx - x * x) * (n * yy - y * y))
  return finite({
    "sampling/sampling_logp_difference/mean": log.sum / n,
    "sampling/sampling_logp_difference/max": log.max,
    "sampling/importance_sampling_ratio/mean": ratio.sum / n,
    "sampling/importance_sampling_ratio/min": ratio.min,
    "sampling/importance_sampling_ratio/max": ratio.max,
    "training/rollout_probs_diff_mean": probability.sum / n,
    "training/rollout_probs_diff_max": probability.max,
    "training/rollout_probs_diff_std": Math.sqrt(Math.max(0, probability.squares / n - (probability.sum / n) ** 2)),
    "training/rollout_actor_probs_pearson_corr": spread > 0 ? (n * xy - x * y) / spread : NaN
  })
}

/** verl's guidance for the mean difference of probabilities: below the first normal, above the second a problem. */
export const mismatchThresholds = { notice: 0.005, problem: 0.01 } as const

/** What to tell a person about a step's metrics, by what it is about; an empty object when there is nothing. */
export const warnings = (metrics: MetricRecord): Readonly<Record<string, string>> => {
  const difference = metrics["training/rollout_probs_diff_mean"] ?? 0
  const { notice, problem } = mismatchThresholds
  const shown = difference.toPrecision(2)
  return {
    ...(difference > problem
      ? {
        "mismatch-problem":
          `sampler and trainer give the same tokens probabilities that differ by ${shown} on average, above ${problem}: ` +
          "the gradient is biased; set train.oldLogProbs=trainer and an importance weight, or look for what differs"
      }
      : difference > notice
      ? { mismatch: `sampler and trainer give the same tokens probabilities that differ by ${shown}, above ${notice}` }
      : {}),
    ...((metrics.skipped_updates ?? 0) > 0 && {
      skipped: `${metrics.skipped_updates} update(s) skipped: gradient not finite or longer than guards.skipGradNorm`
    }),
    ...(metrics["tokens/effective"] === 0 && {
      idle: "nothing was trained: no token had both a weight and an advantage"
    }),
    ...(metrics.early_stop === 1 && { kl: "the rollout's last updates were dropped: KL above guards.targetKl" })
  }
}

/** Mean over tokens of (r - 1) - log r, r = new / old probability: an estimate of KL(old || new), never negative. */
export const divergence = (old: ReadonlyArray<Float32Array>, now: ReadonlyArray<Float32Array>): number => {
  let total = 0
  let n = 0
  old.forEach((values, row) =>
    values.forEach((value, t) => {
      const d = now[row]![t]! - value
      total += Math.expm1(d) - d
      n++
    })
  )
  return n === 0 ? 0 : total / n
}

/** One optimizer update, made or skipped. */
export interface UpdateRecord {
  readonly applied: boolean
  readonly gradNorm: number
  /** KL from the policy that sampled, before this update. */
  readonly kl: number
  readonly effective: number
  readonly batches: ReadonlyArray<MicroBatch>
  readonly outputs: ReadonlyArray<BatchOutputs>
}

/** The loss's sums over tokens that become means per token, and their names. */
const perToken: Readonly<Record<string, string>> = { ...tokenMetricNames, entropy: "entropy" }

/** Adds up the updates of a step. */
export class UpdateTotals {
  private updates: Array<{ readonly sums: Record<string, number>; readonly record: UpdateRecord }> = []
  private nothing = 0

  /** An update with nothing to learn was left out. */
  empty(): void {
    this.nothing++
  }

  add(record: UpdateRecord): void {
    const sums: Record<string, number> = { policy_loss: 0, entropy: 0 }
    record.outputs.forEach((output, m) => {
      sums.policy_loss! += output.loss
      for (const [name, value] of Object.entries(output.metrics)) sums[name] = (sums[name] ?? 0) + value
      record.batches[m]!.fields.weights!.forEach((weight, t) => {
        if (weight > 0) sums.entropy! += output.entropy[t]!
      })
    })
    this.updates.push({ sums, record })
  }

  get metrics(): MetricRecord {
    const records = this.updates.map(({ record }) => record)
    const all = (name: string) => this.updates.map(({ sums }) => sums[name] ?? 0)
    const tokens = sum(all("tokens"))
    const shares = (name: string) => this.updates.map(({ sums }) => (sums[name] ?? 0) / sums.tokens!)
    // Where there is nothing to learn, the gradient is 0.
    const still = Array.from({ length: this.nothing }, () => 0)
    const norms = [...records.map((r) => r.gradNorm).filter(Number.isFinite), ...still]
    const names = Object.keys(perToken).filter((name) => this.updates.some(({ sums }) => name in sums))
    const made = records.filter((r) => r.applied).length
    return finite({
      ...Object.fromEntries(names.map((name) => [perToken[name]!, sum(all(name)) / tokens])),
      ...(names.includes("clipped_low") && { "clip_ratio/low_min": least(shares("clipped_low")) }),
      ...(names.includes("clipped_high") && { "clip_ratio/high_max": most(shares("clipped_high")) }),
      ...(names.includes("clipped_low") && names.includes("clipped_high") && {
        "clip_ratio/region_mean": (sum(all("clipped_low")) + sum(all("clipped_high"))) / tokens
      }),
      policy_loss: mean(all("policy_loss")),
      approx_kl: mean(records.map((r) => r.kl)),
      ...(norms.length > 0 && { grad_norm: mean(norms), "grad_norm/max": most(norms) }),
      updates: made,
      skipped_updates: records.length - made,
      empty_updates: this.nothing,
      "tokens/weighted": tokens,
      "tokens/effective": sum(records.map((r) => r.effective))
    })
  }
}

/** verl's names of metrics that have another here. `actor/pg_loss` is the whole loss, a KL penalty in it included. */
const verl: Readonly<Record<string, string>> = {
  "actor/pg_loss": "policy_loss",
  "actor/pg_clipfrac": "clip_ratio/region_mean",
  "actor/ppo_kl": "old_kl",
  "actor/kl_loss": "kl",
  "actor/entropy": "entropy",
  "actor/grad_norm": "grad_norm",
  "actor/lr": "learning_rate",
  "critic/score/mean": "reward",
  "response_length/mean": "completions/mean_length",
  "response_length/min": "completions/min_length",
  "response_length/max": "completions/max_length",
  "response_length/clip_ratio": "completions/clipped_ratio",
  "response/aborted_ratio": "stop/cancelled",
  "timing_s/gen": "timing_s/generate",
  "timing_s/update_actor": "timing_s/update",
  "perf/total_num_tokens": "num_tokens"
}

/** A step's metrics under the names that verl users know. */
export const verlNames = (metrics: MetricRecord): MetricRecord =>
  Object.fromEntries(Object.entries(verl).flatMap(([name, ours]) => ours in metrics ? [[name, metrics[ours]!]] : []))
