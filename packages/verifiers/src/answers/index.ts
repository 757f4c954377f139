import { type Verdict } from "../Verify.ts"
import { VerifierError } from "../Verifier.ts"
import { compareAnswers } from "./Compare.ts"
import { chosenLetter, finalLine, lastBoxed } from "./Extract.ts"

export { compareAnswers, type Comparison } from "./Compare.ts"
export { chosenLetter, finalLine, lastBoxed, statedLetter } from "./Extract.ts"
export { answerAfterThink } from "./Think.ts"

const decided = (followed: boolean): Verdict => ({ _tag: "Decided", followed })

const undecidable = (id: string, message: string): Verdict => ({
  _tag: "Undecided",
  reason: new VerifierError({ id, kind: "Undecidable", message })
})

/**
 * Whether the last box of a response or, without one, its final line has the value of `gold`: integers, fractions,
 * decimals, percentages, roots, pi, thousands separators, units, sets, tuples, intervals and unions. A blank response is
 * wrong; what cannot be told (see `compareAnswers`) is undecided.
 */
export const verifyMath = (gold: string, response: string): Verdict => {
  const answer = lastBoxed(response) ?? finalLine(response)
  if (answer === undefined) return decided(false)
  const comparison = compareAnswers(answer, gold)
  return comparison._tag === "Undecided"
    ? undecidable("math", `cannot compare "${answer.slice(0, 100)}" with "${gold.slice(0, 100)}": ${comparison.reason}`)
    : decided(comparison._tag === "Equal")
}

/** Whether a response chooses the letter `gold` of `letters`. A response without a letter is wrong. */
export const verifyChoice = (gold: string, response: string, letters = "ABCDEFGHIJ"): Verdict =>
  gold.length === 1 && letters.includes(gold)
    ? decided(chosenLetter(response, letters) === gold)
    : undecidable("choice", `the gold answer "${gold.slice(0, 100)}" is none of the letters ${letters}`)
