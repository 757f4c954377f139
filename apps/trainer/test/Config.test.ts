import { describe, expect, test } from "@jest/globals"
import { Effect, FileSystem, PlatformError, Schema } from "effect"
import { parse } from "yaml"
import { printConfig } from "../src/commands/ShowConfig.ts"
import { Config, configKeys, type ConfigSource, nearestKey, readConfig } from "../src/index.ts"

const defaults = Schema.decodeUnknownSync(Config)({})

const files = (contents: Record<string, string>) =>
  FileSystem.layerNoop({
    readFileString: (path) =>
      path in contents
        ? Effect.succeed(contents[path]!)
        : Effect.fail(PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "open", pathOrDescriptor: path }))
  })
const read = (source: ConfigSource, contents: Record<string, string> = {}) =>
  Effect.runPromise(readConfig(source).pipe(Effect.provide(files(contents))))
const refused = async (source: ConfigSource, contents: Record<string, string> = {}) => {
  const error = await Effect.runPromise(readConfig(source).pipe(Effect.flip, Effect.provide(files(contents))))
  return { subject: error.subject, reason: error.reason, remedy: error.remedy }
}

describe("Config", () => {
  test("every key has a sentence, and the printed defaults decode to the defaults", () => {
    const keys = configKeys(Config)
    expect(keys.length).toBeGreaterThan(50)
    expect(keys.filter((key) => !/^\S.*\.$/.test(key.description))).toEqual([])
    expect(Schema.decodeUnknownSync(Config)(parse(printConfig(defaults)))).toEqual(defaults)
  })
})

describe("readConfig", () => {
  test("without a source gives the defaults", async () => {
    expect(await read({})).toEqual(defaults)
  })

  test("puts flags over assignments over the file over the defaults", async () => {
    const config = await read({
      file: "run.yaml",
      assignments: ["rollout.groupSize=5", "optimizer.betas=[0.8, 0.9]"],
      flags: [{ flag: "steps", path: "train.steps", value: 7 }]
    }, { "run.yaml": "rollout: { groupSize: 3, temperature: 0.5 }\ntrain: { steps: 9 }\n" })
    expect(config).toEqual({
      ...defaults,
      rollout: { ...defaults.rollout, groupSize: 5, temperature: 0.5 },
      optimizer: { ...defaults.optimizer, betas: [0.8, 0.9] },
      train: { ...defaults.train, steps: 7 }
    })
  })

  test("reads JSON as well as YAML", async () => {
    expect((await read({ file: "run.json" }, { "run.json": "{\"train\": {\"seed\": 3}}" })).train.seed).toBe(3)
  })

  test("refuses an unknown key with its path and the nearest known one", async () => {
    expect(await refused({ file: "run.yaml" }, { "run.yaml": "rollout: { group_size: 4 }" })).toEqual({
      subject: "run.yaml",
      reason: "unknown key rollout.group_size",
      remedy: "did you mean rollout.groupSize?"
    })
    expect(await refused({ assignments: ["learningRate=1"] })).toEqual({
      subject: "--set learningRate=1",
      reason: "unknown key learningRate",
      remedy: "did you mean optimizer.learningRate?"
    })
    expect(await refused({ assignments: ["rollout.zebra=1"] })).toMatchObject({ remedy: "ifrl config prints the known keys" })
  })

  test.each([
    ["a value out of bounds", { assignments: ["rollout.groupSize=1"] }, {}, "--set rollout.groupSize=1", "rollout.groupSize is 1"],
    ["a value of the wrong type", { file: "a.yaml" }, { "a.yaml": "train: { steps: many }" }, "a.yaml", "train.steps is \"many\""],
    ["a section that is no object", { file: "a.yaml" }, { "a.yaml": "train: 3" }, "a.yaml", "train is 3"],
    ["a name that is not in the list", { assignments: ["objective.name=ppo"] }, {}, "--set objective.name=ppo", "objective.name is \"ppo\""],
    ["a value that is not finite", { assignments: ["eval.temperature=.nan"] }, {}, "--set eval.temperature=.nan", "eval.temperature is NaN"],
    [
      "a value that lacks a part",
      { assignments: ["optimizer.betas=[0.9]", "train.steps=3"] },
      {},
      "--set optimizer.betas=[0.9]",
      "optimizer.betas.1 is undefined"
    ],
    ["a file that is missing", { file: "none.yaml" }, {}, "none.yaml", "no such file"],
    ["a file that is no object", { file: "a.yaml" }, { "a.yaml": "[1]" }, "a.yaml", "is not an object of sections"],
    ["a file that is no YAML", { file: "a.yaml" }, { "a.yaml": "a: [1" }, "a.yaml", /at line 1/],
    ["an assignment without a value", { assignments: ["train.steps"] }, {}, "--set train.steps", "is not an assignment"]
  ])("refuses %s, naming source and key", async (_, source, contents, subject, reason) => {
    const error = await refused(source, contents as Record<string, string>)
    expect(error.subject).toBe(subject)
    expect(error.reason).toEqual(typeof reason === "string" ? reason : expect.stringMatching(reason))
    expect(error.remedy.length).toBeGreaterThan(5)
  })
})

test("nearestKey prefers the last part, then the whole path, and gives up when nothing is near", () => {
  const known = ["train.steps", "train.seed", "rollout.maxTokens", "sft.maxTokens"]
  expect(nearestKey("train.step", known)).toBe("train.steps")
  expect(nearestKey("rollout.max_tokens", known)).toBe("rollout.maxTokens")
  expect(nearestKey("sft.maxtoken", known)).toBe("sft.maxTokens")
  expect(nearestKey("train.optimizer", known)).toBeUndefined()
})
