// The reward of a batch of completions: every function's parts, gathered, gated and aggregated, with an error budget.
import { Context, Effect, Layer, Schema } from "effect"
import { aggregate, AggregationConfig, failures, type Reward } from "./Aggregation.ts"
import type { RewardFunction, RewardSample } from "./RewardFunction.ts"

export const RewardsConfig = Schema.Struct({
  aggregation: AggregationConfig.pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))).annotate({
    description: "How the parts of a reward become one number."
  }),
  errorBudget: Schema.Finite.pipe(
    Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
    Schema.withDecodingDefaultKey(Effect.succeed(0.05))
  ).annotate({
    description: "Share of the completions of one batch whose reward may fail before the run stops; 0 stops at the first."
  })
})
export type RewardsConfig = typeof RewardsConfig.Type

/** Too many rewards failed: the run stops rather than learn from what is left. */
export class RewardError extends Schema.TaggedError<RewardError>()("RewardError", {
  failed: Schema.Int,
  total: Schema.Int,
  budget: Schema.Finite,
  /** The first failure. */
  sample: Schema.String,
  part: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.failed} of ${this.total} rewards failed (budget ${this.budget}); first: ${this.part} on ${this.sample}: ` +
      `${this.reason}; mend the reward or the row, or raise reward.errorBudget`
  }
}

/** Judges completions. */
export class Rewards extends Context.Service<Rewards, {
  /** One reward for each sample, in order. */
  readonly score: (samples: ReadonlyArray<RewardSample>) => Effect.Effect<ReadonlyArray<Reward>, RewardError>
}>()("@ifrl/reward/Rewards") {
  /**
   * @param functions their parts are put together in this order
   * @param isFormatted whether a completion has the required form (the format gate)
   */
  static readonly layer = <R = never>(
    functions: ReadonlyArray<RewardFunction<R>>,
    isFormatted: (sample: RewardSample) => boolean,
    config: RewardsConfig
  ): Layer.Layer<Rewards, never, R> =>
    Layer.effect(
      Rewards,
      Effect.gen(function*() {
        const context = yield* Effect.context<R>()
        const score = Effect.fn("Rewards.score")(function*(samples: ReadonlyArray<RewardSample>) {
          const columns = yield* Effect.forEach(functions, (f) => f.score(samples)).pipe(Effect.provideContext(context))
          const rewards = samples.map((sample, i) =>
            aggregate(columns.flatMap((column) => column[i]!), isFormatted(sample), config.aggregation)
          )
          const broken = rewards.flatMap((reward, i) => failures(reward.parts).length > 0 ? [i] : [])
          const first = broken[0]
          if (first !== undefined && broken.length > config.errorBudget * samples.length) {
            const part = failures(rewards[first]!.parts)[0]!
            return yield* new RewardError({
              failed: broken.length,
              total: samples.length,
              budget: config.errorBudget,
              sample: samples[first]!.id,
              part: part.name,
              reason: part.outcome.reason
            })
          }
          return rewards
        })
        return Rewards.of({ score })
      })
    )
}
