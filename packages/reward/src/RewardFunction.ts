// A reward function looks at one completion, or at a batch of them, and gives outcomes. It may be a plain function or
// an Effect; what it throws, fails with or takes too long over becomes a `Failed` outcome, never a number.
import type { PromptRow } from "@ifrl/curriculum"
import { Duration, Effect, Fiber, Predicate } from "effect"
import type { RewardPart } from "./Aggregation.ts"
import { checkedOutcome, type Failed, failed, type Outcome } from "./Outcome.ts"

/** One completion to be judged, together with the row of the prompt it answers. */
export interface RewardSample {
  /** `<prompt id>#<index in its group>`. */
  readonly id: string
  readonly row: PromptRow
  /** The whole completion, thought included. */
  readonly text: string
  /** What follows the thought: the part that constraints are about. */
  readonly answer: string
  /** The completion's tokens and their log-probs in nats as sampled, where the policy is at hand. */
  readonly completion?: { readonly tokens: ArrayLike<number>; readonly logProbs: ArrayLike<number> } | undefined
}

/** A named function from completions to their parts, one list for each sample, in order. */
export interface RewardFunction<R = never> {
  readonly name: string
  readonly score: (samples: ReadonlyArray<RewardSample>) => Effect.Effect<ReadonlyArray<ReadonlyArray<RewardPart>>, never, R>
}

export interface RewardFunctionOptions {
  /** Weight of the function's outcome in the aggregation; 1 unless given. */
  readonly weight?: number
  /** Time that one call may take; no limit unless given. */
  readonly timeout?: Duration.Input
  /** Samples judged at once; 1 unless given. */
  readonly concurrency?: number
}

type Judgement<A, R> = A | Promise<A> | Effect.Effect<A, unknown, R>

const reasonOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** What the judge says, or its failure. A judge that will not be interrupted is left behind when its time is up. */
export const guarded = <A, R>(
  judge: () => Judgement<A, R>,
  timeout: Duration.Input | undefined,
  otherwise: (failure: Failed) => A
): Effect.Effect<A, never, R> => {
  const caught = (attempt: Effect.Effect<A, unknown, R>): Effect.Effect<A, never, R> =>
    attempt.pipe(
      Effect.catchDefect((defect) => Effect.fail(defect)),
      Effect.catch((cause) => Effect.succeed(otherwise(failed(reasonOf(cause)))))
    )
  const timed = (attempt: Effect.Effect<A, unknown, R>): Effect.Effect<A, never, R> => {
    if (timeout === undefined) return caught(attempt)
    const late = failed(`no answer within ${Duration.format(Duration.fromInputUnsafe(timeout))}`, "timeout")
    return Effect.flatMap(Effect.forkDetach(caught(attempt)), (fiber) =>
      Fiber.join(fiber).pipe(
        Effect.onInterrupt(() => Effect.forkDetach(Fiber.interrupt(fiber))),
        Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.succeed(otherwise(late)) })
      ))
  }
  return caught(Effect.suspend(() => {
    const result = judge()
    if (Effect.isEffect(result)) return timed(result as Effect.Effect<A, unknown, R>)
    // A plain value is there already.
    return Predicate.isPromiseLike(result)
      ? timed(Effect.tryPromise({ try: () => Promise.resolve(result as PromiseLike<A>), catch: (cause) => cause }))
      : Effect.succeed(result as A)
  }))
}

/** As many outcomes as were asked for, or as many failures that say what came in their place. */
export const listedOutcomes = (outcomes: ReadonlyArray<Outcome>, count: number, what: string): ReadonlyArray<Outcome> => {
  if (Array.isArray(outcomes) && outcomes.length === count) return outcomes
  const came = Array.isArray(outcomes) ? outcomes.length : "no list of"
  return Array.from({ length: count }, () => failed(`${came} outcomes for ${count} ${what}`))
}

/** One part, or the failure that a weight or an outcome that is none makes of it. */
const partOf = (name: string, outcome: Outcome, weight = 1): RewardPart =>
  weight >= 0 && weight < Infinity
    ? { name, weight, outcome: checkedOutcome(outcome) }
    : { name, weight: 0, outcome: failed(`weight ${weight} is not a number of at least 0`) }

/** A reward function that judges one sample at a time and gives it one outcome. */
export const perSample = <R = never>(
  name: string,
  judge: (sample: RewardSample) => Judgement<Outcome, R>,
  options: RewardFunctionOptions = {}
): RewardFunction<R> => ({
  name,
  score: (samples) =>
    Effect.forEach(
      samples,
      (sample) =>
        guarded<Outcome, R>(() => judge(sample), options.timeout, (failure) => failure).pipe(
          Effect.map((outcome) => [partOf(name, outcome, options.weight)])
        ),
      { concurrency: options.concurrency ?? 1 }
    )
})

/** A reward function that judges a batch in one call; a failed call fails every sample of the batch. */
export const perBatch = <R = never>(
  name: string,
  judge: (samples: ReadonlyArray<RewardSample>) => Judgement<ReadonlyArray<Outcome>, R>,
  options: Omit<RewardFunctionOptions, "concurrency"> = {}
): RewardFunction<R> => ({
  name,
  score: (samples) =>
    guarded<ReadonlyArray<Outcome>, R>(() => judge(samples), options.timeout, (failure) => samples.map(() => failure)).pipe(
      Effect.map((outcomes) =>
        listedOutcomes(outcomes, samples.length, "samples").map((outcome) => [partOf(name, outcome, options.weight)])
      )
    )
})

/** Judges one constraint of a row on an answer. */
export type ConstraintChecker<R = never> = (
  constraint: { readonly id: string; readonly kwargs: Readonly<Record<string, unknown>> },
  sample: RewardSample
) => Judgement<Outcome, R>

/**
 * One part for each constraint of the row, named by its id, all of weight 1: the k constraints of a level share the
 * reward equally (R = (1/k) sum r_i, arXiv 2508.02150). `checkerOf` finds what judges an id; an id without one is a
 * failure, because silence would reward ignoring it.
 */
export const perConstraint = <R = never>(
  checkerOf: (id: string) => ConstraintChecker<R> | undefined,
  options: Omit<RewardFunctionOptions, "weight"> = {}
): RewardFunction<R> => ({
  name: "constraints",
  score: (samples) =>
    Effect.forEach(
      samples,
      (sample) =>
        Effect.forEach(sample.row.instruction_id_list, (id, i) => {
          const checker = checkerOf(id)
          const judge = () =>
            checker === undefined
              ? failed(`no verifier is registered for ${id}`, "undecidable")
              : checker({ id, kwargs: sample.row.kwargs[i] ?? {} }, sample)
          return guarded<Outcome, R>(judge, options.timeout, (failure) => failure).pipe(
            Effect.map((outcome) => partOf(id, outcome))
          )
        }),
      { concurrency: options.concurrency ?? 1 }
    )
})
