// Group-relative advantages (arXiv 2402.03300): each completion against the others of its prompt.
import { Data, Effect, Schema } from "effect"

const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })

const nonNegative = Schema.Finite.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

export const AdvantageConfig = Schema.Struct({
  name: field(
    Schema.Literals(["group-std", "mean-only", "batch-std", "rloo"]),
    "group-std",
    "group-std: (r - mean) / (std + epsilon) within the group; mean-only: r - mean (Dr. GRPO); batch-std: r - the " +
      "group's mean, over the " +
      "std of all rewards of the rollout; rloo: r - mean of the others."
  ),
  std: field(
    Schema.Literals(["unbiased", "population"]),
    "unbiased",
    "Whether the std divides by the number of rewards less one, or by their number."
  ),
  epsilon: field(nonNegative, 1e-6, "Added to the standard deviation, in units of reward."),
  tolerance: field(
    nonNegative,
    1e-6,
    "A group whose rewards span no more than this is degenerate: its advantages are 0 and it is counted, in units of " +
      "reward."
  ),
  rewards: field(
    Schema.Literals(["together", "apart"]),
    "together",
    "together: a response's weighted rewards are added before they become an advantage; apart: each is normalised " +
      "within its group " +
      "first, and their sum over the rollout again (GDPO)."
  )
})
export type AdvantageConfig = typeof AdvantageConfig.Type

/** What `groupAdvantages` goes by; the rest has the defaults of the schema. */
export type AdvantageOptions = Pick<AdvantageConfig, "name" | "epsilon" | "tolerance"> &
  Partial<Pick<AdvantageConfig, "std">>

/** A group from which no advantage can be computed. */
export class AdvantageError extends Data.TaggedError("AdvantageError")<{
  readonly group: number
  readonly reason: string
  readonly remedy: string
}> {
  override get message(): string {
    return `group ${this.group}: ${this.reason}; ${this.remedy}`
  }
}

/** Advantages of one group, and whether anything could be learnt from it. */
export interface GroupAdvantages {
  /** One a completion; 0 where the reward was undecided or the group is degenerate. */
  readonly advantages: ReadonlyArray<number>
  /** Fewer than two decided rewards, or rewards that do not differ by more than the tolerance. */
  readonly degenerate: boolean
}

/** One reward a completion; undefined where it could not be decided. */
export type GroupRewards = ReadonlyArray<number | undefined>

const mean = (xs: ReadonlyArray<number>) => xs.reduce((a, b) => a + b, 0) / xs.length

const deviation = (xs: ReadonlyArray<number>, std: AdvantageConfig["std"] = "unbiased") => {
  const m = mean(xs)
  return Math.sqrt(xs.reduce((sum, x) => sum + (x - m) ** 2, 0) / (std === "unbiased" ? xs.length - 1 : xs.length))
}

const decidedOf = (rewards: GroupRewards): Array<number> => rewards.filter((r): r is number => r !== undefined)

interface Scale {
  /** What the differences from the mean are multiplied by, given a group's decided rewards and those of the rollout. */
  (group: ReadonlyArray<number>, batch: ReadonlyArray<number>, options: AdvantageOptions): number
}

const scales: Record<AdvantageConfig["name"], Scale> = {
  "group-std": (group, _, { epsilon, std }) => 1 / (deviation(group, std) + epsilon),
  "mean-only": () => 1,
  "batch-std": (_, batch, { epsilon, std }) => 1 / (deviation(batch, std) + epsilon),
  rloo: (group) => group.length / (group.length - 1)
}

/**
 * Advantages of a rollout's groups. Undecided rewards take no part in the statistics and get 0. Degeneracy is found by
 * the range of the rewards, not by a standard deviation of exactly 0: rounding noise between equal rewards would
 * otherwise be blown up to full-size advantages.
 *
 * @throws AdvantageError for a group of one completion, which has nothing to be compared with
 */
export const batchAdvantages = (
  groups: ReadonlyArray<GroupRewards>,
  options: AdvantageOptions
): Array<GroupAdvantages> => {
  const batch = groups.flatMap(decidedOf)
  return groups.map((rewards, group) => {
    if (rewards.length < 2) {
      throw new AdvantageError({
        group,
        reason: `has ${rewards.length === 1 ? "1 completion" : "no completions"}, and nothing to compare it with`,
        remedy: "generate at least 2 completions a prompt (rollout.groupSize)"
      })
    }
    const decided = decidedOf(rewards)
    if (decided.length < 2 || Math.max(...decided) - Math.min(...decided) <= options.tolerance) {
      return { advantages: rewards.map(() => 0), degenerate: true }
    }
    const m = mean(decided)
    const scale = scales[options.name](decided, batch, options)
    return { advantages: rewards.map((r) => (r === undefined ? 0 : scale * (r - m))), degenerate: false }
  })
}

/** Advantages of one group by itself. */
export const groupAdvantages = (rewards: GroupRewards, options: AdvantageOptions): GroupAdvantages =>
  batchAdvantages([rewards], options)[0]!

/** Several rewards of one completion, each undefined where it abstained. */
export type RewardParts = ReadonlyArray<number | undefined>

/** sum_k w_k r_k over the rewards that did not abstain; undefined where all did. */
export const weightedReward = (parts: RewardParts, weights: ReadonlyArray<number>): number | undefined =>
  parts.every((part) => part === undefined)
    ? undefined
    : parts.reduce<number>((sum, part, k) => sum + weights[k]! * (part ?? 0), 0)

/**
 * Advantages from several rewards that are normalised before they are weighted (GDPO, arXiv 2601.05242): each reward
 * becomes an advantage within its group, A_i = sum_k w_k A_ik, and A is standardised over the rollout. A reward that
 * differs little within its group then weighs as much as one that differs a lot. Completions that every reward
 * abstained from get 0; a group is degenerate when each of its rewards is.
 *
 * @param groups rewards by group, completion and reward; the completions of a group have the same rewards
 * @param weights by group and reward
 */
export const separateAdvantages = (
  groups: ReadonlyArray<ReadonlyArray<RewardParts>>,
  weights: ReadonlyArray<ReadonlyArray<number>>,
  options: AdvantageOptions
): Array<GroupAdvantages> => {
  const sums = groups.map((group, i) => {
    const columns = weights[i]!.map((_, k) =>
      groupAdvantages(
        group.map((parts) => parts[k]),
        options
      )
    )
    return {
      degenerate: columns.every((column) => column.degenerate),
      values: group.map((parts, row): number | undefined =>
        weightedReward(
          parts.map((part, k) => (part === undefined ? undefined : columns[k]!.advantages[row]!)),
          weights[i]!
        )
      )
    }
  })
  const live = sums.filter((sum) => !sum.degenerate).flatMap(({ values }) => decidedOf(values))
  const m = mean(live)
  const scale = deviation(live, options.std) + options.epsilon
  // Rewards that cancel leave rounding noise, which must not be standardised to full size.
  const cancelled = live.length < 2 || Math.max(...live) - Math.min(...live) <= options.tolerance
  return sums.map(({ degenerate, values }) => ({
    degenerate,
    advantages: values.map((value) => (cancelled || degenerate || value === undefined ? 0 : (value - m) / scale))
  }))
}
