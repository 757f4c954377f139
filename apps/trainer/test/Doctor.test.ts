import { afterEach, beforeEach, describe, expect, test } from "@jest/globals"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runCli } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

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
    await writeTinyModel(model)
    const { exit, output } = await doctor("--json", "--model", model)
    expect(exit).toMatchObject({ _tag: "Success" })
    const details = Object.fromEntries(parse(output).checks.map(({ detail, name }) => [name, detail]))
    expect(details["model"]).toBe("qwen2, 0.0 M parameters, 2 layers, 128 positions")
    expect(details["weights"]).toBe("26 tensors in 1 file, 0.0 GB, F32")
    expect(details["tokenizer"]).toMatch(/^\d+ tokens, answers end with \d+, a chat template$/)
  })

  test.each<readonly [string, object, ReadonlyArray<RegExp>]>([
    ["weights of fewer layers", { num_hidden_layers: 3 }, [/tensor model\.layers\.2\.\S+: is missing from the weights/]],
    ["another vocabulary", { vocab_size: 200 }, [
      /tensor model\.embed_tokens\.weight: is \[300, 16\] where config\.json asks for \[200, 16\]/,
      /has token ids up to \d+ and the model's embedding has 200 rows/
    ]]
  ])("does not pass a folder with %s, which no run could load", async (_, change, messages) => {
    await writeTinyModel(model)
    const file = join(model, "config.json")
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), ...change }))
    const { exit, output } = await doctor("--json", "--model", model)
    expect(exit).toMatchObject({ _tag: "Failure" })
    const failed = parse(output).checks.filter(({ ok }) => !ok)
    expect(failed).toHaveLength(messages.length)
    for (const [i, { detail }] of failed.entries()) expect(detail).toMatch(messages[i]!)
  })
})
