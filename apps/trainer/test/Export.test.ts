/** Adapters through `ifrl sft`, and models through `ifrl export` into transformers.js. */
import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { readArtifacts } from "@ifrl/artifacts"
import { loadAdapter, loadModel, loadWeights } from "@ifrl/models"
import { decodeModel } from "@ifrl/onnx"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { modelDirectory } from "../src/ModelFolder.ts"
import { runCli as ifrl } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

let folder = ""
const at = (...names: ReadonlyArray<string>) => join(folder, ...names)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-export-"))
  await writeTinyModel(at("tiny"))
  const line = (text: string) =>
    JSON.stringify({ messages: [{ role: "user", content: text }, { role: "assistant", content: "it is wide" }] })
  await writeFile(at("chat.jsonl"), ["the sea", "the sun", "a poem", "one word"].map(line).join("\n"))
})
afterAll(() => rm(folder, { recursive: true }))

const read = <A, E>(effect: Effect.Effect<A, E, NodeServices.NodeServices>) =>
  Effect.runPromise(effect.pipe(Effect.provide(NodeServices.layer)))

const script = fileURLToPath(new URL("../../../packages/models/test/transformersJs.mjs", import.meta.url))

/** Greedy tokens, or an answer's text, of transformers.js in a process of its own. */
const transformersJs = async (...tasks: ReadonlyArray<object>): Promise<Array<any>> => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(tasks)])
  return stdout.trim().split("\n").map((line) => JSON.parse(line))
}

test("ifrl export: transformers.js generates the tokens and the text that ifrl generate does", async () => {
  const out = at("embedded")
  await ifrl("export", "--out", out, "--weights", "bfloat16")
  const names = await readdir(out)
  expect(names).toEqual(expect.arrayContaining(["config.json", "model.safetensors", "onnx", "tokenizer_config.json"]))
  const prompt = "Write about owls. Use no commas."
  const flags = ["--prompt", prompt, "--temperature", "0", "--max-tokens", "64", "--json"]
  const { output } = await ifrl("generate", ...flags)
  const ours = JSON.parse(output[0]!) as { tokens: Array<number>; text: string }
  expect(ours.tokens.length).toBeGreaterThan(10)
  const { tokenizer } = await read(loadModel(modelDirectory("embedded")))
  const messages = [{ role: "user", content: prompt }]
  const ids = [...tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true })]
  const [tokens, text] = await transformersJs(
    { folder: out, dtype: "fp32", prompt: ids, count: 64 },
    { folder: out, messages, count: 64 }
  )
  expect(tokens).toEqual(ours.tokens)
  expect(text).toBe(ours.text)
})

describe("an adapter", () => {
  const settings = ["lora.rank=4", "lora.alpha=8", "lora.targets=[q_proj, v_proj, down_proj]", "sft.rowsPerStep=4", "checkpoint.every=2"]
  const flags = [
    "--model",
    "tiny",
    "--steps",
    "4",
    "--learning-rate",
    "0.02",
    "--name",
    "lora",
    ...settings.flatMap((value) => ["--set", value])
  ]

  test("is trained beside its model, checkpointed, resumed, merged into the run's model, and exported", async () => {
    const data = [`data.examples=${at("chat.jsonl")}`, `data.validation=${at("chat.jsonl")}`, `run.folder=${at("runs")}`]
    const args = flags.map((flag) => flag === "tiny" ? at("tiny") : flag)
    const { output } = await ifrl("sft", ...args, ...data.flatMap((value) => ["--set", value]), "--json")
    const summary = JSON.parse(output.at(-1)!) as { before: { validationLoss: number }; after: { validationLoss: number }; adapter: string }
    expect(summary.after.validationLoss).toBeLessThan(summary.before.validationLoss)
    expect(summary.adapter).toBe(at("runs", "lora", "adapter"))
    expect((await readdir(at("runs", "lora", "checkpoints", "step-000004"))).toSorted()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "optimizer.safetensors",
      "trainer_state.json"
    ])
    const resumed = await ifrl("sft", "--resume", at("runs", "lora"), "--steps", "5", "--json")
    expect(JSON.parse(resumed.output.at(-1)!)).toMatchObject({ steps: 5, adapter: summary.adapter })
    const base = await read(loadWeights(at("tiny")))
    const adapter = await read(loadAdapter(summary.adapter, base.config))
    expect(adapter.shape.modules.length).toBe(6)

    const out = at("merged")
    await ifrl("export", "--model", at("tiny"), "--adapter", summary.adapter, "--out", out, "--onnx", "none", "--weights", "float32")
    const [merged, finished] = [await read(loadWeights(out)), await read(loadWeights(at("runs", "lora", "model")))]
    const moved = [...base.parameters].filter(([name, { data }]) => {
      expect(merged.parameters.get(name)!.data).toEqual(finished.parameters.get(name)!.data)
      return !data.every((x, i) => x === merged.parameters.get(name)!.data[i])
    })
    expect(moved.map(([name]) => name)).toEqual(adapter.shape.modules.map((module) => `${module}.weight`))
  })

  test("is what a run is told to take that would not fit, before weights are read", async () => {
    const limits = ["--set", "train.memoryGB=0.27", "--set", `run.folder=${at("runs")}`, "--set", `data.examples=${at("chat.jsonl")}`]
    const { exit } = await ifrl("sft", "--model", at("tiny"), ...limits, "--name", "small")
    const text = JSON.stringify(exit)
    expect(text).toContain("full fine-tuning of 0 M parameters")
    expect(text).toContain("of 0.3 GB available")
    expect(text).toContain("what fits: recomputed activations")
  })

  test("has artifacts of its own: only its parameters are trained, and the decode graph reads them", async () => {
    const out = at("artifacts")
    await ifrl("artifacts", "--model", at("tiny"), "--out", out, "--set", "lora.rank=2", "--set", "lora.targets=[o_proj]")
    const made = await read(readArtifacts(out))
    const adapter = await read(loadAdapter(join(out, "adapter"), (await read(loadWeights(join(out, "checkpoint")))).config))
    const trained = made.manifest.parameters.filter((parameter) => parameter.trained).map(({ name }) => name)
    expect(trained).toEqual([...adapter.parameters.keys()])
    expect(decodeModel(made.generate!).graph!.input.map(({ name }) => name)).toEqual(expect.arrayContaining(trained))
  })

  test("of a fresh model is refused", async () => {
    const { exit } = await ifrl("sft", "--set", "model.fresh=true", "--set", "lora.rank=4", "--set", `run.folder=${at("runs")}`, "--name", "no")
    expect(JSON.stringify(exit)).toContain("lora.rank")
  })
})
