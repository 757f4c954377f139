import { afterEach, beforeEach, describe, expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { readdirSync, readFileSync } from "node:fs"
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type HubServer, startHub } from "../../../packages/models/test/HubServer.ts"
import { renderDownload } from "../src/DownloadBar.ts"
import { runCli as ifrl } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

const variables = ["HF_ENDPOINT", "HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"] as const
const before = variables.map((name) => process.env[name])
const { write } = process.stderr
let folder = ""
let hub: HubServer

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-hub-"))
  await writeTinyModel(join(folder, "model"), { maxPositions: 512 })
  const files = readdirSync(join(folder, "model")).map((name) => [name, readFileSync(join(folder, "model", name))] as const)
  hub = await startHub({ id: "ifrl/tiny", files: new Map(files), token: "hf_secret" })
  process.env["HF_ENDPOINT"] = hub.endpoint
  process.env["HF_HUB_CACHE"] = join(folder, "cache")
  process.env["HF_TOKEN"] = "hf_secret"
})

afterEach(async () => {
  process.stderr.write = write
  variables.forEach((name, i) => {
    if (before[i] === undefined) delete process.env[name]
    else process.env[name] = before[i]
  })
  await hub.close()
  await rm(folder, { recursive: true })
})

/** What is written to the error stream from now on. */
const errors = (): Array<string> => {
  const lines: Array<string> = []
  process.stderr.write = ((text: string) => lines.push(String(text)) > 0) as typeof process.stderr.write
  return lines
}

/** The last line of a download; with a speed where the machine was too busy to be done within a second. */
const wholeBar = /^ifrl\/tiny@v1 {2}\[=+\] {2}[\d.]+ of [\d.]+ MB( {2}[\d.]+ MB\/s {2}0:00 left)?\n$/m

test("--model takes a model of the Hub, shows how far it is, and the next command takes it from the cache", async () => {
  const shown = errors()
  const first = await ifrl("generate", "--json", "--model", "ifrl/tiny@v1", "--prompt", "the sea", "--max-tokens", "4", "--temperature", "0")
  expect(first.exit).toMatchObject({ _tag: "Success" })
  expect(shown.at(-1)).toMatch(wholeBar)

  process.env["HF_HUB_OFFLINE"] = "1"
  hub.log.length = 0
  const again = await ifrl("generate", "--json", "--model", "ifrl/tiny@v1", "--prompt", "the sea", "--max-tokens", "4", "--temperature", "0")
  expect(JSON.parse(String(again.output.at(-1))).text).toBe(JSON.parse(String(first.output.at(-1))).text)
  expect(hub.log).toEqual([])
})

test("a dry run fetches no weights", async () => {
  errors()
  const { exit } = await ifrl("train", "--json", "--dry-run", "--model", "ifrl/tiny")
  expect(exit).toMatchObject({ _tag: "Success" })
  const snapshot = join(folder, "cache", "models--ifrl--tiny", "snapshots", hub.commit)
  expect(await readdir(snapshot)).toContain("config.json")
  expect(await readdir(snapshot)).not.toContain("model.safetensors")
})

test("reward eval takes a policy of the Hub", async () => {
  errors()
  const labels = join(folder, "labels.jsonl")
  const responses = [{ text: "wide", followed: [true] }, { text: "a sea", followed: [false] }]
  await writeFile(labels, JSON.stringify({ id: "a", instruction: "name the sea", constraints: ["be brief"], responses }))
  const { exit } = await ifrl("reward", "eval", "--json", "--policy", "--model", "ifrl/tiny@v1", "--labels", labels, "--judge-tokens", "2")
  expect(exit).toMatchObject({ _tag: "Success" })
})

describe("rewardModel.base", () => {
  const settings = {
    "data.prompts": () => join(folder, "train.jsonl"),
    "data.heldOut": () => join(folder, "held.jsonl"),
    "run.folder": () => join(folder, "runs"),
    "reward.soft": "model",
    "reward.thought": "optional",
    "rollout.promptsPerStep": "2",
    "rollout.groupSize": "2",
    "rollout.maxTokens": "4",
    "train.steps": "1",
    "rewardModel.maxLength": "96",
    "rewardModel.epochs": "1"
  }
  const flags = (name: string, base: string) => [
    "--json", "--name", name, "--model", join(folder, "model"), "--set", `rewardModel.base=${base}`,
    ...Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${typeof value === "string" ? value : value()}`])
  ]
  const weights = (name: string) => readFileSync(join(folder, "runs", name, "reward-model", "model.safetensors"))

  beforeEach(async () => {
    for (const [file, verb, count] of [["train.jsonl", "Describe", 40], ["held.jsonl", "Praise", 2]] as const) {
      const rows = Array.from({ length: count }, (_, i) =>
        promptRow({ instruction: `${verb} number ${i}.`, domain: "writing", constraints: [{ id: "soft:tone", kwargs: {}, text: `Sound ${i % 2 === 0 ? "sad" : "glad"}` }] }))
      await writeFile(join(folder, file), rows.map((row) => JSON.stringify(row)).join("\n"))
    }
  })

  test("comes from the Hub in reward train, and from the cache in train, as --model does", async () => {
    const shown = errors()
    const first = await ifrl("reward", "train", ...flags("first", "ifrl/tiny@v1"))
    expect(first.exit).toMatchObject({ _tag: "Success" })
    expect(shown.join("")).toMatch(wholeBar)
    expect(JSON.parse(readFileSync(join(folder, "runs", "first", "reward-model", "reward_model.json"), "utf8"))).toMatchObject({ base: "ifrl/tiny@v1" })

    process.env["HF_HUB_OFFLINE"] = "1"
    hub.log.length = 0
    const second = await ifrl("train", ...flags("second", "ifrl/tiny@v1"))
    expect(second.exit).toMatchObject({ _tag: "Success" })
    expect(hub.log).toEqual([])
    expect(weights("second")).toEqual(weights("first"))
  })

  test("a dry run fetches its config and no weights", async () => {
    errors()
    const { exit, output } = await ifrl("train", "--dry-run", ...flags("dry", "ifrl/tiny"))
    expect(exit).toMatchObject({ _tag: "Success" })
    expect(JSON.parse(output.at(-1)!)).toMatchObject({ rewardModel: { prompts: 80, pairs: 40 } })
    expect(await readdir(join(folder, "cache", "models--ifrl--tiny", "snapshots", hub.commit))).not.toContain("model.safetensors")
  })

  test("one that is not there is named with the remedy, before anything is generated; none is fetched where none is trained", async () => {
    const { exit } = await ifrl("train", ...flags("none", "ifrl/none"))
    expect(String(exit)).toMatch(/ifrl\/none: has no revision main, or does not exist/)
    expect(await readdir(folder)).not.toContain("runs")
    hub.log.length = 0
    const truth = await ifrl("train", ...flags("truth", "ifrl/none"), "--set", "reward.soft=truth", "--dry-run")
    expect(truth.exit).toMatchObject({ _tag: "Success" })
    expect(hub.log).toEqual([])
  })
})

test("a model that is not there is named with the remedy", async () => {
  const { exit } = await ifrl("generate", "--model", "ifrl/none", "--prompt", "x")
  expect(String(exit)).toMatch(/ifrl\/none: has no revision main, or does not exist/)
})

test("the bar fits into the terminal", () => {
  const progress = { bytes: 500e6, totalBytes: 988e6 }
  expect(renderDownload("a/b", progress, 0, 80)).toBe("a/b  [===============               ]  500 of 988 MB")
  expect(renderDownload("a/b", progress, 20e6, 80)).toMatch(/^a\/b {2}\[=+ +\] {2}500 of 988 MB {2}20 MB\/s {2}0:24 left$/)
  for (const columns of [20, 40, 60, 80, 200]) {
    expect(renderDownload("Qwen/Qwen2.5-0.5B-Instruct", progress, 20e6, columns).length).toBeLessThanOrEqual(columns)
  }
})
