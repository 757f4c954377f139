import type { AnswerId, Kwargs } from "@ifrl/curriculum"
import { type Verdict, verifyChoice, verifyMath } from "@ifrl/verifiers"
import { decided, failed } from "./Outcome.ts"
import type { ConstraintChecker } from "./RewardFunction.ts"

const verifiers: Readonly<Record<AnswerId, (gold: string, answer: string) => Verdict>> = { "answer:math": verifyMath, "answer:choice": verifyChoice }

/** Whether an answer is the gold one of an `answer:` constraint, equal in value or the same letter; undefined without a gold one. */
export const verifyAnswer = (id: AnswerId, { answer: gold }: Kwargs, answer: string): Verdict | undefined =>
  typeof gold === "string" ? verifiers[id](gold, answer) : undefined

/** Judges the final answer of a reasoning row. What cannot be compared fails; it is never taken for a wrong answer. */
export const answerChecker: ConstraintChecker = ({ id, kwargs }, { answer }) => {
  const verdict = verifyAnswer(id as AnswerId, kwargs, answer)
  if (verdict === undefined) return failed("the row gives no answer to compare with")
  return verdict._tag === "Decided" ? decided(verdict.followed) : failed(verdict.reason.message, "undecidable")
}
