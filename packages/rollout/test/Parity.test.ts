/**
 * Generation against what transformers computed (fixtures of @ifrl/models) and against the graph that training uses.
 */
import { fileURLToPath } from "node:url"
import { NodeServices } from "@effect/platform-node"
import { describe, expect, test } from "@jest/globals"
import { checkAliases, lmHeadLogProbs, nodesWithoutCudaKernel } from "@ifrl/artifacts"
import { type DecoderConfig, decoderGraph, loadWeights, type Parameters, readSafetensors } from "@ifrl/models"
import { encodeModel } from "@ifrl/onnx"
import { Runtime, Tensor } from "@ifrl/runtime"
import { Effect, Layer } from "effect"
import { cacheNames, type Completion, generateGraph, type GenerateRequest, Rollout } from "../src/index.ts"
import { tiny } from "./support/Reference.ts"

const fixture = (...names: ReadonlyArray<string>) =>
  fileURLToPath(new URL(["../../models/test/fixtures", ...names].join("/"), import.meta.url))

const load = (name: string) =>
  Effect.runPromise(
    Effect.all({ model: loadWeights(fixture(name)), expected: readSafetensors(fixture(name, "expected.safetensors")) }).pipe(
      Effect.provide(NodeServices.layer)
    )
  )

/** Log-probs of every token of the rows but the first, from the training graph; rows are padded to one length. */
const evaluate = (config: DecoderConfig, parameters: Parameters, rows: ReadonlyArray<ReadonlyArray<number>>) => {
  const { graph, head, hidden } = decoderGraph(config, { maxLength: 256 })
  const [B, T] = [rows.length, Math.max(...rows.map((row) => row.length))]
  const labels = graph.input("labels", "int64", ["N"])
  const flat = graph.op("Reshape", [hidden, graph.constant("int64", [-1, config.hiddenSize])])
  graph.output(lmHeadLogProbs(graph, { hidden: flat, weight: head, labels }).logProbs, "log_probs")
  const tokens = (shift: number) => rows.flatMap((row) => Array.from({ length: T }, (_, t) => row[t + shift] ?? 0))
  return Runtime.use((runtime) => runtime.session(encodeModel(graph))).pipe(
    Effect.flatMap((session) =>
      session.run({
        ...Object.fromEntries(parameters),
        input_ids: Tensor.from("int64", [B, T], tokens(0)),
        labels: Tensor.from("int64", [B * T], tokens(1))
      })),
    Effect.map((outputs) => {
      const { data } = outputs["log_probs"]!.as("float32")
      return rows.map((row, b) => data.slice(b * T, b * T + row.length - 1))
    }),
    Effect.scoped
  )
}

describe("parity", () => {
  for (const name of ["qwen2-tied", "qwen2-long", "qwen2-bf16-sharded", "qwen2-fp16"]) {
    test(`64 greedy tokens and their log-probs are those of transformers: ${name}`, async () => {
      const { expected, model } = await load(name)
      const prompt = Int32Array.from(Array.from(expected.tensors.get("greedy.prompt")!.as("int64").data, Number))
      const tokens = Array.from(expected.tensors.get("greedy.tokens")!.as("int64").data, Number)
      const logProbs = expected.tensors.get("greedy.log_probs")!.as("float32").data
      const request = { id: "p", promptTokens: prompt, maxTokens: 64, key: { seed: 0, step: 0 } }
      const beside = { ...request, id: "q", promptTokens: prompt.slice(2), count: 5 }
      const completions = await Effect.runPromise(
        Rollout.use((rollout) => rollout.generate([request, beside], { temperature: 0 })).pipe(
          Effect.provide(Rollout.layer({ model }).pipe(Layer.provide(Runtime.layer())))
        )
      )
      expect(Array.from(completions[0]!.tokens)).toEqual(tokens)
      completions[0]!.logProbs.forEach((x, t) => expect(Math.abs(x - logProbs[t]!)).toBeLessThan(1e-4))
    })
  }

  test("log-probs reported by generation are those of the training graph, for a ragged batch", async () => {
    const { model } = await load("qwen2-tied")
    const requests = [3, 1, 60, 17, 8].map((length, i): GenerateRequest => ({
      id: `p${i}`,
      promptTokens: Int32Array.from({ length }, (_, t) => (31 * t + 7 * i) % 320),
      count: 3,
      maxTokens: 5 + 30 * i,
      key: { seed: 5, step: 0 }
    }))
    const worst = await Effect.runPromise(Effect.gen(function*() {
      const rollout = yield* Rollout
      const completions = yield* rollout.generate(requests, { temperature: 1 })
      const prompts = new Map(requests.map(({ id, promptTokens }) => [id, Array.from(promptTokens)]))
      const rows = completions.map(({ promptId, tokens }: Completion) => [...prompts.get(promptId)!, ...tokens])
      const evaluated = yield* evaluate(model.config, model.parameters, rows)
      return completions.reduce((most, { logProbs, tokens }, i) => {
        const own = evaluated[i]!.slice(evaluated[i]!.length - tokens.length)
        return logProbs.reduce((most, x, t) => Math.max(most, Math.abs(x - own[t]!)), most)
      }, 0)
    }).pipe(Effect.provide(Rollout.layer({ model, rows: 6, maxLength: 256 }).pipe(Layer.provideMerge(Runtime.layer())))))
    expect(worst).toBeLessThan(1e-4)
  })

  test("past and present may share memory", () => {
    for (const projection of ["rows", "columns"] as const) {
      for (const single of [false, true]) {
        const graph = generateGraph(tiny, { maxLength: 64, projection, single })
        checkAliases(graph, cacheNames(tiny.layers).map(({ past, present }) => ({ input: past, output: present })))
      }
    }
  })

  test("every node has a CUDA kernel for its type", () => {
    for (const elementType of ["float32", "float16", "bfloat16"] as const) {
      for (const single of [false, true]) {
        expect(nodesWithoutCudaKernel(generateGraph(tiny, { maxLength: 64, elementType, single }))).toEqual([])
      }
    }
  })
})
