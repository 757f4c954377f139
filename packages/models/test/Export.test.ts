/** What is exported, run by transformers.js and, step by step with left padding, by our own runtime. */
import { readModel } from "@ifrl/onnx"
import { describe, expect, test } from "@jest/globals"
import { Tensor } from "@ifrl/runtime"
import { execFile } from "node:child_process"
import { readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { type ChatMessage, type DecoderConfig, exportGraph, exportModel, loadModel, Model, readSafetensors } from "../src/index.ts"
import { familyCase, familyCases } from "./families.ts"
import { evaluate, type Tensors } from "./reference.ts"
import { fixture, run, withFolder } from "./support.ts"

const numbers = (tensor: Tensor) => Array.from(tensor.as("int64").data, Number)

type Task =
  | { folder: string; dtype: "fp32" | "fp16"; prompt: ReadonlyArray<number>; count: number }
  | { folder: string; messages: ReadonlyArray<ChatMessage>; count: number }

/** What transformers.js makes of each task: greedy tokens, or the text of an answer. */
const transformersJs = async (...tasks: ReadonlyArray<Task>): Promise<Array<unknown>> => {
  const script = fileURLToPath(new URL("./transformersJs.mjs", import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(tasks)])
  return stdout.trim().split("\n").map((line) => JSON.parse(line) as unknown)
}

/** A model of a family's case: its config and weights, with a tokenizer of another fixture, which has as many tokens. */
const familyModel = async (name: string) => {
  const { config, expected, parameters } = await run(familyCase(name))
  const { files, tokenizer } = await run(loadModel(fixture("qwen2-tied")))
  // Without ids that end an answer generation runs to its full length, as it did in Python.
  const { eos_token_id: _, ...json } = familyCases[name]!
  const bytes = (value: object) => new TextEncoder().encode(JSON.stringify(value))
  const own = new Map([...files, ["config.json", bytes(json)] as const, ["generation_config.json", bytes({})] as const])
  return { expected, model: new Model({ config, directory: undefined, parameters, tokenizer, files: own }) }
}

const oneOfEach = ["llama", "mistral", "qwen2", "qwen3", "smollm3"].map((type) =>
  Object.keys(familyCases).findLast((name) => familyCases[name]!["model_type"] === type)!
)

describe("transformers.js", () => {
  test("one of every family: greedy tokens are those of Python's transformers", () =>
    withFolder(async (folder) => {
      const tasks: Array<Task> = []
      const wanted: Array<ReadonlyArray<number>> = []
      for (const name of oneOfEach) {
        const { expected, model } = await familyModel(name)
        await run(exportModel(join(folder, name), model))
        const tokens = numbers(expected["greedy.tokens"]!)
        const prompt = numbers(expected["greedy.prompt"]!)
        tasks.push({ folder: join(folder, name), dtype: "fp32", prompt, count: tokens.length })
        wanted.push(tokens)
      }
      expect(await transformersJs(...tasks)).toEqual(wanted)
    }))

  test('pipeline("text-generation", folder), in both element types, with weights in files of their own', () =>
    withFolder(async (folder) => {
      const model = await run(loadModel(fixture("qwen2-tied")))
      const { tensors } = await run(readSafetensors(fixture("qwen2-tied", "expected.safetensors")))
      const wanted = numbers(tensors.get("greedy.tokens")!).slice(0, 32)
      const prompt = numbers(tensors.get("greedy.prompt")!)
      const files = await run(exportModel(folder, model, { dtypes: ["fp32", "fp16"], externalData: true }))
      expect(files.map(({ name }) => name)).toEqual([
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "onnx/model_fp16.onnx",
        "onnx/model_fp16.onnx_data"
      ])
      for (const { bytes, name } of files) expect((await stat(join(folder, name))).size).toBe(bytes)
      const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Record<string, unknown>
      expect(config["transformers.js_config"]).toEqual({
        use_external_data_format: { "model.onnx": 1, "model_fp16.onnx": 1 },
        kv_cache_dtype: { fp16: "float16" }
      })
      const messages = [{ role: "user", content: "the river" }]
      const [wide, half, answer, chat] = await transformersJs(
        { folder, dtype: "fp32", prompt, count: 32 },
        { folder, dtype: "fp16", prompt, count: 32 },
        { folder, messages, count: 12 },
        {
          folder,
          dtype: "fp32",
          prompt: [...model.tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true })],
          count: 12
        }
      )
      expect([wide, half]).toEqual([wanted, wanted])
      const tokens = chat as Array<number>
      const end = tokens.findIndex((token) => model.tokenizer.eosIds.includes(token))
      expect(answer).toBe(model.tokenizer.decode(end < 0 ? tokens : tokens.slice(0, end), { skipSpecial: true }))
    }))
})

// -------------------- the graph by itself --------------------

/** One run over a batch of which each row has `pad` columns of padding in front. */
const stepInputs = (config: DecoderConfig, rows: ReadonlyArray<ReadonlyArray<number>>, pads: ReadonlyArray<number>, past?: Tensors) => {
  const [B, T] = [rows.length, rows[0]!.length]
  const before = past?.["present.0.key"]?.dims[2] ?? 0
  const S = before + T
  const real = pads.flatMap((pad) => Array.from({ length: S }, (_, s) => Number(s >= pad)))
  const positions = pads.flatMap((pad) => Array.from({ length: T }, (_, t) => Math.max(0, before + t - pad)))
  const empty = () => Tensor.zeros("float32", [B, config.kvHeads, 0, config.headDim])
  return {
    input_ids: Tensor.from("int64", [B, T], rows.flat()),
    attention_mask: Tensor.from("int64", [B, S], real),
    position_ids: Tensor.from("int64", [B, T], positions),
    ...Object.fromEntries(
      Array.from({ length: config.layers }, (_, l) => ["key", "value"].map((kind) =>
        [`past_key_values.${l}.${kind}`, past?.[`present.${l}.${kind}`] ?? empty()] as const)).flat()
    )
  }
}

const row = (tensor: Tensor, b: number, t: number): ReadonlyArray<number> => {
  const [, T, V] = tensor.dims as [number, number, number]
  return [...(tensor.data as Float32Array).subarray((b * T + t) * V, (b * T + t + 1) * V)]
}

const far = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))

/** The first row of a fixture's batch, which fills the width. */
const tokensOf = (expected: Tensors) => numbers(expected["input_ids"]!).slice(0, expected["input_ids"]!.dims[1])

test.each(Object.keys(familyCases))(
  "%s: a prompt, then token by token, beside a row padded in front: logits are transformers'",
  async (name) => {
    const { config, expected, parameters } = await run(familyCase(name))
    const tokens = tokensOf(expected)
    const [pad, first] = [3, tokens.length - 3]
    const padded = [...Array.from({ length: pad }, () => 7), ...tokens.slice(0, first - pad)]
    const graph = () => exportGraph(config, parameters, { maxLength: 64 })
    let past: Tensors = await evaluate(graph(), stepInputs(config, [tokens.slice(0, first), padded], [0, pad]))
    for (let t = 0; t < first; t++) {
      expect(far(row(past["logits"]!, 0, t), row(expected["logits"]!, 0, t))).toBeLessThan(1e-4)
      if (t >= pad) expect(far(row(past["logits"]!, 1, t), row(expected["logits"]!, 0, t - pad))).toBeLessThan(1e-4)
    }
    for (let t = first; t < tokens.length; t++) {
      past = await evaluate(graph(), stepInputs(config, [[tokens[t]!], [tokens[t - pad]!]], [0, pad], past))
      expect(far(row(past["logits"]!, 0, 0), row(expected["logits"]!, 0, t))).toBeLessThan(1e-4)
      expect(far(row(past["logits"]!, 1, 0), row(expected["logits"]!, 0, t - pad))).toBeLessThan(1e-4)
    }
  }
)

test("num_logits_to_keep: the last rows, or all for 0", async () => {
  const { config, expected, parameters } = await run(familyCase(oneOfEach[2]!))
  const tokens = tokensOf(expected)
  const logitsFor = (keep: number) =>
    evaluate(exportGraph(config, parameters, { maxLength: 64, numLogitsToKeep: true }), {
      ...stepInputs(config, [tokens], [0]),
      num_logits_to_keep: Tensor.scalar("int64", keep)
    })
  const all = (await logitsFor(0))["logits"]!
  expect(all.dims[1]).toBe(tokens.length)
  const last = (await logitsFor(1))["logits"]!
  expect(last.dims[1]).toBe(1)
  expect(far(row(last, 0, 0), row(all, 0, tokens.length - 1))).toBeLessThan(1e-5)
})

test("names and dims are Optimum's; a second export replaces the first", () =>
  withFolder(async (folder) => {
    const model = await run(loadModel(fixture("qwen2-tied")))
    await run(exportModel(folder, model, { externalData: true }))
    await run(exportModel(folder, model))
    expect((await readdir(join(folder, "onnx"))).toSorted()).toEqual(["model.onnx"])
    const { graph } = await readModel(join(folder, "onnx", "model.onnx"))
    const dims = (value: { name: string; type?: any }) =>
      `${value.name} ${value.type.value.value.shape.dim.map((dim: any) => dim.value.value).join(",")}`
    expect(graph!.input.slice(0, 5).map(dims)).toEqual([
      "input_ids batch_size,sequence_length",
      "attention_mask batch_size,total_sequence_length",
      "position_ids batch_size,sequence_length",
      "past_key_values.0.key batch_size,2,past_sequence_length,8",
      "past_key_values.0.value batch_size,2,past_sequence_length,8"
    ])
    expect(graph!.output.slice(0, 3).map(({ name }) => name)).toEqual(["logits", "present.0.key", "present.0.value"])
  }))
