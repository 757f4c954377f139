import { expect, test } from "@jest/globals"
import { accuracy } from "../src/index.ts"

const verdict = (id: string, ...followed: ReadonlyArray<boolean>) => ({
  id,
  constraints: followed.map((f, i) => ({ id: i === 0 ? "a" : "b", followed: f }))
})

test("prompt-level counts prompts with everything followed, instruction-level counts constraints", () => {
  const result = accuracy([verdict("1", true, true), verdict("2", true, false), verdict("3", false)])
  expect(result.promptAccuracy).toBeCloseTo(1 / 3, 12)
  expect(result.instructionAccuracy).toBeCloseTo(3 / 5, 12)
  expect(result.byConstraint).toEqual({ a: { followed: 2, count: 3 }, b: { followed: 1, count: 2 } })
})

test("no prompts are 0, not NaN", () => {
  expect(accuracy([]).promptAccuracy).toBe(0)
})
