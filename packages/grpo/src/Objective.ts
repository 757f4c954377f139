// What the policy is trained towards, as config. The formulas are graphs of @ifrl/artifacts.
import { Effect, Schema } from "effect"
import { AdvantageConfig } from "./Advantages.ts"
import { LossAggregation } from "./TokenWeights.ts"

const ratio = (value: number, description: string) =>
  Schema.Finite.pipe(
    Schema.check(Schema.isGreaterThanOrEqualTo(0)),
    Schema.withDecodingDefaultKey(Effect.succeed(value))
  ).annotate({ description })

export const ObjectiveConfig = Schema.Struct({
  name: Schema.Literals(["grpo"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("grpo" as const))).annotate({
    description: "Policy objective; grpo is the clipped probability ratio with an optional KL penalty."
  }),
  clipLow: ratio(0.2, "How far below 1 the probability ratio may pull, a ratio."),
  clipHigh: ratio(0.2, "How far above 1 the probability ratio may pull, a ratio."),
  klCoefficient: ratio(
    0,
    "Weight of the KL penalty (k3, nats per token) towards the model at the start; 0 needs no reference model."
  ),
  aggregation: LossAggregation.pipe(Schema.withDecodingDefaultKey(Effect.succeed("token-mean" as const))).annotate({
    description:
      "token-mean: every token of an update counts the same; sequence-mean: every completion; fixed-length: divided by completions x maxTokens."
  }),
  advantage: AdvantageConfig.pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))).annotate({
    description: "How the rewards of a group become advantages."
  })
})
export type ObjectiveConfig = typeof ObjectiveConfig.Type
