// One step of GRPO, in the two halves of `runLoop`: `collect` (prompts, completions, rewards, advantages; may be
// interrupted) and `learn` (gradients and updates). Ids travel with every row, and pairing is checked, not assumed.
import { type Cursor, type PromptRow, Prompts, random } from "@ifrl/curriculum"
import type { ChatTokenizer } from "@ifrl/models"
import { type Reward, Rewards, type RewardSample } from "@ifrl/reward"
import { type Completion, type GenerateOptions, Rollout } from "@ifrl/rollout"
import {
  learningRate,
  type LearningRateSchedule,
  type MetricRecord,
  packMicroBatches,
  type PackOptions,
  Policy,
  type TrainError,
  type TrainingRow,
  unpackCompletions
} from "@ifrl/train"
import { Clock, Data, Effect } from "effect"
import { groupAdvantages } from "./Advantages.ts"
import { completionMetrics, mismatchMetrics, rewardMetrics } from "./GrpoMetrics.ts"
import type { ObjectiveConfig } from "./Objective.ts"
import { tokenWeights } from "./TokenWeights.ts"

export interface GrpoOptions {
  readonly promptsPerStep: number
  /** Completions of each prompt, at least 2. */
  readonly groupSize: number
  readonly maxTokens: number
  /** Temperature and filters, stop tokens, progress. */
  readonly sampling: GenerateOptions
  readonly seed: number
  /** Optimizer updates made from one rollout, each from an equal share of its prompts. */
  readonly updatesPerRollout: number
  readonly microBatch: PackOptions
  readonly objective: ObjectiveConfig
  readonly learningRate: number
  readonly schedule: LearningRateSchedule
  readonly maxGradNorm: number
  /** Steps of the whole run, for the schedule. */
  readonly steps: number
  /** Control experiment: rewards change places at random within each group, so that nothing can be learnt. */
  readonly shuffleRewards: boolean
  /** The prompt's tokens, chat template applied. */
  readonly encode: (row: PromptRow) => Effect.Effect<Int32Array, GrpoError>
  readonly tokenizer: ChatTokenizer
  /** What the constraints are about: the completion without its thought. */
  readonly answerOf: (text: string) => string
}

/** A step that cannot go on, with its prompt and what to do. */
export class GrpoError extends Data.TaggedError("GrpoError")<{
  readonly step: number
  readonly subject: string
  readonly reason: string
  readonly remedy: string
}> {
  override get message(): string {
    return `step ${this.step}: ${this.subject}: ${this.reason}; ${this.remedy}`
  }
}

/** One completion with everything that is known of it; also a line of the completions log. */
export interface Episode {
  readonly row: PromptRow
  readonly promptTokens: Int32Array
  readonly completion: Completion
  readonly text: string
  readonly reward: Reward
  readonly advantage: number
}

/** What a step has collected to learn from. */
export interface Collected {
  readonly episodes: ReadonlyArray<Episode>
  /** The data cursor after this step's prompts, for the checkpoint. */
  readonly cursor: Cursor
  readonly metrics: MetricRecord
}

/** Prompts, completions, rewards and advantages of one step. */
export const collect = Effect.fn("grpo.collect")(function*(options: GrpoOptions, step: number) {
  const prompts = yield* Prompts
  const rollout = yield* Rollout
  const rewards = yield* Rewards
  const G = options.groupSize
  const started = yield* Clock.currentTimeMillis
  const rows = yield* prompts.next(options.promptsPerStep)
  const cursor = yield* prompts.cursor
  const tokens = yield* Effect.forEach(rows, options.encode)
  const completions = yield* rollout.generate(
    rows.map((row, i) => ({
      id: `${i}:${row.id}`,
      promptTokens: tokens[i]!,
      count: G,
      maxTokens: options.maxTokens,
      key: { seed: options.seed, step }
    })),
    options.sampling
  )
  const generated = yield* Clock.currentTimeMillis
  for (const [i, completion] of completions.entries()) {
    const expected = `${Math.floor(i / G)}:${rows[Math.floor(i / G)]!.id}`
    if (completion.promptId !== expected || completion.index !== i % G) {
      return yield* new GrpoError({
        step,
        subject: completion.promptId,
        reason: `completion ${i} was expected to be number ${i % G} of ${expected}`,
        remedy: "the rollout engine must give completions in the order of its requests"
      })
    }
  }
  const texts = completions.map((c) => options.tokenizer.decode(c.tokens, { skipSpecial: true }))
  const samples = completions.map((completion, i): RewardSample => ({
    id: `${rows[Math.floor(i / G)]!.id}#${completion.index}`,
    row: rows[Math.floor(i / G)]!,
    text: texts[i]!,
    answer: options.answerOf(texts[i]!)
  }))
  const scored = yield* rewards.score(samples)
  const judged = yield* Clock.currentTimeMillis
  const groups = rows.map((_, i) => {
    const group = scored.slice(i * G, (i + 1) * G).map((r) => r.value)
    const values = options.shuffleRewards ? random(options.seed, "shuffle-rewards", step, i).shuffle(group) : group
    return groupAdvantages(values, options.objective.advantage)
  })
  const episodes = completions.map((completion, i): Episode => ({
    row: rows[Math.floor(i / G)]!,
    promptTokens: tokens[Math.floor(i / G)]!,
    completion,
    text: texts[i]!,
    reward: scored[i]!,
    advantage: groups[Math.floor(i / G)]!.advantages[i % G]!
  }))
  const sampled = completions.reduce((sum, c) => sum + c.tokens.length, 0)
  const collected: Collected = {
    episodes,
    cursor,
    metrics: {
      ...completionMetrics(completions),
      ...rewardMetrics(scored),
      frac_reward_zero_std: groups.filter((g) => g.degenerate).length / groups.length,
      level: rows.reduce((sum, row) => sum + row.level, 0) / rows.length,
      num_tokens: sampled + tokens.reduce((sum, t) => sum + t.length * G, 0),
      "timing_s/generate": (generated - started) / 1000,
      "timing_s/reward": (judged - generated) / 1000,
      "rollout/tokens_per_second": sampled / Math.max(1e-3, (generated - started) / 1000)
    }
  }
  return collected
})

/**
 * The rows of one update. The weights spread the loss over all tokens of the update's decided completions. The old
 * log-probs are the sampler's: it reads the very weights that are trained, so the two agree up to rounding (the
 * mismatch metrics say how closely).
 */
export const trainingRows = (episodes: ReadonlyArray<Episode>, options: GrpoOptions): Array<TrainingRow> => {
  const lengths = episodes.map((e) => e.reward.value === undefined ? 0 : e.completion.tokens.length)
  const weights = tokenWeights(lengths, options.objective.aggregation, options.maxTokens)
  return episodes.flatMap((episode, i) => {
    const { advantage, completion, promptTokens, row } = episode
    if (lengths[i] === 0) return []
    return [{
      id: `${row.id}#${completion.index}`,
      tokens: Int32Array.of(...promptTokens, ...completion.tokens),
      promptLength: promptTokens.length,
      fields: {
        weights: weights[i]!,
        advantages: new Float32Array(completion.tokens.length).fill(advantage),
        old_log_probs: completion.logProbs
      }
    }]
  })
}

/** The rows with the reference model's log-probs, for objectives with a KL penalty. */
const withReference = Effect.fnUntraced(function*(
  rows: ReadonlyArray<TrainingRow>,
  options: GrpoOptions
): Effect.fn.Return<ReadonlyArray<TrainingRow>, TrainError, Policy> {
  if (options.objective.klCoefficient === 0) return rows
  const policy = yield* Policy
  const batches = packMicroBatches(rows, options.microBatch)
  const outputs = yield* Effect.forEach(batches, (batch) => policy.evaluate(batch, { reference: true }))
  const reference = unpackCompletions(rows, batches, outputs.map((o) => o.logProbs))
  return rows.map((row, i) => ({ ...row, fields: { ...row.fields, ref_log_probs: reference[i]! } satisfies TrainingRow["fields"] }))
})

/** Names of the loss's sums over tokens, once divided by the number of tokens; `ratio` and others keep theirs. */
const tokenMetrics: Readonly<Record<string, string>> = {
  clipped_low: "clip_ratio/low_mean",
  clipped_high: "clip_ratio/high_mean"
}
const perToken = new Set(["clip_ratio/low_mean", "clip_ratio/high_mean", "ratio", "old_kl", "kl", "entropy"])

/** Gradients and optimizer updates of one step. */
export const learn = Effect.fn("grpo.learn")(function*(options: GrpoOptions, step: number, collected: Collected) {
  const policy = yield* Policy
  const started = yield* Clock.currentTimeMillis
  const { objective, updatesPerRollout } = options
  const share = Math.ceil(options.promptsPerStep / updatesPerRollout) * options.groupSize
  const sums: Record<string, number> = {}
  const add = (name: string, value: number) => {
    sums[name] = (sums[name] ?? 0) + value
  }
  let mismatch: MetricRecord = {}
  let updates = 0
  let rate = 0
  for (let from = 0; from < collected.episodes.length; from += share) {
    const rows = yield* withReference(trainingRows(collected.episodes.slice(from, from + share), options), options)
    if (rows.length === 0) continue
    const batches = packMicroBatches(rows, options.microBatch)
    const outputs = yield* Effect.forEach(batches, (batch) =>
      policy.accumulate(batch, {
        clip_low: objective.clipLow,
        clip_high: objective.clipHigh,
        kl_coefficient: objective.klCoefficient
      }))
    if (from === 0) {
      const trainer = unpackCompletions(rows, batches, outputs.map((o) => o.logProbs))
      mismatch = mismatchMetrics(rows.map((row) => row.fields.old_log_probs!), trainer)
    }
    const number = (step - 1) * updatesPerRollout + from / share + 1
    rate = learningRate(options.learningRate, options.schedule, number, options.steps * updatesPerRollout)
    const { applied, gradNorm } = yield* policy.update({ learningRate: rate, maxGradNorm: options.maxGradNorm })
    updates++
    add("grad_norm", gradNorm)
    add("skipped_updates", applied ? 0 : 1)
    outputs.forEach((output, m) => {
      add("policy_loss", output.loss)
      for (const [name, value] of Object.entries(output.metrics)) add(tokenMetrics[name] ?? name, value)
      batches[m]!.fields.weights!.forEach((weight, t) => weight > 0 && add("entropy", output.entropy[t]!))
    })
  }
  const { tokens = 0, ...totals } = sums
  const averaged = Object.fromEntries(
    Object.entries(totals).map(([name, value]) => [
      name,
      perToken.has(name) ? value / tokens : name === "skipped_updates" ? value : value / updates
    ])
  )
  const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000
  const metrics: MetricRecord = {
    ...collected.metrics,
    ...averaged,
    ...mismatch,
    learning_rate: rate,
    updates,
    "timing_s/update": seconds,
    "update/tokens_per_second": (collected.metrics.num_tokens ?? 0) / Math.max(1e-3, seconds)
  }
  return metrics
})
