// A reward function looks at one completion, or at a batch of them, and gives outcomes. It may be a plain function or
// an Effect; what it throws, fails with or takes too long over becomes a `Failed` outcome, never a number.
import type { PromptRow } from "@ifrl/curriculum"
import { Duration, Effect } from "effect"
import type { RewardPart } from "./Aggregation.ts"
import { failed, type Outcome } from "./Outcome.ts"

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

const run = <A, R>(judge: () => Judgement<A, R>): Effect.Effect<A, unknown, R> =>
  Effect.suspend(() => {
    const result = judge()
    return Effect.isEffect(result)
      ? result as Effect.Effect<A, unknown, R>
      : Effect.tryPromise({ try: () => Promise.resolve(result as A | Promise<A>), catch: (cause) => cause })
  })

const reasonOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

const guarded = <A, R>(
  judge: () => Judgement<A, R>,
  timeout: Duration.Input | undefined,
  otherwise: (reason: string) => A
): Effect.Effect<A, never, R> => {
  const attempt = run(judge)
  const timed = timeout === undefined ? attempt : attempt.pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(new Error(`no answer within ${Duration.format(Duration.fromInputUnsafe(timeout))}`))
    })
  )
  return timed.pipe(
    Effect.catchDefect((defect) => Effect.fail(defect)),
    Effect.catch((cause) => Effect.succeed(otherwise(reasonOf(cause))))
  )
}

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
        guarded(() => judge(sample), options.timeout, failed).pipe(
          Effect.map((outcome) => [{ name, weight: options.weight ?? 1, outcome }])
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
    guarded(() => judge(samples), options.timeout, (reason) => samples.map(() => failed(reason))).pipe(
      Effect.map((outcomes) =>
        samples.map((_, i) => {
          const outcome = outcomes.length === samples.length
            ? outcomes[i]!
            : failed(`${outcomes.length} outcomes for ${samples.length} samples`)
          return [{ name, weight: options.weight ?? 1, outcome }]
        })
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
              ? failed(`no verifier is registered for ${id}`)
              : checker({ id, kwargs: sample.row.kwargs[i] ?? {} }, sample)
          return guarded(judge, options.timeout, failed).pipe(
            Effect.map((outcome): RewardPart => ({ name: id, weight: 1, outcome }))
          )
        }),
      { concurrency: options.concurrency ?? 1 }
    )
})
