import { describe, expect, test } from "@jest/globals"
import { presetNames } from "@ifrl/grpo"
import { explainConfig, resolveConfig } from "@ifrl/trainer"
import { Effect, FileSystem } from "effect"
import { scaled } from "../curves/scale.mjs"

const settings = async (preset: string) => {
  const resolved = await Effect.runPromise(resolveConfig({ preset }).pipe(Effect.provide(FileSystem.layerNoop({}))))
  return scaled(explainConfig(resolved)) as Readonly<Record<string, unknown>>
}

describe("presets on the embedded model", () => {
  test("paper keeps its groups and its four updates; its rate goes with the root of an update's responses", async () => {
    const paper = await settings("paper")
    // 38 prompts x 5 are 190 responses; 10 prompts an update are 50 of 192.
    expect(paper).toMatchObject({
      "rollout.promptsPerStep": 38,
      "rollout.groupSize": 5,
      "train.minibatchPrompts": 10,
      "objective.klCoefficient": 0
    })
    expect(paper["optimizer.learningRate"]).toBeCloseTo(1e-4 * Math.sqrt(50 / 192), 6)
  })

  test.each(presetNames)("%s: as many responses as the others, settings that the config knows", async (preset) => {
    const own = await settings(preset)
    const responses = Number(own["rollout.promptsPerStep"]) * Number(own["rollout.groupSize"])
    expect(Math.abs(responses - 192)).toBeLessThanOrEqual(5)
    const assignments = Object.entries(own).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    const { config } = await Effect.runPromise(
      resolveConfig({ assignments }).pipe(Effect.provide(FileSystem.layerNoop({})))
    )
    expect(config.objective.name).toBe(own["objective.name"])
  })

  test("dapo's overlong buffer keeps its share of the longest completion", async () => {
    expect((await settings("dapo"))["overlong.buffer"]).toBe(Math.round((4096 / 20_480) * 128))
  })
})
