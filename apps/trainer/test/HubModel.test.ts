import { afterEach, beforeEach, expect, test } from "@jest/globals"
import { readdirSync, readFileSync } from "node:fs"
import { mkdtemp, readdir, rm } from "node:fs/promises"
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
  await writeTinyModel(join(folder, "model"))
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

test("--model takes a model of the Hub, shows how far it is, and the next command takes it from the cache", async () => {
  const shown = errors()
  const first = await ifrl("generate", "--json", "--model", "ifrl/tiny@v1", "--prompt", "the sea", "--max-tokens", "4", "--temperature", "0")
  expect(first.exit).toMatchObject({ _tag: "Success" })
  expect(shown.at(-1)).toMatch(/^ifrl\/tiny@v1 {2}\[=+\] {2}[\d.]+ of [\d.]+ MB\n$/)

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
