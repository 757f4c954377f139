import { accuracy, bootstrapDifference } from "@ifrl/bench"

const verdict = (id: string, ...followed: ReadonlyArray<boolean>) => ({
  id,
  constraints: followed.map((f, i) => ({ id: `constraint ${i + 1}`, followed: f }))
})

const { instructionAccuracy, promptAccuracy } = accuracy([verdict("a", true, true), verdict("b", true, false)])
console.log(promptAccuracy, instructionAccuracy)

// 1 for a prompt with everything followed: the same 200 prompts before and after a training.
const before = Array.from({ length: 200 }, (_, i) => i % 10 < 3 ? 1 : 0)
const after = Array.from({ length: 200 }, (_, i) => i % 10 < 6 ? 1 : 0)
const { difference, high, low } = bootstrapDifference(before, after, { seed: 1 })
console.log(difference.toFixed(2), low > 0.2, high < 0.4)
