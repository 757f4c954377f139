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

/**
 * Why a reward could not be computed. "error": it threw, rejected, failed, or gave what is no outcome; "timeout": it took too
 * long; "undecidable": there is no verifier of that id, or the kwargs are not what it asks for.
 */
export const failureKinds = ["error", "timeout", "undecidable"] as const
export type FailureKind = (typeof failureKinds)[number]

/** The reward could not be computed. */
export interface Failed {
  readonly _tag: "Failed"
  readonly kind: FailureKind
  readonly reason: string
}

export type Outcome = Satisfied | NotSatisfied | Abstained | Failed

export const notSatisfied: NotSatisfied = { _tag: "NotSatisfied" }
export const abstained = (reason: string): Abstained => ({ _tag: "Abstained", reason })
export const failed = (reason: string, kind: FailureKind = "error"): Failed => ({ _tag: "Failed", kind, reason })

/**
 * The outcome of a score. 0 is `NotSatisfied`, a number in (0, 1] is `Satisfied`, anything else (NaN, infinities,
 * numbers out of range) is `Failed`: a broken scorer must not train anything.
 */
export const scored = (score: number): Outcome =>
  score === 0
    ? notSatisfied
    : typeof score === "number" && score > 0 && score <= 1
    ? { _tag: "Satisfied", score }
    : failed(`score ${score} is not in 0..1`)

/** The outcome of a yes or a no. */
export const decided = (followed: boolean): Outcome => followed ? { _tag: "Satisfied", score: 1 } : notSatisfied

/** The number of an outcome that has one. */
export const scoreOf = (outcome: Satisfied | NotSatisfied): number => outcome._tag === "Satisfied" ? outcome.score : 0

/** `outcome` if it is one, else the failure that says what it is: a reward function may be untyped, and must train nothing then. */
export const checkedOutcome = (outcome: Outcome): Outcome => {
  switch ((outcome as Outcome | null | undefined)?._tag) {
    case "Satisfied":
      return (outcome as Satisfied).score === 0 ? failed("Satisfied with score 0; give NotSatisfied") : scored((outcome as Satisfied).score)
    case "NotSatisfied":
    case "Abstained":
    case "Failed":
      return outcome
    default:
      return failed(`${JSON.stringify(outcome) ?? String(outcome)} is no outcome; give scored(x), decided(x), abstained or failed`)
  }
}
