// From the outcomes of a completion's constraints to its reward, the breakdown kept.
import { Effect, Schema } from "effect"
import { type Failed, type FailureKind, failureKinds, type Outcome, scoreOf } from "./Outcome.ts"

/** One constraint's or one reward function's part in a reward. */
export interface RewardPart {
  /** Constraint id or the reward function's name. */
  readonly name: string
  readonly weight: number
  readonly outcome: Outcome
}

/** The reward of one completion. `value` is undefined when it could not be decided: it then trains nothing. */
export interface Reward {
  readonly value: number | undefined
  readonly parts: ReadonlyArray<RewardPart>
  /** Why `value` is undefined. */
  readonly undecided?: "failed" | "abstained"
  /** False when the completion was not in the required format and the gate set the value to 0. */
  readonly formatted: boolean
}

export const AggregationConfig = Schema.Struct({
  name: Schema.Literals(["mean", "all"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("mean" as const))).annotate({
    description: "mean: weighted mean of the parts; all: 1 when every part is fully satisfied, else 0."
  }),
  scale: Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)), Schema.withDecodingDefaultKey(Effect.succeed(1)))
    .annotate({ description: "Largest possible reward: 1, or 5 for the range of the paper's code." }),
  formatGate: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(true))).annotate({
    description: "Give 0 to a completion without a well-formed thought and answer."
  })
})
export type AggregationConfig = typeof AggregationConfig.Type

type Decided = { readonly weight: number; readonly score: number }

const aggregators: Record<AggregationConfig["name"], (parts: ReadonlyArray<Decided>) => number> = {
  mean: (parts) => {
    const total = parts.reduce((sum, part) => sum + part.weight, 0)
    return parts.reduce((sum, part) => sum + part.weight * part.score, 0) / total
  },
  all: (parts) => parts.every((part) => part.score === 1) ? 1 : 0
}

/**
 * The reward of one completion: `scale * aggregate(parts)`. Abstentions are left out; one failure makes the whole
 * reward undecided, because a mean over what happened to work would reward breaking the scorer. With the format gate
 * on, a malformed completion has reward 0 whatever its parts say, also when they failed.
 */
export const aggregate = (
  parts: ReadonlyArray<RewardPart>,
  formatted: boolean,
  config: AggregationConfig
): Reward => {
  if (config.formatGate && !formatted) return { value: 0, parts, formatted }
  if (failures(parts).length > 0) return { value: undefined, parts, undecided: "failed", formatted }
  const numbers = parts.flatMap(({ outcome, weight }) =>
    weight > 0 && (outcome._tag === "Satisfied" || outcome._tag === "NotSatisfied")
      ? [{ weight, score: scoreOf(outcome) }]
      : []
  )
  if (numbers.length === 0) return { value: undefined, parts, undecided: "abstained", formatted }
  return { value: config.scale * aggregators[config.name](numbers), parts, formatted }
}

/** The parts that failed, with their reasons. */
export const failures = (parts: ReadonlyArray<RewardPart>): ReadonlyArray<RewardPart & { readonly outcome: Failed }> =>
  parts.filter((part): part is RewardPart & { readonly outcome: Failed } => part.outcome._tag === "Failed")

/** How many parts of these rewards failed, by kind. */
export const failureCounts = (rewards: ReadonlyArray<Pick<Reward, "parts">>): Readonly<Record<FailureKind, number>> => {
  const kinds = rewards.flatMap(({ parts }) => failures(parts).map(({ outcome }) => outcome.kind))
  return Object.fromEntries(failureKinds.map((kind) => [kind, kinds.filter((one) => one === kind).length])) as Record<FailureKind, number>
}
