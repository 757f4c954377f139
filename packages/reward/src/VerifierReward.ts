import { verify } from "@ifrl/verifiers"
import { decided, failed } from "./Outcome.ts"
import type { ConstraintChecker } from "./RewardFunction.ts"

/**
 * Strict verdict of the verifier of a hard constraint on the answer. What a verifier cannot decide (unknown id, kwargs
 * missing) fails; it is never taken for "not followed".
 */
export const verifierChecker: ConstraintChecker = (constraint, { answer }) => {
  const verdict = verify(constraint, answer)
  return verdict._tag === "Decided" ? decided(verdict.followed) : failed(verdict.reason.message, "undecidable")
}
