import { expect, test } from "@jest/globals"
import { learningRate } from "../src/index.ts"

const rates = (name: "constant" | "linear" | "cosine", warmupSteps: number, minimumRatio = 0) =>
  Array.from({ length: 8 }, (_, i) => learningRate(1, { name, warmupSteps, minimumRatio }, i + 1, 8))

test("the rate of step 1 is never 0 and a warm-up ends at the base rate", () => {
  expect(rates("constant", 4)).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
  expect(rates("constant", 0)[0]).toBe(1)
})

test("decays start at the base rate, fall, and still move at the last step", () => {
  expect(rates("linear", 0)).toEqual([1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])
  expect(rates("linear", 4).slice(3)).toEqual([1, 1, 0.75, 0.5, 0.25])
  const cosine = rates("cosine", 0, 0.1)
  expect(cosine[0]).toBe(1)
  expect(cosine[4]).toBeCloseTo(0.55, 12)
  expect(cosine[7]!).toBeGreaterThan(0.1)
})
