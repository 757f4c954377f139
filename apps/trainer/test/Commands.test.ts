import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { readArtifacts } from "@ifrl/artifacts"
import { loadTokenizer, loadWeights } from "@ifrl/models"
import { Runtime } from "@ifrl/runtime"
import { Effect } from "effect"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runCli as run } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-commands-"))
  await writeTinyModel(join(folder, "chat"))
  await writeTinyModel(join(folder, "plain"), { chat: false })
})
afterAll(() => rm(folder, { recursive: true }))


interface Generated {
  readonly text: string
  readonly tokens: ReadonlyArray<number>
  readonly logProbs: ReadonlyArray<number>
  readonly stopReason: string
}
const generated = async (model: string, ...args: ReadonlyArray<string>): Promise<Generated> => {
  const { output } = await run("generate", "--model", join(folder, model), "--max-tokens", "12", "--json", ...args)
  expect(output).toHaveLength(1)
  return JSON.parse(String(output[0]))
}

describe("generate", () => {
  test("prints text, tokens, log-probs and why it stopped; greedy twice is the same", async () => {
    const first = await generated("chat", "--prompt", "the sea", "--temperature", "0")
    expect(Object.keys(first)).toEqual(["text", "tokens", "logProbs", "stopReason"])
    expect(first.tokens.length).toBe(first.logProbs.length)
    expect(first.logProbs.every((value) => value <= 0)).toBe(true)
    expect(first.stopReason === "length" ? first.tokens.length : 12).toBe(12)
    expect(await generated("chat", "--prompt", "the sea", "--temperature", "0")).toEqual(first)
  })

  test("the text is that of the tokens", async () => {
    const { text, tokens } = await generated("chat", "--prompt", "a poem", "--seed", "3")
    const tokenizer = await Effect.runPromise(loadTokenizer(join(folder, "chat")).pipe(Effect.provide(NodeServices.layer)))
    expect(text).toBe(tokenizer.decode(tokens, { skipSpecial: true }))
  })

  test("the chat template is applied unless --raw, and where there is none the prompt goes in as it is", async () => {
    const prompt = ["--prompt", "the sea", "--temperature", "0"]
    const chat = await generated("chat", ...prompt)
    const raw = await generated("chat", "--raw", ...prompt)
    expect(raw).not.toEqual(chat)
    expect(await generated("plain", ...prompt)).toEqual(raw)
    const spelled = "<|im_start|>user\nthe sea<|im_end|>\n<|im_start|>assistant\n"
    expect(await generated("chat", "--raw", "--prompt", spelled, "--temperature", "0")).toEqual(chat)
  })

  test("a seed repeats, another differs", async () => {
    const [a, b, c] = [await generated("chat", "--prompt", "x"), await generated("chat", "--prompt", "x"), await generated("chat", "--prompt", "x", "--seed", "1")]
    expect(b).toEqual(a)
    expect(c.tokens).not.toEqual(a.tokens)
  })

  test.each([
    ["a missing model folder", ["--model", "/no/such/model", "--prompt", "x"], /\/no\/such\/model/],
    ["a system message without a template", ["--model", "plain", "--prompt", "x", "--system", "s"], /only a chat template/],
    ["a prompt longer than the context", ["--model", "chat", "--prompt", "x ".repeat(200)], /context holds 128/],
    ["a temperature below zero", ["--model", "chat", "--prompt", "x", "--temperature", "-1"], /-1 is no temperature/],
    ["a completion of no tokens", ["--model", "chat", "--prompt", "x", "--max-tokens", "0"], /--max-tokens: is 0, which leaves no completion/]
  ])("refuses %s", async (_, [flag, model, ...args], message) => {
    const { exit } = await run("generate", flag!, model!.startsWith("/") ? model! : join(folder, model!), ...args)
    expect(exit._tag).toBe("Failure")
    expect(String(exit)).toMatch(message)
  })
})

describe("artifacts", () => {
  test("writes a folder that can be read back, that ONNX Runtime loads, and the weights", async () => {
    const out = join(folder, "artifacts")
    const { output } = await run("artifacts", "--model", join(folder, "chat"), "--out", out, "--loss", "grpo", "--json")
    expect(JSON.parse(String(output[0]))).toMatchObject({ directory: out, loss: "grpo", checkpoint: true })
    expect((await readdir(out)).toSorted()).toEqual([
      "checkpoint", "eval_model.onnx", "generate_model.onnx", "gradient_norm_model.onnx", "manifest.json", "optimizer_model.onnx",
      "training_model.onnx"
    ])
    await Effect.runPromise(
      Effect.gen(function*() {
        const read = yield* readArtifacts(out)
        expect(read.manifest).toMatchObject({ loss: "grpo", optimizer: { beta1: 0.9, beta2: 0.999 }, recompute: false })
        const runtime = yield* Runtime
        for (const name of ["training", "evaluation", "optimizer", "gradientNorm", "generate"] as const) {
          const session = yield* runtime.session(read[name]!, { name })
          expect(session.outputs.length).toBeGreaterThan(0)
        }
        const saved = yield* loadWeights(join(out, "checkpoint"))
        const loaded = yield* loadWeights(join(folder, "chat"))
        expect([...saved.parameters.keys()]).toEqual([...loaded.parameters.keys()])
      }).pipe(Effect.scoped, Effect.provide(Runtime.layer()), Effect.provide(NodeServices.layer))
    )
  })

  test("are those of the objective that the config trains towards", async () => {
    const out = join(folder, "objective")
    const objective = ["--preset", "verl-if", "--set", "objective.name=gspo"]
    await run("artifacts", "--model", join(folder, "chat"), "--out", out, "--no-checkpoint", ...objective)
    const { manifest } = await Effect.runPromise(readArtifacts(out).pipe(Effect.provide(NodeServices.layer)))
    expect(manifest.loss).toBe("gspo")
    expect(manifest.training.inputs.map(({ name }) => name)).toEqual(expect.arrayContaining(["ref_log_probs", "kl_coefficient"]))
  })

  test("leaves the weights out on --no-checkpoint", async () => {
    const out = join(folder, "graphs")
    await run("artifacts", "--model", join(folder, "chat"), "--out", out, "--loss", "sft", "--no-checkpoint")
    expect(await readdir(out)).not.toContain("checkpoint")
  })
})
