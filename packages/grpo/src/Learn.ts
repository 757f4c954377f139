// The second half of a step: several updates from one rollout, in minibatches counted in prompts.
import { random } from "@ifrl/curriculum"
import {
  type BatchOutputs,
  learningRate,
  type MetricRecord,
  type MicroBatch,
  packMicroBatches,
  Policy,
  type TrainingRow,
  unpackCompletions
} from "@ifrl/train"
import { Clock, Effect } from "effect"
import {
  type Collected,
  type Episode,
  type GrpoOptions,
  minibatches,
  policyLogProbs,
  updatesPerRollout
} from "./Grpo.ts"
import { divergence, mismatchMetrics, UpdateTotals, verlNames } from "./GrpoMetrics.ts"
import { objectiveScalars, policySpec } from "./Objective.ts"
import { isTruncated } from "./Overlong.ts"
import { tokenWeights } from "./TokenWeights.ts"

/** Tokens of an episode that are learnt from; none where the reward is undecided or a truncated completion is masked. */
const learntLength = ({ completion, reward }: Episode, { overlong }: GrpoOptions): number =>
  reward.value === undefined || (overlong.mask && isTruncated(completion)) ? 0 : completion.tokens.length

/**
 * The rows of one update. The weights spread the loss over all tokens of the update's decided completions. The old
 * log-probs are the sampler's: it reads the very weights that are trained, so the two agree up to rounding (the
 * mismatch metrics say how closely).
 */
export const trainingRows = (episodes: ReadonlyArray<Episode>, options: GrpoOptions): Array<TrainingRow> => {
  const lengths = episodes.map((episode) => learntLength(episode, options))
  const { aggregation, aggregationRows } = options.objective
  const weights = tokenWeights(lengths, aggregation, options.maxTokens, aggregationRows)
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
        old_log_probs: policyLogProbs(completion, options),
        sampler_log_probs: policyLogProbs(completion, options)
      }
    }]
  })
}

/** Log-probs of the rows' completions under the present or the reference weights, one array a row. */
const evaluated = Effect.fnUntraced(function*(
  rows: ReadonlyArray<TrainingRow>,
  options: GrpoOptions,
  reference: boolean
) {
  const policy = yield* Policy
  const batches = packMicroBatches(rows, options.microBatch)
  const outputs = yield* Effect.forEach(batches, (batch) => policy.evaluate(batch, { reference }))
  return unpackCompletions(rows, batches, outputs.map((output) => output.logProbs))
})

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    const value = yield* effect
    return { value, seconds: ((yield* Clock.currentTimeMillis) - started) / 1000 }
  })

/** The rows' log-probs as numbered in all episodes: rows of masked episodes have none. */
interface Frozen {
  readonly old?: ReadonlyMap<string, Float32Array>
  readonly reference?: ReadonlyMap<string, Float32Array>
}

/** What stays the same over the updates of a rollout: the trainer's own log-probs before them, and the reference's. */
const freeze = Effect.fnUntraced(function*(collected: Collected, options: GrpoOptions) {
  const rows = numbered(collected.episodes.map((episode, place) => ({ episode, place })), options)
  const byId = (values: ReadonlyArray<Float32Array>) => new Map(rows.map((row, i) => [row.id, values[i]!]))
  const metrics: Record<string, number> = {}
  let frozen: Frozen = {}
  if (options.oldLogProbs === "trainer" && rows.length > 0) {
    const { seconds, value } = yield* timed(evaluated(rows, options, false))
    frozen = { ...frozen, old: byId(value) }
    metrics["timing_s/old_log_prob"] = seconds
  }
  if (policySpec(options.objective).kl !== undefined && rows.length > 0) {
    const { seconds, value } = yield* timed(evaluated(rows, options, true))
    frozen = { ...frozen, reference: byId(value) }
    metrics["timing_s/ref"] = seconds
  }
  return { frozen, metrics }
})

interface Placed {
  readonly episode: Episode
  /** Among all episodes of the rollout: two prompts of one rollout may be the same. */
  readonly place: number
}

/** `trainingRows` whose ids begin with the place of their episode. */
const numbered = (placed: ReadonlyArray<Placed>, options: GrpoOptions): Array<TrainingRow> => {
  const learnt = placed.filter(({ episode }) => learntLength(episode, options) > 0)
  const rows = trainingRows(placed.map(({ episode }) => episode), options)
  return rows.map((row, i) => ({ ...row, id: `${learnt[i]!.place}:${row.id}` }))
}

const withFrozen = (rows: ReadonlyArray<TrainingRow>, { old, reference }: Frozen): ReadonlyArray<TrainingRow> =>
  old === undefined && reference === undefined ? rows : rows.map((row) => ({
    ...row,
    fields: {
      ...row.fields,
      ...(old !== undefined && { old_log_probs: old.get(row.id)! }),
      ...(reference !== undefined && { ref_log_probs: reference.get(row.id)! })
    }
  }))

/** The episodes of each update, in order: equal shares of the rollout's groups, shuffled from the second pass on. */
const plan = (collected: Collected, options: GrpoOptions, step: number): Array<Array<Placed>> => {
  const G = options.groupSize
  const parts = minibatches(options)
  const groups = Array.from({ length: collected.episodes.length / G }, (_, i) => i)
  const placed = (group: number) =>
    Array.from({ length: G }, (_, g): Placed => ({ episode: collected.episodes[group * G + g]!, place: group * G + g }))
  return Array.from({ length: options.epochs }, (_, epoch) => {
    const order = epoch === 0 ? groups : random(options.seed, "minibatches", step, epoch).shuffle(groups)
    const cut = (part: number) => Math.floor((part * order.length) / parts)
    return Array.from({ length: parts }, (_, part) => order.slice(cut(part), cut(part + 1)).flatMap(placed))
  }).flat()
}

/** Tokens that carry a weight and something to learn: an advantage, or a penalty that all tokens have. */
const effectiveTokens = (rows: ReadonlyArray<TrainingRow>, { objective }: GrpoOptions): number => {
  const always = policySpec(objective).kl !== undefined || objective.entropyCoefficient > 0
  return rows.reduce((sum, { fields: { advantages, weights } }) =>
    sum + weights!.reduce((n, w, t) => n + (w !== 0 && (always || advantages![t] !== 0) ? 1 : 0), 0), 0)
}

/** Gradients and optimizer updates of one step. */
export const learn = Effect.fn("grpo.learn")(function*(options: GrpoOptions, step: number, collected: Collected) {
  const policy = yield* Policy
  const started = yield* Clock.currentTimeMillis
  const { guards, objective } = options
  const scalars = objectiveScalars(objective)
  const { frozen, metrics: freezing } = yield* freeze(collected, options)
  const totals = new UpdateTotals()
  const planned = updatesPerRollout(options)
  let mismatch: MetricRecord = {}
  let measured = false
  let rate = 0
  let stoppedEarly = false
  for (const [k, placed] of plan(collected, options, step).entries()) {
    const rows = withFrozen(numbered(placed, options), frozen)
    const effective = effectiveTokens(rows, options)
    // Nothing to learn: an update would move the weights by decay and momentum alone.
    if (effective === 0) {
      totals.empty()
      if (measured || rows.length === 0) continue
      const own = yield* evaluated(rows, options, false)
      mismatch = mismatchMetrics(rows.map((row) => row.fields.sampler_log_probs!), own)
      measured = true
      continue
    }
    const batches = packMicroBatches(rows, options.microBatch)
    const outputs: ReadonlyArray<BatchOutputs> = yield* Effect.forEach(batches, (batch: MicroBatch) =>
      policy.accumulate(batch, scalars))
    const trainer = unpackCompletions(rows, batches, outputs.map((o) => o.logProbs))
    if (!measured) {
      measured = true
      const before = frozen.old === undefined ? trainer : rows.map((row) => frozen.old!.get(row.id)!)
      mismatch = mismatchMetrics(rows.map((row) => row.fields.sampler_log_probs!), before)
    }
    const kl = divergence(rows.map((row) => row.fields.old_log_probs!), trainer)
    if (guards.targetKl > 0 && kl > guards.targetKl) {
      yield* policy.discard
      stoppedEarly = true
      break
    }
    rate = learningRate(options.learningRate, options.schedule, (step - 1) * planned + k + 1, options.steps * planned)
    const { applied, gradNorm } = yield* policy.update({
      learningRate: rate,
      maxGradNorm: options.maxGradNorm,
      skipGradNorm: guards.skipGradNorm
    })
    totals.add({ applied, batches, effective, gradNorm, kl, outputs })
  }
  const seconds = ((yield* Clock.currentTimeMillis) - started) / 1000
  const metrics: MetricRecord = {
    ...collected.metrics,
    ...mismatch,
    ...totals.metrics,
    ...freezing,
    learning_rate: rate,
    early_stop: stoppedEarly ? 1 : 0,
    "timing_s/update": seconds,
    "update/tokens_per_second": (collected.metrics.num_tokens ?? 0) / Math.max(1e-3, seconds)
  }
  return { ...metrics, ...verlNames(metrics) }
})
