import { describe, expect, test } from "@jest/globals"
import { random, splitMix64 } from "../src/index.ts"

describe("splitMix64", () => {
  // The first outputs for seed 1234567, as published on Rosetta Code ("Pseudo-random numbers/Splitmix64").
  test("equals the published sequence", () => {
    expect([0, 1, 2, 3, 4].map((index) => splitMix64(1234567n, index))).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n
    ])
  })
})

describe("random", () => {
  const draws = (...key: ReadonlyArray<number | string>) => {
    const stream = random(...key)
    return Array.from({ length: 8 }, stream.uniform)
  }

  test("is a function of its key", () => {
    expect(draws(7, "a", 3)).toEqual(draws(7, "a", 3))
  })

  test.each([
    [[1], [2]],
    [[1, 2], [2, 1]],
    [[1], [1, 0]],
    [[1, "a"], [1, "b"]],
    [["ab", "c"], ["a", "bc"]],
    [[1], ["1"]],
    [[0.5], [1.5]],
    [[-1], [1]]
  ])("keys %j and %j give different streams", (a, b) => {
    expect(draws(...a)).not.toEqual(draws(...b))
  })

  test("uniforms lie in [0, 1) and fill it evenly", () => {
    const stream = random(5, "chi-square")
    const bins = Array.from({ length: 64 }, () => 0)
    const count = 64_000
    for (let i = 0; i < count; i++) {
      bins[Math.floor(stream.uniform() * 64)]!++
    }
    expect(bins.length).toBe(64)
    const expected = count / 64
    const chiSquare = bins.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
    // 63 degrees of freedom: the 0.1% and 99.9% quantiles.
    expect(chiSquare).toBeGreaterThan(32.5)
    expect(chiSquare).toBeLessThan(103.5)
  })

  test("the first draws of numbered streams are spread as evenly as the draws of one", () => {
    const firsts = Array.from({ length: 10_000 }, (_, i) => random(9, i).uniform())
    const mean = firsts.reduce((sum, u) => sum + u, 0) / firsts.length
    // Five standard errors of a mean of 10,000 uniforms: 5 / sqrt(12 * 10000).
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.0145)
    expect(new Set(firsts).size).toBe(10_000)
  })

  test("shuffles are permutations, each of six about equally often, and leave the original alone", () => {
    const items = [1, 2, 3] as const
    const seen = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const shuffled = random(3, i).shuffle(items)
      expect(shuffled.toSorted()).toEqual([1, 2, 3])
      seen.set(shuffled.join(), (seen.get(shuffled.join()) ?? 0) + 1)
    }
    expect(items).toEqual([1, 2, 3])
    expect(seen.size).toBe(6)
    // 1000 expected each, standard deviation 28.9: five of them.
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(145)
  })

  test("nothing can be picked from nothing", () => {
    expect(() => random(1).pick([])).toThrow(RangeError)
  })
})
