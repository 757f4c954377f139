import { expect, test } from "@jest/globals"
import { bootstrapDifference } from "../src/index.ts"

const flags = (n: number, ones: number) => Array.from({ length: n }, (_, i) => i < ones ? 1 : 0)

test("the interval of independent 0/1 outcomes has the width that theory gives it", () => {
  const interval = bootstrapDifference(flags(400, 0), flags(400, 100), { seed: 1, resamples: 2000 })
  const halfWidth = 1.96 * Math.sqrt((0.25 * 0.75) / 400)
  expect(interval.difference).toBe(0.25)
  expect(Math.abs(interval.low - (0.25 - halfWidth))).toBeLessThan(0.006)
  expect(Math.abs(interval.high - (0.25 + halfWidth))).toBeLessThan(0.006)
})

test("pairs stay together, the same seed gives the same interval, unpaired lists are refused", () => {
  const same = bootstrapDifference(flags(50, 20), flags(50, 20), { seed: 1, resamples: 2000 })
  expect(same).toEqual({ difference: 0, low: 0, high: 0 })
  const once = bootstrapDifference(flags(50, 10), flags(50, 20), { seed: 3, resamples: 500 })
  expect(bootstrapDifference(flags(50, 10), flags(50, 20), { seed: 3, resamples: 500 })).toEqual(once)
  expect(() => bootstrapDifference([1], [1, 0], { seed: 0 })).toThrow(/1 values before, 2 after/)
})
