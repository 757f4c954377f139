// A reward model that was cut off while it was made, by `ifrl reward train` or by `ifrl train`, and goes on under --resume, is
// the unbroken one, byte for byte.
import { afterAll, beforeAll, expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { binary, runScript } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

const crashing = fileURLToPath(new URL("./crashingReward.mjs", import.meta.url))

/** Milliseconds for two runs of the command, on a machine that is busy with something else. */
const patience = 300_000

let folder = ""
const at = (...names: ReadonlyArray<string>) => join(folder, ...names)

const settings = {
  "data.prompts": "train.jsonl",
  "data.heldOut": "held.jsonl",
  "reward.soft": "model",
  "reward.thought": "optional",
  "curriculum.decompose": "false",
  "rollout.promptsPerStep": "2",
  "rollout.groupSize": "2",
  "rollout.maxTokens": "8",
  "train.steps": "1",
  "rewardModel.maxLength": "96",
  "rewardModel.epochs": "2",
  "rewardModel.pairsPerStep": "32"
}
const flags = (name: string) => ["--name", name, "--model", "model", ...Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`])]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-reward-crashes-"))
  await writeTinyModel(at("model"))
  const tones = ["sad", "glad", "calm"]
  // More prompts than are answered in one go.
  for (const [file, verb, count] of [["train.jsonl", "Describe", 150], ["held.jsonl", "Praise", 4]] as const) {
    const rows = Array.from({ length: count }, (_, i) =>
      promptRow({
        instruction: `${verb} number ${i}.`,
        domain: "writing",
        constraints: [{ id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" }, { id: "soft:tone", kwargs: {}, text: `Sound ${tones[i % 3]}` }]
      }))
    await writeFile(at(file), rows.map((row) => JSON.stringify(row)).join("\n"))
  }
  const { code, stderr } = await runScript(folder, binary, ["reward", "train", ...flags("unbroken")])
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
}, patience)
afterAll(() => rm(folder, { recursive: true }))

/** Pairs and reward model of a run, and whether anything of the work on them is left. */
const left = async (name: string) => {
  const model = at("runs", name, "reward-model")
  const { directory: _, seconds: __, ...summary } = JSON.parse(await readFile(at("runs", name, "reward-model.json"), "utf8"))
  const names = (await readdir(model)).toSorted()
  return {
    summary,
    pairs: await readFile(at("runs", name, "pairs.jsonl"), "utf8"),
    model: await Promise.all(names.map(async (file) => [file, (await readFile(join(model, file))).toString("base64")])),
    work: (await readdir(at("runs", name))).filter((file) => file.includes("work"))
  }
}

test.each([
  ["reward train", "pairs", /pairs: 255 of 300 prompts are answered already/],
  ["reward train", "training", /pairs: 300 of 300 prompts are answered already\nreward model: \d+ pairs.*\nreward model: its training goes on after update 4\n/],
  ["train", "training", /reward model: its training goes on after update 4\n[^]*step 1\/1/]
])("ifrl %s, killed in %s, goes on to the same reward model", async (command, phase, said) => {
  const name = `${command}-${phase}`.replace(" ", "-")
  const crashed = await runScript(folder, crashing, [phase, ...command.split(" "), ...flags(name)])
  expect({ signal: crashed.signal, stderr: crashed.stderr }).toEqual({ signal: "SIGKILL", stderr: "" })
  const resumed = await runScript(folder, binary, [...command.split(" "), "--resume", `runs/${name}`])
  expect({ code: resumed.code, stderr: resumed.stderr }).toEqual({ code: 0, stderr: "" })
  expect(resumed.stdout).toMatch(said)
  const unbroken = await left("unbroken")
  expect(unbroken.work).toEqual([])
  expect(await left(name)).toEqual(unbroken)
}, patience)

test("a run whose folder has moved, or is named from elsewhere, asks the reward model that is in it", async () => {
  await rename(at("runs/train-training"), at("moved"))
  const { code, stderr, stdout } = await runScript(at("runs"), binary, [
    "train", "--resume", "../moved", "--model", "../model", "--set", "data.prompts=../train.jsonl", "--set", "data.heldOut=../held.jsonl", "--json"
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("ifrl:") })
  expect(JSON.parse(stdout)).toMatchObject({ rewardModel: { directory: join("..", "moved", "reward-model") } })
}, patience)
