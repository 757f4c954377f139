import { describe, expect, test } from "@jest/globals"
import { abstained, aggregate, decided, failed, type Outcome, scored } from "../src/index.ts"

const config = { name: "mean", scale: 1, formatGate: true } as const
const parts = (...outcomes: ReadonlyArray<Outcome>) =>
  outcomes.map((outcome, i) => ({ name: `c${i}`, weight: 1, outcome }))

describe("aggregate", () => {
  test("the mean of the constraints, scaled, with its parts kept", () => {
    const reward = aggregate(parts(decided(true), decided(false), scored(0.5)), true, { ...config, scale: 5 })
    expect(reward.value).toBe(2.5)
    expect(reward.parts.map((p) => p.outcome._tag)).toEqual(["Satisfied", "NotSatisfied", "Satisfied"])
  })

  test("all-or-nothing", () => {
    const all = { ...config, name: "all" } as const
    expect(aggregate(parts(decided(true), decided(true)), true, all).value).toBe(1)
    expect(aggregate(parts(decided(true), scored(0.9)), true, all).value).toBe(0)
  })

  test("an abstention is left out; nothing but abstentions decides nothing", () => {
    expect(aggregate(parts(decided(true), abstained("not asked")), true, config).value).toBe(1)
    const reward = aggregate(parts(abstained("not asked")), true, config)
    expect([reward.value, reward.undecided]).toEqual([undefined, "abstained"])
  })

  test("a failure never becomes a number, whatever stands beside it", () => {
    for (const bad of [failed("timeout"), scored(NaN), scored(Infinity), scored(-0.1), scored(1.5)]) {
      const reward = aggregate(parts(decided(true), bad), true, config)
      expect([reward.value, reward.undecided]).toEqual([undefined, "failed"])
    }
  })

  test("the format gate gives 0, also when a part failed", () => {
    expect(aggregate(parts(decided(true), failed("x")), false, config).value).toBe(0)
    expect(aggregate(parts(decided(true)), false, { ...config, formatGate: false }).value).toBe(1)
  })

  test("weights", () => {
    const weighted = [{ name: "a", weight: 3, outcome: decided(true) }, { name: "b", weight: 1, outcome: decided(false) }]
    expect(aggregate(weighted, true, config).value).toBe(0.75)
  })
})
