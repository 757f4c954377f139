// What the policy is trained towards, as config. The formulas are graphs of @ifrl/artifacts.
import {
  importanceNames,
  klClamps,
  type KlClamp,
  klEstimators,
  type LossSpec,
  policyLoss,
  type PolicySpec
} from "@ifrl/artifacts"
import { Effect, Schema } from "effect"
import { AdvantageConfig } from "./Advantages.ts"
import { type ObjectiveName, objectiveNames, objectives } from "./Objectives.ts"
import { LossAggregation } from "./TokenWeights.ts"

const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string, unit?: string) =>
  schema
    .pipe(Schema.withDecodingDefaultKey(Effect.succeed(value)))
    .annotate(unit === undefined ? { description } : { description, unit })

const nonNegative = Schema.Finite.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))
const positive = Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)))
const positiveCount = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1)))

export const ImportanceConfig = Schema.Struct({
  name: field(
    Schema.Literals(["none", ...importanceNames]),
    "none",
    "Weights for what the sampler's distribution differs from the trainer's by: the ratio of a token or of a " +
      "sequence (product; " +
      "geometric: mean), truncated to its bounds or masked outside; none."
  ),
  low: field(nonNegative, 0, "Lower bound of the weight, a ratio."),
  high: field(positive, 3, "Upper bound of the weight, a ratio.")
})
export type ImportanceConfig = typeof ImportanceConfig.Type

export const ObjectiveConfig = Schema.Struct({
  name: field(
    Schema.Literals(objectiveNames),
    "grpo",
    "Policy objective; each brings its authors' defaults for the fields below where nothing else is said."
  ),
  clipLow: field(
    nonNegative,
    0.2,
    "How far below 1 the probability ratio may pull, a ratio (gmpo: nats; dppo_tv: a probability)."
  ),
  clipHigh: field(
    nonNegative,
    0.2,
    "How far above 1 the probability ratio may pull, a ratio (gmpo: nats; dppo_tv: a probability)."
  ),
  dualClip: field(
    nonNegative,
    0,
    "Largest cost of a token with a negative advantage, in units of that advantage; 0 for no limit."
  ),
  ratioCap: field(
    nonNegative,
    0,
    "Largest probability ratio that counts whatever the advantage's sign (TRL's delta), a ratio; 0 for no limit."
  ),
  positiveTemperature: field(positive, 1, "Steepness of sapo's gate for positive advantages, per unit of ratio."),
  negativeTemperature: field(positive, 1.05, "Steepness of sapo's gate for other advantages, per unit of ratio."),
  klCoefficient: field(
    nonNegative,
    0,
    "Weight of the KL penalty (nats per token) towards the model at the start; 0 needs no reference model."
  ),
  klEstimator: field(
    Schema.Literals(klEstimators),
    "k3",
    "Estimate of the KL from the sampled token: k1, abs, k2, k3; k1+ and k3+ have the gradient of k2."
  ),
  klClamp: field(
    Schema.Literals(Object.keys(klClamps) as ReadonlyArray<KlClamp>),
    "tangent",
    "What is done about large log-ratios: tangent keeps k3 finite with a gradient everywhere; the others do as the " +
      "system of that name."
  ),
  klCorrected: field(
    Schema.Boolean,
    false,
    "Multiply the KL penalty by the probability ratio, which is right for tokens of the old policy too."
  ),
  klIn: field(
    Schema.Literals(["loss", "reward"]),
    "loss",
    "loss: the KL penalty has a gradient of its own; reward: its sum over a response is taken off the response's " +
      "reward (as k1)."
  ),
  entropyCoefficient: field(nonNegative, 0, "Weight of the entropy bonus, per nat of a token's entropy."),
  importance: field(ImportanceConfig, {}, "Weights for tokens sampled from another distribution than the trainer's."),
  offPolicyLimit: field(
    nonNegative,
    0,
    "Responses with a negative advantage teach nothing once their log-prob has fallen by more than this, nats per " +
      "token; 0 for no limit."
  ),
  aggregation: field(
    LossAggregation,
    "token-mean",
    "token-mean: every token of an update counts the same; sequence-mean: every completion; fixed-length: divided by " +
      "completions x " +
      "maxTokens; sequence-sum: by completions; token-sum: by nothing; micro-batch-mean: token mean within every " +
      "aggregationRows completions."
  ),
  aggregationRows: field(
    positiveCount,
    4,
    "Completions that micro-batch-mean averages over, in the order of the rollout, in rows."
  ),
  advantage: field(AdvantageConfig, {}, "How the rewards of a group become advantages.")
})
export type ObjectiveConfig = typeof ObjectiveConfig.Type
/** What a config file may say: any part of it. */
export type ObjectiveInput = typeof ObjectiveConfig.Encoded

const withDefaults = (under: object, over: object): object => ({
  ...under,
  ...Object.fromEntries(
    Object.entries(over).map(([key, value]) => {
      const below = (under as Record<string, unknown>)[key]
      const nested = typeof value === "object" && value !== null && typeof below === "object" && below !== null
      return [key, nested ? withDefaults(below, value) : value]
    })
  )
})

/**
 * A config where all but the given is as the objective's authors have it, and beyond that the default. Throws
 * SchemaError.
 */
export const objectiveConfig = (given: ObjectiveInput = {}): ObjectiveConfig =>
  Schema.decodeSync(ObjectiveConfig)(withDefaults(objectives[given.name ?? "grpo"].defaults, given))

/** Whether the objective needs the log-probs of a reference model. */
export const needsReference = ({ klCoefficient }: ObjectiveConfig): boolean => klCoefficient > 0

const limit = (x: number): number | undefined => (x === 0 ? undefined : x)

/** The structure of the objective's graph. */
export const policySpec = (config: ObjectiveConfig): PolicySpec => {
  const {
    importance: { high, low, name },
    klClamp,
    klCorrected,
    klEstimator
  } = config
  return {
    surrogate: objectives[config.name].surrogate,
    dualClip: limit(config.dualClip),
    ratioCap: limit(config.ratioCap),
    positiveTemperature: config.positiveTemperature,
    negativeTemperature: config.negativeTemperature,
    kl:
      needsReference(config) && config.klIn === "loss"
        ? { estimator: klEstimator, clamp: klClamp, corrected: klCorrected }
        : undefined,
    entropy: config.entropyCoefficient > 0,
    importance: name === "none" ? undefined : { name, low, high },
    offPolicyLimit: limit(config.offPolicyLimit)
  }
}

/** The scalar inputs of the objective's graph; it takes those that it has. */
export const objectiveScalars = (config: ObjectiveConfig): Readonly<Record<string, number>> => ({
  clip_low: config.clipLow,
  clip_high: config.clipHigh,
  kl_coefficient: config.klCoefficient,
  entropy_coefficient: config.entropyCoefficient
})

/**
 * The loss that `generateArtifacts` trains a policy with.
 *
 * @param temperature that of sampling: all log-probs are then those of the tempered distribution
 */
export const objectiveLoss = (config: ObjectiveConfig, temperature = 1): LossSpec =>
  policyLoss(config.name satisfies ObjectiveName, policySpec(config), temperature)

/** What the sums of an objective's graph are called once divided by its `tokens`; TRL's names where it has one. */
export const tokenMetricNames: Readonly<Record<string, string>> = {
  clipped_low: "clip_ratio/low_mean",
  clipped_high: "clip_ratio/high_mean",
  ratio: "ratio",
  old_kl: "old_kl",
  kl: "kl",
  importance: "importance_weight/mean",
  off_policy: "off_policy_ratio"
}
