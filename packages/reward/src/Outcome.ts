// What a reward function can say of one constraint of one completion. A failure is a value of its own and never
// becomes a number: nothing downstream can mistake "the judge timed out" for "the model was wrong".

/** Followed, fully or (soft constraints) to a degree in (0, 1]. */
export interface Satisfied {
  readonly _tag: "Satisfied"
  readonly score: number
}

/** Not followed: a score of 0 that was decided. */
export interface NotSatisfied {
  readonly _tag: "NotSatisfied"
}

/** The reward has nothing to say about this completion; it does not count, for or against. */
export interface Abstained {
  readonly _tag: "Abstained"
  readonly reason: string
}

/** The reward could not be computed. */
export interface Failed {
  readonly _tag: "Failed"
  readonly reason: string
}

export type Outcome = Satisfied | NotSatisfied | Abstained | Failed

export const notSatisfied: NotSatisfied = { _tag: "NotSatisfied" }
export const abstained = (reason: string): Abstained => ({ _tag: "Abstained", reason })
export const failed = (reason: string): Failed => ({ _tag: "Failed", reason })

/**
 * The outcome of a score. 0 is `NotSatisfied`, a number in (0, 1] is `Satisfied`, anything else (NaN, infinities,
 * numbers out of range) is `Failed`: a broken scorer must not train anything.
 */
export const scored = (score: number): Outcome =>
  score === 0
    ? notSatisfied
    : score > 0 && score <= 1
    ? { _tag: "Satisfied", score }
    : failed(`score ${score} is not in 0..1`)

/** The outcome of a yes or a no. */
export const decided = (followed: boolean): Outcome => followed ? { _tag: "Satisfied", score: 1 } : notSatisfied

/** The number of an outcome that has one. */
export const scoreOf = (outcome: Satisfied | NotSatisfied): number => outcome._tag === "Satisfied" ? outcome.score : 0
