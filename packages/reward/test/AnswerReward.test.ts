import { expect, test } from "@jest/globals"
import { reasoningRow } from "@ifrl/curriculum"
import { Effect } from "effect"
import { type ConstraintChecker, constraintRewards, decided } from "../src/index.ts"

const math = reasoningRow({ id: "answer:math", question: "What is a half?", answer: "1/2" })
const choice = reasoningRow({ id: "answer:choice", question: "Which?\nA. no\nB. yes\n", answer: "B" })
const formula = reasoningRow({ id: "answer:math", question: "What is the successor of x?", answer: "x + 1" })
const sample = (row: typeof math, answer: string, i: number) => ({
  id: `${i}`,
  row,
  text: answer,
  answer,
  completion: { tokens: new Int32Array(), logProbs: new Float32Array() }
})
const score = (judges: { readonly hard?: ConstraintChecker }) =>
  Effect.runPromise(constraintRewards(judges).score([
    sample(math, "So it is \\boxed{0.5}", 0),
    sample(math, "So it is \\boxed{0.4}", 1),
    sample(choice, "The answer is \\boxed{B}", 2),
    sample(choice, "The answer is \\boxed{A}", 3),
    sample({ ...math, kwargs: [{}] }, "\\boxed{0.5}", 4),
    sample(math, "So it is 33.\" or so", 5),
    sample(formula, "\\boxed{1 + x}", 6)
  ])).then((parts) => parts.map((own) => own.map(({ outcome }) => outcome._tag)))

test("final answers are judged by value and by letter, also when there are no rules; a missing gold answer fails", async () => {
  const outcome = (followed: boolean) => decided(followed)._tag
  for (const judges of [{}, { hard: () => decided(true) }]) {
    const parts = await score(judges)
    expect(parts.map((own) => own.length)).toEqual([1, 1, 1, 1, 1, 1, 1])
    expect(parts.map(([part]) => part)).toEqual([outcome(true), outcome(false), outcome(true), outcome(false), "Failed", outcome(false), "Abstained"])
  }
})
