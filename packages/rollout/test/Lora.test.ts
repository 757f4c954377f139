/** Generation through an adapter that Python's peft made (fixtures of @ifrl/models): its greedy tokens are peft's. */
import { NodeServices } from "@effect/platform-node"
import { nodesWithoutCudaKernel } from "@ifrl/artifacts"
import { adapterOff, loadAdapter, loadWeights, type Parameters, readSafetensors, withAdapter } from "@ifrl/models"
import { expect, test } from "@jest/globals"
import { Runtime, type Tensor } from "@ifrl/runtime"
import { Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import { generateGraph, Rollout } from "../src/index.ts"

const fixture = (...names: ReadonlyArray<string>) =>
  fileURLToPath(new URL(["../../models/test/fixtures", ...names].join("/"), import.meta.url))

const load = (base: string, name: string) =>
  Effect.runPromise(
    Effect.gen(function*() {
      const model = yield* loadWeights(fixture(base))
      const adapter = yield* loadAdapter(fixture(name), model.config)
      const tensors = (folder: string) =>
        Effect.map(readSafetensors(fixture(folder, "expected.safetensors")), (file) => file.tensors)
      return { ...model, adapter, adapted: yield* tensors(name), plain: yield* tensors(base) }
    }).pipe(Effect.provide(NodeServices.layer))
  )

const numbers = (tensor: Tensor) => Array.from(tensor.as("int64").data, Number)

// One row decodes by rows, five by columns: both forms of the graph.
test.each([["qwen2-tied", "qwen2-lora"], ["qwen2-untied", "qwen2-lora-pattern"]])(
  "%s with %s: greedy tokens with the adapter are peft's, with the adapter off those of the base",
  async (base, name) => {
    const { adapted, adapter, config, parameters, plain } = await load(base, name)
    const promptTokens = Int32Array.from(numbers(adapted.get("greedy.prompt")!))
    const wanted = numbers(adapted.get("greedy.tokens")!)
    const generate = (all: Parameters, count: number, rows: number) =>
      Effect.runPromise(
        Rollout.use((rollout) =>
          rollout.generate([{ id: "p", promptTokens, count, maxTokens: wanted.length, key: { seed: 0, step: 0 } }], {
            temperature: 0
          })
        ).pipe(
          Effect.map((completions) => completions.map(({ tokens }) => [...tokens])),
          Effect.provide(
            Rollout.layer({ model: { config, parameters: all, lora: adapter.shape }, rows }).pipe(
              Layer.provide(Runtime.layer({ threads: 2 }))
            )
          )
        )
      )
    expect(await generate(withAdapter(parameters, adapter), 1, 1)).toEqual([wanted])
    expect(await generate(withAdapter(parameters, adapter), 5, 5)).toEqual(Array.from({ length: 5 }, () => wanted))
    const off = numbers(plain.get("greedy.tokens")!).slice(0, wanted.length)
    expect(await generate(adapterOff(parameters, adapter), 1, 1)).toEqual([off])
  }
)

test.each(["float32", "bfloat16"] as const)("%s: every node with an adapter has a CUDA kernel", async (elementType) => {
  const { adapter, config } = await load("qwen2-tied", "qwen2-lora")
  for (const [lora, single] of [[undefined, false], [adapter.shape, false], [adapter.shape, true]] as const) {
    const found = nodesWithoutCudaKernel(generateGraph(config, { maxLength: 64, elementType, lora, single }))
    expect(found.map(({ operator, type }) => `${operator} ${type}`)).toEqual([])
  }
})
