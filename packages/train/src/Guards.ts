// What ends a run that no longer learns, or learns the wrong thing. The counters are plain JSON and go into the
// checkpoint, so that a resumed run stops where an unbroken one would have.
import { Effect, Schema } from "effect"
import type { MetricRecord } from "./Metrics.ts"
import { TrainError } from "./TrainError.ts"

const limit = (schema: Schema.Int | Schema.Finite, value: number, unit: string, description: string) =>
  schema.pipe(
    Schema.check(Schema.isGreaterThanOrEqualTo(0)),
    Schema.withDecodingDefaultKey(Effect.succeed(value))
  ).annotate({ description, unit })

export const GuardsConfig = Schema.Struct({
  skipGradNorm: limit(
    Schema.Finite,
    0,
    "global L2 norm",
    "A gradient longer than this skips its update, as one that is not finite always does; 0 for no limit."
  ),
  maxSkipped: limit(
    Schema.Int,
    10,
    "updates",
    "Updates skipped one after another, for gradients not finite or too long, before the run stops; 0 goes on for ever."
  ),
  idleSteps: limit(
    Schema.Int,
    20,
    "steps",
    "Steps one after another in which nothing was trained before the run stops; 0 goes on for ever."
  ),
  targetKl: limit(
    Schema.Finite,
    0,
    "nats per token",
    "Mean KL from the policy that sampled beyond which a rollout's remaining updates are dropped; 0 drops none."
  ),
  stopKl: limit(
    Schema.Finite,
    0,
    "nats per token",
    "Mean KL from the reference model beyond which the run ends; it is only known with a KL penalty. 0 for no limit."
  )
})
export type GuardsConfig = typeof GuardsConfig.Type

/** Counters of a run's guards; plain JSON. */
export interface GuardState {
  /** Updates skipped since the last that was made. */
  readonly skipped: number
  /** Steps without anything trained since the last that trained. */
  readonly idle: number
}

export const guardStart: GuardState = { skipped: 0, idle: 0 }

/** Why a run ends before its last step. */
export interface Stop {
  readonly reason: string
  /** Set when the run cannot be said to have succeeded. */
  readonly failure?: TrainError
}

const failing = (subject: string, reason: string, remedy: string): Stop => ({
  reason,
  failure: new TrainError({ operation: "train", subject, reason, remedy })
})

/**
 * The guards after a step. Read from its metrics: `updates` that were made, `skipped_updates`, `tokens/effective`
 * (tokens with a weight and an advantage), and `kl` towards the reference.
 */
export const guard = (
  config: GuardsConfig,
  state: GuardState,
  step: number,
  metrics: MetricRecord
): { readonly state: GuardState; readonly stop?: Stop } => {
  const { kl = 0, skipped_updates: skipped = 0, updates = 0 } = metrics
  const effective = metrics["tokens/effective"] ?? 1
  const next = {
    skipped: updates > 0 ? 0 : state.skipped + skipped,
    idle: updates > 0 && effective > 0 ? 0 : state.idle + 1
  }
  const skips = `the last ${next.skipped} updates were skipped: gradients not finite or longer than guards.skipGradNorm`
  const afterSkips = "lower optimizer.learningRate, or resume from an earlier checkpoint with another train.seed"
  if (config.maxSkipped > 0 && next.skipped >= config.maxSkipped) {
    return { state: next, stop: failing(`step ${step}`, skips, afterSkips) }
  }
  if (config.idleSteps > 0 && next.idle >= config.idleSteps) {
    return {
      state: next,
      stop: failing(
        `step ${step}`,
        `nothing was trained in the last ${next.idle} steps: ` +
          (next.skipped > 0 ? skips : "no token had both a weight and an advantage"),
        next.skipped > 0 ? afterSkips : "look at reward, frac_reward_zero_std and completions/clipped_ratio in metrics.jsonl: " +
          "rewards within groups must differ"
      )
    }
  }
  if (config.stopKl > 0 && kl > config.stopKl) {
    const reason = `KL from the reference is ${kl.toFixed(4)}, above guards.stopKl ${config.stopKl}`
    return { state: next, stop: { reason } }
  }
  return { state: next }
}
