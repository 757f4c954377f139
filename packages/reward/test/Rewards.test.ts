import { describe, expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { Effect } from "effect"
import {
  decided, failureCounts, perBatch, perConstraint, perSample, type RewardFunction, Rewards, type RewardSample, scored, verifierChecker
} from "../src/index.ts"

const row = promptRow({
  instruction: "Name a river.",
  domain: "geography",
  constraints: [
    { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" },
    { id: "startend:quotation", kwargs: {}, text: "Wrap the answer in double quotation marks" }
  ]
})
const samples: ReadonlyArray<RewardSample> = ["the Rhine", "a, b", "the Nile"].map((answer, i) => ({
  id: `${row.id}#${i}`,
  row,
  text: answer,
  answer
}))
const aggregation = { name: "mean", scale: 1, formatGate: true } as const

const score = (functions: ReadonlyArray<RewardFunction>, errorBudget: number) =>
  Rewards.use((rewards) => rewards.score(samples)).pipe(
    Effect.provide(Rewards.layer(functions, () => true, { aggregation, errorBudget }))
  )

describe("Rewards", () => {
  test("plain functions, promises and effects are all rewards", async () => {
    const rewards = await Effect.runPromise(score([
      perSample("plain", (s) => decided(!s.answer.includes(","))),
      perSample("promise", () => Promise.resolve(scored(0.5))),
      perBatch("effect", (batch) => Effect.succeed(batch.map((_, i) => decided(i > 0))), { weight: 2 })
    ], 0))
    expect(rewards.map((r) => r.value)).toEqual([1.5 / 4, 2.5 / 4, 3.5 / 4])
    expect(rewards[0]!.parts.map((p) => p.name)).toEqual(["plain", "promise", "effect"])
  })

  test("one part a constraint; an id that nobody judges fails", async () => {
    const judge = perConstraint((id) =>
      id === "punctuation:no_comma" ? (_, s) => decided(!s.answer.includes(",")) : undefined
    )
    const rewards = await Effect.runPromise(score([judge], 1))
    expect(rewards.map((r) => r.value)).toEqual([undefined, undefined, undefined])
    expect(rewards[0]!.parts[1]).toMatchObject({
      name: "startend:quotation",
      outcome: { _tag: "Failed", kind: "undecidable", reason: "no verifier is registered for startend:quotation" }
    })
  })

  test("throwing, rejecting, failing, dying and taking too long are failures with their reasons", async () => {
    const reasons = async (f: RewardFunction) =>
      (await Effect.runPromise(score([f], 1))).map((r) => {
        expect(r.value).toBeUndefined()
        const outcome = r.parts[0]!.outcome
        return outcome._tag === "Failed" ? outcome.reason : outcome._tag
      })
    const boom = new Error("boom")
    expect(await reasons(perSample("x", () => { throw boom }))).toEqual(["boom", "boom", "boom"])
    expect(await reasons(perSample("x", () => Promise.reject(boom)))).toEqual(["boom", "boom", "boom"])
    expect(await reasons(perSample("x", () => Effect.fail("nope")))).toEqual(["nope", "nope", "nope"])
    expect(await reasons(perSample("x", () => Effect.die(boom)))).toEqual(["boom", "boom", "boom"])
    expect((await reasons(perSample("x", () => Effect.never, { timeout: "5 millis", concurrency: 3 })))[0]).toMatch(/5ms/)
    expect((await reasons(perBatch("x", () => [decided(true)])))[0]).toBe("1 outcomes for 3 samples")
    expect((await reasons(perSample("x", () => scored(NaN))))[0]).toBe("score NaN is not in 0..1")
    // One that will not be interrupted is left behind.
    let ended = 0
    const stubborn = Effect.uninterruptible(Effect.as(Effect.sleep("200 millis"), decided(true))).pipe(
      Effect.ensuring(Effect.sync(() => ended++))
    )
    expect((await reasons(perSample("x", () => stubborn, { timeout: "5 millis", concurrency: 3 })))[0]).toMatch(/5ms/)
    expect(ended).toBe(0)
    await Effect.runPromise(Effect.sleep("1 seconds"))
    expect(ended).toBe(3)
  })

  test("what an untyped function says instead of an outcome fails, and so does a weight that is none", async () => {
    const outcomeOf = async (f: RewardFunction) => (await Effect.runPromise(score([f, perSample("fine", () => decided(true))], 1)))[0]!
    const satisfied = [undefined, 2, "1", 0].map((score) => ({ _tag: "Satisfied", score }))
    const odd = [undefined, null, 0.5, "yes", {}, ...satisfied]
    for (const value of odd) {
      expect(await outcomeOf(perSample("odd", () => value as never))).toMatchObject({
        value: undefined,
        parts: [{ outcome: { _tag: "Failed", kind: "error" } }, {}]
      })
    }
    expect(await outcomeOf(perBatch("odd", () => undefined as never))).toMatchObject({ value: undefined })
    for (const weight of [NaN, -1, Infinity]) {
      expect(await outcomeOf(perSample("odd", () => decided(true), { weight }))).toMatchObject({ value: undefined })
    }
  })

  test("failures are counted by kind", async () => {
    const rewards = await Effect.runPromise(score([
      perConstraint(() => verifierChecker),
      perConstraint((id) => id === "punctuation:no_comma" ? () => decided(true) : undefined),
      perSample("throws", (s) => { if (s.answer.includes(",")) throw new Error("boom"); return decided(true) }),
      perSample("sleeps", (s) => s.answer.includes("Nile") ? Effect.never : decided(true), { timeout: "5 millis" })
    ], 1))
    expect(failureCounts(rewards)).toEqual({ error: 1, timeout: 1, undecidable: 3 })
  })

  test("within the budget the run goes on; past it it stops, naming part and sample", async () => {
    const flaky = perSample("flaky", (s) => s.answer.includes(",") ? scored(NaN) : decided(true))
    const rewards = await Effect.runPromise(score([flaky], 0.5))
    expect(rewards.map((r) => r.value)).toEqual([1, undefined, 1])
    const error = await Effect.runPromise(Effect.flip(score([flaky], 0.2)))
    expect(error.message).toContain(`1 of 3 rewards failed (budget 0.2); first: flaky on ${row.id}#1: score NaN`)
  })
})
