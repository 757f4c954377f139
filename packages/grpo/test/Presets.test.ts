import { describe, expect, test } from "@jest/globals"
import { type ObjectiveBatch, objectiveConfig, presetNames, presets, evaluateObjective } from "../src/index.ts"
import { run } from "./support.ts"

describe.each(presetNames)("preset %s", (name) => {
  const { about, config, origin } = presets[name]
  test("says what it is and where it is from", () => {
    expect(about).toMatch(/\.$/)
    expect(origin).not.toBe("")
  })
  test("is an objective whose every deciding field is said", () => {
    const decoded = objectiveConfig(config.objective)
    expect(decoded).toMatchObject({ ...config.objective })
    for (const key of ["name", "clipLow", "clipHigh", "klCoefficient", "aggregation", "advantage"]) {
      expect(config.objective).toHaveProperty(key)
    }
  })
})

// Section 2 of the paper's description: 384 prompts, 5 responses each, 96 prompts an update.
test.each(["paper", "verl-if"] as const)("%s samples 1,920 responses and updates 4 times from them", (name) => {
  const { rollout, train } = presets[name].config
  const { groupSize, promptsPerStep } = rollout as { readonly groupSize: number; readonly promptsPerStep: number }
  const { epochs, minibatchPrompts } = train as { readonly epochs: number; readonly minibatchPrompts: number }
  expect(promptsPerStep * groupSize).toBe(1920)
  expect((promptsPerStep / minibatchPrompts) * epochs).toBe(4)
})

test("verl-if's loss depends on how rows are grouped, paper's does not", async () => {
  const rows = [[-0.2, -1.1, -0.4], [-0.9], [-2, -0.3, -0.1, -0.6, -0.2], [-0.5, -1.4], [-0.8, -0.1]]
  const old = rows.map((row) => row.map((x, t) => x + 0.1 * (t - 1)))
  const advantages = [1.2, -0.7, 0.3, -1.1, 0.4]
  const batch: ObjectiveBatch = {
    newLogProbs: rows,
    oldLogProbs: old,
    refLogProbs: old,
    mask: rows.map((row) => row.map(() => 1)),
    advantages: rows.map((row, i) => row.map(() => advantages[i]!))
  }
  const reversed = Object.fromEntries(
    Object.entries(batch).map(([key, grid]) => [key, (grid as ReadonlyArray<unknown>).toReversed()])
  ) as unknown as ObjectiveBatch
  const difference = async (name: "verl-if" | "paper") => {
    const config = objectiveConfig(presets[name].config.objective)
    const [a, b] = [await run(evaluateObjective(config, batch)), await run(evaluateObjective(config, reversed))]
    return Math.abs(a.loss - b.loss)
  }
  expect(await difference("paper")).toBeLessThan(1e-15)
  expect(await difference("verl-if")).toBeGreaterThan(0.01)
})
