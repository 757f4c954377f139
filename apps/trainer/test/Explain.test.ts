import { describe, expect, test } from "@jest/globals"
import { presetNames } from "@ifrl/grpo"
import { Effect, FileSystem } from "effect"
import { readFileSync } from "node:fs"
import { Config, configKeys, type ConfigSource, explainConfig, printExplained, printOptions, resolveConfig } from "../src/index.ts"
import { runCli } from "./runCli.ts"

const explain = async (source: ConfigSource, files: Record<string, string> = {}) => {
  const resolved = await Effect.runPromise(resolveConfig(source).pipe(
    Effect.provide(FileSystem.layerNoop({ readFileString: (path) => Effect.succeed(files[path]!) }))
  ))
  return new Map(explainConfig(resolved).map(({ key, ...rest }) => [key, rest]))
}

test("every value has a unit, or says what it may be", () => {
  expect(configKeys(Config).filter((key) => !key.section && (key.unit ?? "") === "").map((key) => key.path)).toEqual([])
})

test("the options table of the docs is the schema's: ifrl explain --options > OPTIONS.md", () => {
  expect(readFileSync(new URL("../OPTIONS.md", import.meta.url), "utf8").trimEnd()).toBe(printOptions().trimEnd())
})

describe("explain", () => {
  test("names the source that has the last word on each value", async () => {
    const values = await explain({
      preset: "dapo",
      file: "run.yaml",
      assignments: ["train.epochs=2"],
      flags: [{ flag: "steps", path: "train.steps", value: 7 }]
    }, { "run.yaml": "rollout: { groupSize: 4 }" })
    expect(values.get("rollout.promptsPerStep")).toEqual({ value: 512, unit: "prompts", origin: "preset dapo" })
    expect(values.get("rollout.groupSize")).toEqual({ value: 4, unit: "responses a prompt", origin: "run.yaml" })
    expect(values.get("train.epochs")).toEqual({ value: 2, unit: "passes", origin: "--set train.epochs=2" })
    expect(values.get("train.steps")).toEqual({ value: 7, unit: "steps", origin: "--steps" })
    expect(values.get("train.seed")).toEqual({ value: 0, unit: "seed", origin: "default" })
  })

  test("an objective brings its authors' settings under everything that is said", async () => {
    const gspo = await explain({ assignments: ["objective.name=gspo", "objective.clipLow=0.1"] })
    expect(gspo.get("objective.clipHigh")).toMatchObject({ value: 4e-4, origin: "objective gspo" })
    expect(gspo.get("objective.aggregation")).toMatchObject({ value: "sequence-mean", origin: "objective gspo" })
    expect(gspo.get("objective.clipLow")).toMatchObject({ value: 0.1, origin: "--set objective.clipLow=0.1" })
  })

  test.each(presetNames)("preset %s is a config, and every value of it has its origin", async (preset) => {
    const values = await explain({ preset })
    const own = [...values.values()].filter(({ origin }) => origin === `preset ${preset}`)
    expect(own.length).toBeGreaterThan(10)
    expect(values.get("optimizer.learningRate")).toMatchObject({ value: 1e-6, origin: `preset ${preset}` })
  })

  test("prints one line a value, columns aligned", async () => {
    const resolved = await Effect.runPromise(
      resolveConfig({ preset: "paper" }).pipe(Effect.provide(FileSystem.layerNoop({})))
    )
    const lines = printExplained(explainConfig(resolved)).split("\n")
    expect(lines[0]).toMatch(/^key +value +unit +origin$/)
    const line = lines.find((text) => text.startsWith("train.minibatchPrompts"))!
    expect(line).toMatch(/^train\.minibatchPrompts +96 +prompts +preset paper$/)
    expect(line.indexOf("prompts", 25)).toBe(lines[0]!.indexOf("unit"))
  })

  test("a preset that is none is refused with those there are", async () => {
    const error = await Effect.runPromise(
      Effect.flip(resolveConfig({ preset: "ppo" })).pipe(Effect.provide(FileSystem.layerNoop({})))
    )
    expect(error.message).toMatch(/--preset ppo.*not a preset.*paper, verl-if, dapo, dr-grpo, grpo-trl/)
  })
})

test.each(["explain", "config"])("ifrl %s, told nothing, says that a run which is told nothing has another config, and where that is", async (command) => {
  const [values] = (await runCli(command)).output
  const file = new RegExp(`ifrl train, eval and reward train run under .*: ifrl ${command} --config (.*embedded\\.yaml)$`, "m").exec(values!)![1]!
  const told = (await runCli(command, "--config", file)).output[0]!
  expect(told).toMatch(command === "explain" ? /rollout\.promptsPerStep +24/ : /promptsPerStep: 24/)
  expect(told).not.toContain("ifrl train")
  expect((await runCli(command, "--model", "m")).output[0]).not.toContain("embedded model instead")
})
