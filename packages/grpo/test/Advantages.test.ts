import { describe, expect, test } from "@jest/globals"
import fc from "fast-check"
import {
  AdvantageError,
  type AdvantageOptions,
  batchAdvantages,
  groupAdvantages,
  separateAdvantages,
  weightedReward
} from "../src/index.ts"

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
    // One step of rounding to 3 decimals in one of five responses: a full-size advantage, unless the tolerance says
    // otherwise.
    const soft = [0.713, 0.713, 0.713, 0.713, 0.714]
    expect(groupAdvantages(soft, config).advantages[4]).toBeCloseTo(1.785, 2)
    expect(groupAdvantages(soft, { ...config, tolerance: 0.0011 }).degenerate).toBe(true)
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

  test("groups of one are refused, by number and with a remedy", () => {
    expect(() => batchAdvantages([[1, 0], [1]], config)).toThrow(AdvantageError)
    expect(() => batchAdvantages([[1, 0], [1]], config)).toThrow(/^group 1: has 1 completion, .*rollout\.groupSize/)
  })

  test("batch-std divides by the spread of the whole rollout", () => {
    const [first, second] = batchAdvantages(
      [
        [0, 2],
        [0, 1]
      ],
      { ...config, name: "batch-std", epsilon: 0 }
    )
    const std = Math.sqrt(((0 - 0.75) ** 2 * 2 + (2 - 0.75) ** 2 + (1 - 0.75) ** 2) / 3)
    expect(first!.advantages[1]).toBeCloseTo(1 / std, 12)
    expect(second!.advantages[1]).toBeCloseTo(0.5 / std, 12)
  })
})

describe("properties", () => {
  const rewards = fc
    .array(fc.double({ min: 0, max: 5, noNaN: true }), { minLength: 2, maxLength: 8 })
    .filter((xs) => Math.max(...xs) - Math.min(...xs) > 1e-3)
  const names = fc.constantFrom<AdvantageOptions["name"]>("group-std", "mean-only", "batch-std", "rloo")
  const near = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThan(1e-6)

  test("advantages sum to 0 in their group and don't mind an offset of the rewards", () => {
    fc.assert(
      fc.property(rewards, names, fc.double({ min: -3, max: 3, noNaN: true }), (xs, name, offset) => {
        const { advantages } = groupAdvantages(xs, { ...config, name })
        near(
          advantages.reduce((a, b) => a + b, 0),
          0
        )
        groupAdvantages(
          xs.map((x) => x + offset),
          { ...config, name }
        ).advantages.forEach((a, i) => near(a, advantages[i]!))
      })
    )
  })
  test("group-std doesn't mind their scale either, and has spread 1", () => {
    fc.assert(
      fc.property(rewards, fc.double({ min: 0.5, max: 5, noNaN: true }), (xs, scale) => {
        const { advantages } = groupAdvantages(xs, { ...config, epsilon: 0 })
        near(advantages.reduce((sum, a) => sum + a * a, 0) / (xs.length - 1), 1)
        groupAdvantages(
          xs.map((x) => x * scale),
          { ...config, epsilon: 0 }
        ).advantages.forEach((a, i) => near(a, advantages[i]!))
      })
    )
  })
  test("rloo is the reward less the mean of the others", () => {
    fc.assert(
      fc.property(rewards, (xs) => {
        const total = xs.reduce((a, b) => a + b, 0)
        groupAdvantages(xs, { ...config, name: "rloo" }).advantages.forEach((a, i) =>
          near(a, xs[i]! - (total - xs[i]!) / (xs.length - 1))
        )
      })
    )
  })
  test("groups don't see each other, but for batch-std", () => {
    fc.assert(
      fc.property(rewards, rewards, names, (a, b, name) => {
        const [first] = batchAdvantages([a, b], { ...config, name })
        if (name !== "batch-std") expect(first).toEqual(groupAdvantages(a, { ...config, name }))
      })
    )
  })
})

describe("several rewards", () => {
  test("are added by weight, without those that abstained", () => {
    expect(weightedReward([1, 0.5, undefined], [1, 2, 4])).toBe(2)
    expect(weightedReward([undefined, undefined], [1, 1])).toBeUndefined()
  })

  test("apart, a reward that hardly differs in its group weighs as much as one that differs a lot", () => {
    // Rewards of one group: the second is a hundred times flatter than the first, and the other way round.
    const group = [
      [0, 0.01],
      [1, 0],
      [0, 0.01],
      [1, 0]
    ]
    expect(separateAdvantages([group], [[1, 1]], { ...config, epsilon: 0 })[0]!.advantages).toEqual([0, 0, 0, 0])
    const [first] = separateAdvantages(
      [
        [
          [0, 0],
          [1, 0.01],
          [0, 0],
          [1, 0.01]
        ]
      ],
      [[1, 1]],
      config
    )
    expect(first!.advantages.map((a) => a.toFixed(3))).toEqual(["-0.866", "0.866", "-0.866", "0.866"])
  })

  test("apart, abstentions and degenerate groups stay at 0", () => {
    const [first, second] = separateAdvantages(
      [
        [
          [0, undefined],
          [1, undefined],
          [undefined, undefined]
        ],
        [
          [1, 1],
          [1, 1]
        ]
      ],
      [
        [1, 1],
        [1, 1]
      ],
      config
    )
    expect(first!.degenerate).toBe(false)
    expect(first!.advantages[2]).toBe(0)
    expect(second).toEqual({ degenerate: true, advantages: [0, 0] })
  })
})
