import { NodeServices } from "@effect/platform-node"
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals"
import { Tensor } from "@ifrl/runtime"
import { writeSafetensors } from "@ifrl/models"
import { Effect } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runCli } from "./runCli.ts"

let model = ""
beforeEach(async () => {
  model = await mkdtemp(join(tmpdir(), "ifrl-doctor-"))
})
afterEach(() => rm(model, { recursive: true }))

const doctor = (...args: ReadonlyArray<string>) => runCli("doctor", ...args)

interface Result {
  readonly ok: boolean
  readonly checks: ReadonlyArray<{ readonly name: string; readonly ok: boolean; readonly detail: string; readonly remedy?: string }>
}
const parse = (output: ReadonlyArray<unknown>): Result => JSON.parse(String(output.at(-1)))

describe("doctor", () => {
  test("finds ONNX Runtime, and says how fast it multiplies", async () => {
    const { exit, output } = await doctor("--json")
    expect(exit).toMatchObject({ _tag: "Success" })
    const { checks, ok } = parse(output)
    expect(ok).toBe(true)
    expect(checks.map(({ name }) => name)).toEqual(["node", "onnxruntime", "threads", "memory", "data"])
    expect(checks[1]!.detail).toMatch(/^1\.\d+\.\d+ at .*onnxruntime.*, \d+ GFLOP\/s in fp32$/)
  })

  test("names what a model folder lacks, with the remedy, and fails", async () => {
    const { exit, output } = await doctor("--json", "--model", model)
    expect(String(exit)).toMatch(/doctor: model, weights, tokenizer: not as it must be/)
    const failed = parse(output).checks.filter(({ ok }) => !ok)
    expect(failed.map(({ name }) => name)).toEqual(["model", "weights", "tokenizer"])
    expect(failed.every(({ detail, remedy }) => detail.includes(model) && remedy !== undefined)).toBe(true)
  })

  test("reads sizes from config.json and from the header of the weights", async () => {
    await writeFile(join(model, "config.json"), JSON.stringify({
      architectures: ["Qwen2ForCausalLM"],
      model_type: "qwen2",
      vocab_size: 100,
      hidden_size: 16,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      intermediate_size: 32
    }))
    await Effect.runPromise(
      writeSafetensors(join(model, "model.safetensors"), [["a", Tensor.zeros("float32", [3, 4])]]).pipe(Effect.provide(NodeServices.layer))
    )
    const { output } = await doctor("--json", "--model", model)
    const details = Object.fromEntries(parse(output).checks.map(({ detail, name }) => [name, detail]))
    expect(details["model"]).toBe("qwen2, 0.0 M parameters, 2 layers, 32768 positions")
    expect(details["weights"]).toBe("1 tensors in 1 file, 0.0 GB, F32")
  })
})
