import { describe, expect, test } from "@jest/globals"
import { Schema } from "effect"
import { guard, GuardsConfig, guardStart, type MetricRecord } from "../src/index.ts"

const config = (overrides: object) => Schema.decodeUnknownSync(GuardsConfig)(overrides)

/** Steps of a run until a guard stops it. */
const run = (guards: GuardsConfig, records: ReadonlyArray<MetricRecord>) => {
  let state = guardStart
  for (const [i, record] of records.entries()) {
    const next = guard(guards, state, i + 1, record)
    state = next.state
    if (next.stop !== undefined) return { step: i + 1, ...next.stop }
  }
  return { step: undefined, state }
}

const trained = { updates: 2, skipped_updates: 0, "tokens/effective": 100 }
const skipped = { updates: 0, skipped_updates: 2, "tokens/effective": 100 }
const idle = { updates: 0, skipped_updates: 0, "tokens/effective": 0 }

describe("guard", () => {
  test("stops as a failure when updates are skipped one after another, and an update that is made starts the count anew", () => {
    const guards = config({ maxSkipped: 4 })
    expect(run(guards, [skipped, trained, skipped, trained])).toMatchObject({ step: undefined, state: { skipped: 0 } })
    const stop = run(guards, [trained, skipped, skipped, skipped])
    expect(stop).toMatchObject({ step: 3, failure: { subject: "step 3" } })
    expect(stop).toMatchObject({ reason: expect.stringContaining("last 4 updates were skipped") })
  })

  test("stops as a failure when nothing is trained for long", () => {
    expect(run(config({ idleSteps: 3 }), [trained, idle, idle, trained, idle, idle, idle])).toMatchObject({
      step: 7,
      failure: { remedy: expect.stringContaining("frac_reward_zero_std") }
    })
  })

  test("steps in which nothing was trained because updates were skipped are said to be that", () => {
    expect(run(config({ maxSkipped: 0, idleSteps: 2 }), [idle, skipped])).toMatchObject({
      step: 2,
      reason: expect.stringMatching(/last 2 steps: the last 2 updates were skipped/),
      failure: { remedy: expect.stringContaining("optimizer.learningRate") }
    })
  })

  test("ends the run without a failure when it has gone too far from the reference", () => {
    const stop = run(config({ stopKl: 0.1 }), [{ ...trained, kl: 0.05 }, { ...trained, kl: 0.2 }])
    expect(stop).toMatchObject({ step: 2, reason: expect.stringContaining("0.2000") })
    expect(stop).not.toHaveProperty("failure")
  })

  test("0 switches each guard off", () => {
    const off = config({ maxSkipped: 0, idleSteps: 0, stopKl: 0 })
    expect(run(off, Array.from({ length: 100 }, () => ({ ...skipped, kl: 9 })))).toMatchObject({ step: undefined })
  })
})
