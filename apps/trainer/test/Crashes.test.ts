// N steps are k steps, a crash, a resume and N - k steps, byte for byte, wherever the crash.
import { afterAll, beforeAll, expect, test } from "@jest/globals"
import { readEvents } from "@ifrl/train"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { binary, runScript } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

const crashing = fileURLToPath(new URL("./crashing.mjs", import.meta.url))

/** Milliseconds for two runs of the command, on a machine that is busy with something else. */
const patience = 180_000

let folder = ""
const at = (...names: ReadonlyArray<string>) => join(folder, ...names)

// What makes state that a resume could lose: moments, a decaying rate, two updates a rollout, resampled groups, a shuffled order, guards.
const settings = {
  "data.heldOut": "held.jsonl",
  "reward.thought": "optional",
  "curriculum.name": "shuffled",
  "checkpoint.every": "2",
  "rollout.promptsPerStep": "4",
  "rollout.groupSize": "4",
  "rollout.maxTokens": "24",
  "train.steps": "5",
  "train.minibatchPrompts": "2",
  "optimizer.learningRate": "0.01",
  "optimizer.weightDecay": "0.01",
  "schedule.name": "cosine",
  "schedule.warmupSteps": "3",
  "degenerate.action": "resample",
  "eval.every": "2",
  "metrics.tensorBoard": "true"
}
const train = (name: string) => [
  "train", "--name", name, "--model", "model", "--prompts", "train.jsonl",
  ...Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`])
]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-crashes-"))
  await writeTinyModel(at("model"))
  const subjects = ["the sea", "the sun", "a poem", "one word", "the moon", "a boat", "a wave", "the wind"]
  for (const [file, verb] of [["train.jsonl", "describe"], ["held.jsonl", "praise"]] as const) {
    const rows = subjects.map((subject) => ({
      prompt: `${verb} ${subject}. Use no commas.`,
      instruction_id_list: ["punctuation:no_comma"],
      kwargs: [{}]
    }))
    await writeFile(at(file), rows.map((row) => JSON.stringify(row)).join("\n"))
  }
  const { code, stderr } = await runScript(folder, binary, train("unbroken"))
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
}, patience)
afterAll(() => rm(folder, { recursive: true }))

const lines = async (...names: ReadonlyArray<string>) =>
  (await readFile(at("runs", ...names), "utf8")).trim().split("\n").map((line): Record<string, unknown> => JSON.parse(line))
const isTime = (name: string) => /time|timing|per_second|perf\/throughput/.test(name)

/** Everything that a run leaves, but how long things took. */
const left = async (name: string) => {
  const last = "checkpoints/step-000005"
  const events = (await readdir(at("runs", name, "tensorboard"))).toSorted()
  const scalars = readEvents(await Promise.all(events.map((file) => readFile(at("runs", name, "tensorboard", file)))))
  const { state: { seconds: _, ...state } } = JSON.parse(await readFile(at("runs", name, last, "trainer_state.json"), "utf8"))
  return {
    weights: (await readFile(at("runs", name, "model/model.safetensors"))).toString("base64"),
    moments: (await readFile(at("runs", name, last, "optimizer.safetensors"))).toString("base64"),
    state,
    metrics: (await lines(name, "metrics.jsonl")).map((m) => Object.fromEntries(Object.entries(m).filter(([key]) => !isTime(key)))),
    completions: await lines(name, "completions.jsonl"),
    scalars: scalars.filter(({ tag }) => !isTime(tag)).map(({ step, tag, value }) => [step, tag, value]),
    checkpoints: (await readdir(at("runs", name, "checkpoints"))).toSorted(),
    files: (await readdir(at("runs", name))).toSorted()
  }
}

/** Where the run dies, the checkpoint that it goes on from, and whether it finds the rollout that it had. */
const crashes = [
  ["generation", 3, 2, false],
  ["reward", 3, 2, false],
  ["update", 3, 2, true],
  ["checkpoint", 4, 2, false]
] as const

test.each(crashes)("a crash in %s of step %i: the resumed run ends byte-equal to the unbroken one", async (phase, step, from, buffered) => {
  const crashed = await runScript(folder, crashing, [phase, String(step), ...train(phase)])
  expect({ signal: crashed.signal, stderr: crashed.stderr }).toEqual({ signal: "SIGKILL", stderr: "" })
  const checkpoints = (await readdir(at("runs", phase, "checkpoints"))).filter((name) => name.startsWith("step-"))
  expect(checkpoints.toSorted().at(-1)).toBe(`step-00000${from}`)
  expect(await readdir(at("runs", phase))).not.toContain("summary.json")
  const resumed = await runScript(folder, binary, ["train", "--resume", `runs/${phase}`])
  expect({ code: resumed.code, stderr: resumed.stderr }).toEqual({ code: 0, stderr: "" })
  expect(resumed.stdout.includes("goes on with the rollout that it had")).toBe(buffered)
  expect(await left(phase)).toEqual(await left("unbroken"))
}, patience)

test("Ctrl-C in an evaluation: the resumed run makes up for it, and ends byte-equal to the unbroken one", async () => {
  const stopped = await runScript(folder, crashing, ["evaluation", "4", ...train("evaluation")])
  expect(stopped.code).toBe(130)
  expect((await readdir(at("runs/evaluation/checkpoints"))).toSorted().at(-1)).toBe("step-000004")
  const resumed = await runScript(folder, binary, ["train", "--resume", "runs/evaluation"])
  expect({ code: resumed.code, stderr: resumed.stderr }).toEqual({ code: 0, stderr: "" })
  expect(await left("evaluation")).toEqual(await left("unbroken"))
}, patience)
