import { expect, test } from "@jest/globals"
import { learningRate, LearningRateShape } from "../src/index.ts"

const rates = (name: LearningRateShape, warmupSteps: number, minimumRatio = 0, steps = 8) =>
  Array.from({ length: steps }, (_, i) => learningRate(1, { name, warmupSteps, minimumRatio }, i + 1, steps))

test.each(LearningRateShape.literals)("%s: no update has a rate of 0, the first and the last included", (name) => {
  for (const warmup of [0, 1, 4, 8, 20]) {
    for (const rate of rates(name, warmup)) {
      expect(rate).toBeGreaterThan(0)
      expect(rate).toBeLessThanOrEqual(1)
    }
  }
  expect(learningRate(1, { name, warmupSteps: 0, minimumRatio: 0 }, 1, 1)).toBe(1)
})

test("a warm-up rises to the base rate", () => {
  expect(rates("constant", 4)).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
  expect(rates("constant", 0)[0]).toBe(1)
})

test("decays start at the base rate and fall", () => {
  expect(rates("linear", 0)).toEqual([1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])
  expect(rates("linear", 4).slice(3)).toEqual([1, 1, 0.75, 0.5, 0.25])
  const cosine = rates("cosine", 0, 0.1)
  expect(cosine[0]).toBe(1)
  expect(cosine[4]).toBeCloseTo(0.55, 12)
  expect(cosine[7]!).toBeGreaterThan(0.1)
  const late = rates("late-linear", 0, 0, 10)
  late.slice(0, 9).forEach((rate) => expect(rate).toBeCloseTo(1, 12))
  expect(late[9]).toBeCloseTo(0.5, 12)
})
