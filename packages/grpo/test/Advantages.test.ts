import { describe, expect, test } from "@jest/globals"
import { groupAdvantages } from "../src/index.ts"

const config = { name: "group-std", epsilon: 1e-6, tolerance: 1e-6 } as const

describe("groupAdvantages", () => {
  test("reproduces figures of verl's group advantages (float64, unbiased std, epsilon 1e-6)", () => {
    const rewards = [5, 2.5, 0.625]
    const expected = [1.044073319652, -0.094915756332, -0.94915756332]
    groupAdvantages(rewards, config).advantages.forEach((a, i) => expect(a).toBeCloseTo(expected[i]!, 10))
    const four = groupAdvantages([1, 1, 1, 1, 0], config).advantages
    expect(four[0]!).toBeCloseTo(0.4472, 4)
    expect(four[4]!).toBeCloseTo(-1.7889, 4)
  })

  test("rewards that differ by rounding alone are degenerate", () => {
    const group = groupAdvantages([0.1 + 0.2, 0.3, 0.3], config)
    expect(group.degenerate).toBe(true)
    expect(group.advantages).toEqual([0, 0, 0])
  })

  test("an undecided reward takes no part and gets no advantage", () => {
    const group = groupAdvantages([1, undefined, 0], config)
    expect(group.advantages[1]).toBe(0)
    expect(group.advantages[0]).toBeCloseTo(Math.SQRT1_2, 5)
    expect(groupAdvantages([1, undefined, undefined], config).degenerate).toBe(true)
  })

  test("leave-one-out and mean-only", () => {
    expect(groupAdvantages([3, 0, 0], { ...config, name: "mean-only" }).advantages).toEqual([2, -1, -1])
    expect(groupAdvantages([3, 0, 0], { ...config, name: "rloo" }).advantages).toEqual([3, -1.5, -1.5])
  })
})
