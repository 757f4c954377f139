import { describe, expect, test } from "@jest/globals"
import { Effect } from "effect"
import { TestConsole } from "effect/testing"
import { PassThrough } from "node:stream"
import { stripVTControlCharacters } from "node:util"
import { Display } from "../src/Display.ts"
import { formatDuration, formatNumber, policyColumns, renderView, sparkline, type ViewState } from "../src/View.ts"

const state: ViewState = {
  title: "train",
  columns: policyColumns,
  steps: 4,
  step: 2,
  completed: 0,
  seconds: 100,
  history: [{ reward: 0.25, "rollout/tokens_per_second": 900 }, { reward: 0.5, "rollout/tokens_per_second": 1234.4 }],
  activity: { label: "responses", done: 3, total: 8 },
  sample: { prompt: "Write a poem.\nUse no commas.", completion: "<think>short</think>".repeat(20), reward: 1 }
}

test("numbers and durations are short", () => {
  expect([formatNumber(1234.4, 0), formatNumber(0.25, 3), formatNumber(0.00004, 3), formatNumber(Number.NaN, 2)])
    .toEqual(["1,234", "0.250", "4.0e-5", "NaN"])
  expect([0.4, 59, 95, 3725].map(formatDuration)).toEqual(["0 s", "59 s", "1 min 35 s", "1 h 2 min"])
})

test("a sparkline spans from the least to the greatest value", () => {
  expect(sparkline([0, 1, 0.5], 10)).toBe("▁█▅")
  expect(sparkline([2, 2], 10)).toBe("▁▁")
  expect(sparkline([0, 1, 2, 3], 2)).toBe("▁█")
  expect(sparkline([], 2)).toBe("")
})

test("the view shows progress, metrics, activity and a sample within the width", () => {
  const lines = stripVTControlCharacters(renderView(state, 60)).split("\n")
  expect(lines[0]).toBe("train  ██████████░░░░░░░░░  2/4  1 min 40 s  1 min 40 s left")
  expect(lines.slice(1, 4)).toEqual(["  reward       0.500  ▁█", "  tokens/s     1,234  ▁█", "  responses 3/8"])
  expect(lines[4]).toBe("  Write a poem. Use no commas.")
  expect(lines[5]).toMatch(/^ {2}> <think>short.*…$/)
  expect(lines.every((line) => line.length <= 60)).toBe(true)
})

test.each([80, 50, 40, 30, 23, 20, 15])("a view of a long run is at most %i characters wide", (width) => {
  const history = Array.from({ length: 100 }, (_, i) => ({ reward: i / 100, "rollout/tokens_per_second": 9000 }))
  const activity = { label: "before: held-out prompts", done: 100, total: 700 }
  const lines = stripVTControlCharacters(renderView({ ...state, steps: 100, step: 42, seconds: 4000, history, activity }, width)).split("\n")
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width)
  expect(lines[0]).toMatch(/^train  /)
})

test("work without steps has no bar", () => {
  const text = stripVTControlCharacters(renderView({ ...state, steps: 0, step: 0, history: [], sample: undefined }, 60))
  expect(text).toBe("train  1 min 40 s\n  responses 3/8")
})

const training = Effect.gen(function*() {
  const display = yield* Display
  yield* display.line("run runs/a")
  yield* display.begin("train", 2, policyColumns)
  yield* display.activity("responses", 1, 2)
  yield* display.sample({ prompt: "p", completion: "one\ntwo", reward: 0.5 })
  yield* display.step(1, { reward: 0.125 })
  yield* display.sample({ prompt: "p", completion: "three" })
  yield* display.step(2, { reward: 0.25 })
  yield* display.end
})

describe("Display", () => {
  test("plain: one line a step, a sample now and then, no control characters", async () => {
    const lines = await Effect.runPromise(
      training.pipe(Effect.provide(Display.layerPlain()), Effect.andThen(TestConsole.logLines), Effect.provide(TestConsole.layer))
    )
    expect(lines).toEqual([
      "run runs/a",
      "  prompt: \"p\"\n  completion (reward 0.500): \"one\\ntwo\"",
      "step 1/2  reward 0.125  0 s",
      "step 2/2  reward 0.250  0 s"
    ])
  })

  test("live: redraws in place and leaves the last view", async () => {
    const stream = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY: true, columns: 70, rows: 30 })
    await Effect.runPromise(training.pipe(Effect.provide(Display.layerLive(stream as unknown as NodeJS.WriteStream))))
    const written = String(stream.read())
    expect(written).toContain("\u001B[")
    const text = stripVTControlCharacters(written)
    expect(text).toContain("run runs/a")
    expect(text).toMatch(/2\/2 {2}0 s {2}0 s left\n {2}reward +0\.250 {2}▁█\n[^]*> three\n$/)
  })
})
