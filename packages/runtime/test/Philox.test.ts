import { describe, expect, test } from "@jest/globals"
import { permutation, philox, philoxBlock, philoxNormal } from "../src/index.ts"

/** Known answers for philox4x32 with 10 rounds, from Random123's tests/kat_vectors: counter, key, block. */
const knownAnswers = [
  ["00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
  ["ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"],
  ["243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"]
] as const

const hex = (text: string) => text.split(" ").map((word) => Number.parseInt(word, 16))

/** The same function in BigInt, straight from the paper. */
const reference = (counter: ReadonlyArray<number>, key: ReadonlyArray<number>) => {
  const mask = 0xffffffffn
  let c = counter.map(BigInt)
  let k = key.map(BigInt)
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c[0]!
    const p1 = 0xcd9e8d57n * c[2]!
    c = [(p1 >> 32n) ^ c[1]! ^ k[0]!, p1 & mask, (p0 >> 32n) ^ c[3]! ^ k[1]!, p0 & mask]
    k = [(k[0]! + 0x9e3779b9n) & mask, (k[1]! + 0xbb67ae85n) & mask]
  }
  return c.map(Number)
}

describe("Philox", () => {
  test.each(knownAnswers)("known answer for counter %s", (counter, key, block) => {
    expect(Array.from(philoxBlock(hex(counter), hex(key)))).toEqual(hex(block))
  })

  test("equals exact arithmetic on 2,000 blocks", () => {
    const draws = philoxBlock([1, 2, 3, 4], [5, 6])
    let state = Array.from(draws)
    for (let i = 0; i < 2000; i++) {
      const key = [state[0]!, i]
      const expected = reference(state, key)
      expect(Array.from(philoxBlock(state, key))).toEqual(expected)
      state = expected
    }
  })

  test("uniforms lie in [0, 1) on a grid of 2^-24, whatever the key", () => {
    const values = philox({ seed: 1, step: 2, row: 3 }, 100_000)
    expect(values.every((u) => u >= 0 && u < 1 && Number.isInteger(u * 2 ** 24))).toBe(true)
    const mean = values.reduce((sum, u) => sum + u, 0) / values.length
    // Standard error of the mean is 0.29 / sqrt(100,000).
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * 0.29 / Math.sqrt(values.length))
    // 100 equal bins: chi-square with 99 degrees of freedom is below 180 with probability 1 - 1e-6.
    const bins = new Float64Array(100)
    for (const u of values) bins[Math.floor(u * 100)]!++
    expect(bins.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).toBeLessThan(180)
  })

  test("a stream is a function of its key, and a longer one begins with the shorter", () => {
    const key = { seed: 7, step: 1, row: 0 }
    expect(Array.from(philox(key, 10))).toEqual(Array.from(philox(key, 100).subarray(0, 10)))
    const others = [{ ...key, seed: 8 }, { ...key, step: 2 }, { ...key, row: 1 }, { ...key, seed: 7 + 2 ** 32 }, {
      ...key,
      step: 1 + 2 ** 32
    }]
    const streams = [key, ...others].map((k) => Array.from(philox(k, 4)).join())
    expect(new Set(streams).size).toBe(6)
  })

  test("refuses keys out of range by name", () => {
    expect(() => philox({ seed: -1, step: 0, row: 0 }, 1)).toThrow(/seed is -1/)
    expect(() => philox({ seed: 0, step: 0.5, row: 0 }, 1)).toThrow(/step is 0.5/)
    expect(() => philox({ seed: 0, step: 0, row: 2 ** 32 }, 1)).toThrow(/row is 4294967296/)
    expect(() => permutation({ seed: 0, step: 0, row: 0 }, -1)).toThrow(/n is -1/)
  })

  test("normals have the moments of the standard normal", () => {
    const values = philoxNormal({ seed: 3, step: 0, row: 0 }, 100_001)
    expect(values.length).toBe(100_001)
    const moment = (k: number) => values.reduce((sum, x) => sum + x ** k, 0) / values.length
    // Standard errors: 1/sqrt(n), sqrt(2/n), sqrt(15/n), sqrt(96/n); five of each.
    expect(Math.abs(moment(1))).toBeLessThan(5 * 0.00317)
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * 0.00448)
    expect(Math.abs(moment(3))).toBeLessThan(5 * 0.0123)
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * 0.031)
    expect(values.every(Number.isFinite)).toBe(true)
  })
})

describe("permutation", () => {
  test("holds every index once", () => {
    for (const n of [0, 1, 2, 1000]) {
      const order = permutation({ seed: 1, step: 0, row: 0 }, n)
      expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i))
    }
  })

  test("every order of four is equally likely", () => {
    const counts = new Map<string, number>()
    const draws = 24_000
    for (let step = 0; step < draws; step++) {
      const order = permutation({ seed: 11, step, row: 0 }, 4).join("")
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(24)
    // Chi-square with 23 degrees of freedom is below 66 with probability 1 - 5e-6.
    const expected = draws / 24
    expect([...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)).toBeLessThan(66)
  })

  test("depends on the key and not on the uniforms of the same key", () => {
    const key = { seed: 5, step: 0, row: 0 }
    expect(Array.from(permutation(key, 50))).toEqual(Array.from(permutation(key, 50)))
    expect(Array.from(permutation(key, 50))).not.toEqual(Array.from(permutation({ ...key, step: 1 }, 50)))
  })
})
