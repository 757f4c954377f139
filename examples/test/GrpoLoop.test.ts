// The loop of grpo-loop.ts is the trainer's: the same weights after the same three steps.
import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, expect, test } from "@jest/globals"
import { Runtime } from "@ifrl/runtime"
import { cli, modelDirectory } from "@ifrl/trainer"
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defaults, grpo } from "../grpo-loop.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-loop-"))
})
afterAll(() => rm(folder, { recursive: true }))

/** Prompts that the shipped model answers now so and now so. */
const prompts = (subjects: ReadonlyArray<string>) =>
  subjects.map((subject) =>
    JSON.stringify({
      prompt: `Write about ${subject}. Use no commas. Use at least 14 words.`,
      instruction_id_list: ["punctuation:no_comma", "length_constraints:number_words"],
      kwargs: [{}, { relation: "at least", num_words: 14 }]
    })
  ).join("\n")

test("reproduces the trainer's first three steps byte for byte", async () => {
  const [trainFile, heldOutFile] = [join(folder, "train.jsonl"), join(folder, "held.jsonl")]
  await writeFile(trainFile, prompts(["rivers", "birds", "trees", "the moon", "bread", "winter", "trains", "music"]))
  await writeFile(heldOutFile, prompts(["boats"]))
  const { groupSize, learningRate, maxTokens, promptsPerStep, seed, steps } = defaults
  const settings = {
    "model.path": "embedded",
    "data.prompts": trainFile,
    "data.heldOut": heldOutFile,
    "curriculum.decompose": false,
    "curriculum.name": "shuffled",
    "rollout.promptsPerStep": promptsPerStep,
    "rollout.groupSize": groupSize,
    "rollout.maxTokens": maxTokens,
    "train.steps": steps,
    "train.seed": seed,
    "optimizer.learningRate": learningRate,
    "reward.aggregation.formatGate": false,
    "run.folder": folder
  }
  const flags = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${JSON.stringify(value)}`])
  const output = await Effect.runPromise(
    Command.runWith(cli, { version: "0" })(["train", "--name", "run", ...flags]).pipe(
      Effect.andThen(grpo(modelDirectory("embedded"), trainFile, join(folder, "example"))),
      Effect.andThen(TestConsole.logLines),
      Effect.provide(Layer.mergeAll(Runtime.layer(), NodeServices.layer, TestConsole.layer))
    )
  )
  const bytes = (...path: ReadonlyArray<string>) => readFile(join(...path, "model.safetensors"))
  const trained = await bytes(folder, "run", "model")
  expect(trained.equals(await bytes(folder, "example"))).toBe(true)
  expect(trained.equals(await bytes(modelDirectory("embedded")))).toBe(false)

  const lines = (await readFile(join(folder, "run", "metrics.jsonl"), "utf8")).trim().split("\n")
  expect(output.slice(-steps)).toEqual(lines.map((line) => {
    const { grad_norm, policy_loss, reward, step } = JSON.parse(line)
    return `step ${step}  reward ${reward.toFixed(3)}  loss ${policy_loss.toFixed(5)}  gradient ${grad_norm.toFixed(3)}`
  }))
}, 120_000)

test("fits on a page", async () => {
  const text = await readFile(new URL("../grpo-loop.ts", import.meta.url), "utf8")
  expect(text.split("\n").length).toBeLessThanOrEqual(115)
})
