// Group-relative advantages (arXiv 2402.03300): each completion against the others of its prompt.
import { Effect, Schema } from "effect"

export const AdvantageConfig = Schema.Struct({
  name: Schema.Literals(["group-std", "mean-only", "rloo"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("group-std" as const))
  ).annotate({
    description:
      "group-std: (r - mean) / (std + epsilon) with the unbiased std; mean-only: r - mean (Dr. GRPO); rloo: r - mean of the others."
  }),
  epsilon: Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)), Schema.withDecodingDefaultKey(Effect.succeed(1e-6)))
    .annotate({ description: "Added to the standard deviation, in units of reward." }),
  tolerance: Schema.Finite.pipe(
    Schema.check(Schema.isGreaterThanOrEqualTo(0)),
    Schema.withDecodingDefaultKey(Effect.succeed(1e-6))
  ).annotate({
    description: "A group whose rewards span no more than this is degenerate: its advantages are 0 and it is counted."
  })
})
export type AdvantageConfig = typeof AdvantageConfig.Type

/** Advantages of one group, and whether anything could be learnt from it. */
export interface GroupAdvantages {
  /** One a completion; 0 where the reward was undecided or the group is degenerate. */
  readonly advantages: ReadonlyArray<number>
  /** Fewer than two decided rewards, or rewards that do not differ by more than the tolerance. */
  readonly degenerate: boolean
}

const mean = (xs: ReadonlyArray<number>) => xs.reduce((a, b) => a + b, 0) / xs.length

const centred: Record<AdvantageConfig["name"], (rewards: ReadonlyArray<number>, epsilon: number) => Array<number>> = {
  "group-std": (rewards, epsilon) => {
    const m = mean(rewards)
    const std = Math.sqrt(rewards.reduce((sum, r) => sum + (r - m) ** 2, 0) / (rewards.length - 1))
    return rewards.map((r) => (r - m) / (std + epsilon))
  },
  "mean-only": (rewards) => {
    const m = mean(rewards)
    return rewards.map((r) => r - m)
  },
  rloo: (rewards) => {
    const m = mean(rewards)
    return rewards.map((r) => (rewards.length / (rewards.length - 1)) * (r - m))
  }
}

/**
 * Advantages of one group of G completions. Undecided rewards (undefined) take no part in the statistics and get 0.
 * Degeneracy is found by the range of the rewards, not by a standard deviation of exactly 0: rounding noise between
 * equal rewards would otherwise be blown up to full-size advantages.
 */
export const groupAdvantages = (
  rewards: ReadonlyArray<number | undefined>,
  config: AdvantageConfig
): GroupAdvantages => {
  const decided = rewards.filter((r): r is number => r !== undefined)
  if (decided.length < 2 || Math.max(...decided) - Math.min(...decided) <= config.tolerance) {
    return { advantages: rewards.map(() => 0), degenerate: true }
  }
  const values = centred[config.name](decided, config.epsilon)
  let next = 0
  return { advantages: rewards.map((r) => r === undefined ? 0 : values[next++]!), degenerate: false }
}
