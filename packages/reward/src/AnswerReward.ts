import type { AnswerId, Kwargs } from "@ifrl/curriculum"
import { compareAnswers, type Verdict, verifyChoice, verifyMath } from "@ifrl/verifiers"
import { abstained, decided, failed } from "./Outcome.ts"
import type { ConstraintChecker } from "./RewardFunction.ts"

const verifiers: Readonly<Record<AnswerId, (gold: string, answer: string) => Verdict>> = {
  "answer:math": verifyMath,
  "answer:choice": verifyChoice
}

/** Whether a gold answer is a value: it can be told from another. */
const isValue = (gold: string): boolean => compareAnswers("0", gold)._tag !== "Undecided"

/**
 * Whether the final answer of a reasoning row is the gold one of its `answer:` constraint, equal in value or the same
 * letter. What cannot be read is wrong where the gold answer is a value: unreadable answers must not pay. Elsewhere, as
 * with formulas, what cannot be compared is undecided. Undefined when the row gives no gold answer.
 */
export const verifyAnswer = (id: AnswerId, { answer: gold }: Kwargs, answer: string): Verdict | undefined => {
  if (typeof gold !== "string") return undefined
  const verdict = verifiers[id](gold, answer)
  return verdict._tag === "Undecided" && id === "answer:math" && isValue(gold)
    ? { _tag: "Decided", followed: false }
    : verdict
}

/** Judges the final answer of a reasoning row; it abstains where the answer cannot be compared with the gold one. */
export const answerChecker: ConstraintChecker = ({ id, kwargs }, { answer }) => {
  const verdict = verifyAnswer(id as AnswerId, kwargs, answer)
  if (verdict === undefined) return failed("the row gives no answer to compare with")
  return verdict._tag === "Decided" ? decided(verdict.followed) : abstained(verdict.reason.message)
}
