import { generateArtifacts, type LossName, nodesWithoutCudaKernel } from "@ifrl/artifacts"
import { fromModel, decodeModel } from "@ifrl/onnx"
import { describe, expect, test } from "@jest/globals"
import { Runtime, Tensor } from "@ifrl/runtime"
import { Effect, Result } from "effect"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import {
  type Adapter,
  adapterOff,
  classifierGraph,
  decoderGraph,
  type DecoderGraph,
  initializeAdapter,
  loadAdapter,
  loadClassifier,
  loadWeights,
  loraShape,
  mergeAdapter,
  type Parameters,
  readSafetensors,
  saveAdapter,
  scoreParameter,
  withAdapter
} from "../src/index.ts"
import { evaluate, maxDifference, relativeDifference, type Tensors, withLogits } from "./reference.ts"
import { failure, fixture, run, withFolder } from "./support.ts"

const causal = { "qwen2-lora": "qwen2-tied", "qwen2-lora-pattern": "qwen2-untied" } as const
const options = { maxLength: 64 }

const expectedOf = async (name: string): Promise<Tensors> =>
  Object.fromEntries((await run(readSafetensors(fixture(name, "expected.safetensors")))).tensors)

const load = async (name: keyof typeof causal) => {
  const { config, parameters } = await run(loadWeights(fixture(causal[name])))
  return { config, parameters, adapter: await run(loadAdapter(fixture(name), config)), expected: await expectedOf(name) }
}

const logits = async (model: DecoderGraph, parameters: Parameters, expected: Tensors) =>
  (await evaluate(withLogits(model), { ...Object.fromEntries(parameters), input_ids: expected.input_ids! })).logits!

/** Outputs of a training run of the adapter alone, and the names that the artifacts train. */
const train = async (
  model: DecoderGraph,
  loss: LossName,
  parameters: Parameters,
  adapter: Adapter,
  expected: Tensors,
  recompute = false
) => {
  const { manifest, training } = generateArtifacts({ model, loss, requiresGrad: [...adapter.parameters.keys()] })
  const trained = manifest.parameters.filter((parameter) => parameter.trained)
  const names = manifest.training.inputs.map(({ name }) => name).filter((name) => name in expected)
  const inputs = {
    ...Object.fromEntries(withAdapter(parameters, adapter)),
    ...Object.fromEntries(names.map((name) => [name, expected[name]!])),
    ...Object.fromEntries(trained.map(({ gradient, shape }) => [gradient!.input, Tensor.zeros("float32", shape)])),
    ...(recompute ? { recompute: Tensor.scalar("bool", true) } : {})
  }
  const outputs = await Effect.runPromise(
    Effect.gen(function*() {
      const session = yield* (yield* Runtime).session(training)
      return yield* session.run(inputs)
    }).pipe(Effect.scoped, Effect.provide(Runtime.layer({ threads: 2 })))
  )
  return { outputs, trained: trained.map(({ name }) => name), graph: fromModel(decodeModel(training)) }
}

const expectGradients = (outputs: Tensors, expected: Tensors, adapter: Adapter) => {
  expect(maxDifference(outputs.loss!, expected.loss!)).toBeLessThan(1e-5)
  for (const name of adapter.parameters.keys()) {
    const wanted = expected[`grad.base_model.model.${name}`]!
    const error = relativeDifference(outputs[`${name}_grad.accumulation.out`]!, wanted)
    expect([name, error < 1e-4, error]).toEqual([name, true, error])
  }
}

describe.each(["qwen2-lora", "qwen2-lora-pattern"] as const)("%s, written by Python's peft", (name) => {
  test("logits are peft's; with the adapter off they are the base's, bit for bit", async () => {
    const { adapter, config, expected, parameters } = await load(name)
    const adapted = () => decoderGraph(config, { ...options, lora: adapter.shape })
    const found = await logits(adapted(), withAdapter(parameters, adapter), expected)
    expect(maxDifference(found, expected.logits!)).toBeLessThan(1e-4)
    const base = await logits(decoderGraph(config, options), parameters, expected)
    expect(maxDifference(found, base)).toBeGreaterThan(0.1)
    const off = await logits(adapted(), adapterOff(parameters, adapter), expected)
    expect(maxDifference(off, base)).toBe(0)
  })

  test.each([false, true])("the adapter alone is trained, its gradients are PyTorch's (recompute %p)", async (recompute) => {
    const { adapter, config, expected, parameters } = await load(name)
    const model = decoderGraph(config, { ...options, lora: adapter.shape, recompute })
    const { graph, outputs, trained } = await train(model, "sft", parameters, adapter, expected, recompute)
    expect(trained).toEqual([...adapter.parameters.keys()])
    expectGradients(outputs, expected, adapter)
    expect(nodesWithoutCudaKernel(graph)).toEqual([])
  })

  test("merged, the base's graph gives the same logits", async () => {
    const { adapter, config, expected, parameters } = await load(name)
    const merged = await Effect.runPromise(mergeAdapter(parameters, adapter).pipe(Effect.provide(Runtime.layer())))
    expect([...merged.keys()]).toEqual([...parameters.keys()])
    const found = await logits(decoderGraph(config, options), merged, expected)
    expect(maxDifference(found, expected.logits!)).toBeLessThan(1e-4)
  })

  test("saved by us, it is read again bit for bit", () =>
    withFolder(async (folder) => {
      const { adapter, config } = await load(name)
      await run(saveAdapter(join(folder, "adapter"), adapter, { base: "somewhere" }))
      const again = await run(loadAdapter(join(folder, "adapter"), config))
      expect(again.options).toEqual(adapter.options)
      for (const [key, tensor] of adapter.parameters) expect(again.parameters.get(key)!.data).toEqual(tensor.data)
    }))
})

test("an adapter of a classifier holds the head whole; loss and gradients are PyTorch's", async () => {
  const classifier = await run(loadClassifier(fixture("qwen2-classifier")))
  const name = "qwen2-lora-classifier"
  const adapter = await run(loadAdapter(fixture(name), classifier.decoder, [scoreParameter(classifier)]))
  const expected = await expectedOf(name)
  const model = classifierGraph(classifier, { ...options, lora: adapter.shape })
  const { outputs, trained } = await train(model, "classification", classifier.parameters, adapter, expected)
  expect(trained).toContain("score.weight")
  expect(maxDifference(outputs.logits!, expected.logits!)).toBeLessThan(1e-4)
  expectGradients(outputs, expected, adapter)
})

test("a fresh adapter changes nothing, and its A is uniform within 1 / sqrt(in)", async () => {
  const { config, expected, parameters } = await load("qwen2-lora")
  const adapter = Result.getOrThrow(initializeAdapter(config, { rank: 8, alpha: 16, targets: "all-linear" }, 5))
  expect(adapter.shape.modules.length).toBe(7 * config.layers)
  const found = await logits(
    decoderGraph(config, { ...options, lora: adapter.shape }), withAdapter(parameters, adapter), expected
  )
  expect(maxDifference(found, await logits(decoderGraph(config, options), parameters, expected))).toBe(0)
  const a = adapter.parameters.get("model.layers.0.mlp.down_proj.lora_A.weight")!
  const bound = 1 / Math.sqrt(a.dims[1]!)
  const values = [...a.data]
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound)
  const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length
  expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(0.15)
})

describe("what can't be is refused by name", () => {
  const shapeError = async (change: object) => {
    const { config } = await load("qwen2-lora")
    return Result.getOrThrow(Result.flip(loraShape(config, { rank: 4, alpha: 8, targets: "all-linear", ...change })))
  }
  test.each<[string, object, string]>([
    ["rank", { rank: 0 }, "0"],
    ["alpha", { alpha: -1 }, "-1"],
    ["targets", { targets: ["q_proj", "lm_head"] }, "lm_head"],
    ["targets", { targets: "nothing" }, "nothing"],
    ["targets", { targets: "(" }, "("]
  ])("%s of %j", async (key, change, named) => {
    const error = await shapeError(change)
    expect(error.key).toBe(key)
    expect(error.message).toContain(named)
  })

  const altered = (change: object) =>
    withFolder(async (folder) => {
      const { config } = await load("qwen2-lora")
      const [json, weights] = ["adapter_config.json", "adapter_model.safetensors"] as const
      const settings = JSON.parse(await readFile(fixture("qwen2-lora", json), "utf8")) as object
      await writeFile(join(folder, json), JSON.stringify({ ...settings, ...change }))
      await writeFile(join(folder, weights), await readFile(fixture("qwen2-lora", weights)))
      return failure(loadAdapter(folder, config))
    })
  test.each<[string, object]>([
    ["peft_type", { peft_type: "LOHA" }],
    ["use_dora", { use_dora: true }],
    ["rank_pattern", { rank_pattern: { q_proj: 8 } }],
    ["bias", { bias: "all" }],
    ["r", { r: "four" }],
    ["target_modules", { target_modules: 7 }]
  ])("%s", async (key, change) => {
    expect((await altered(change)).key).toBe(key)
  })
  test("a module that is kept whole and has no place in the model", async () => {
    const { config } = await load("qwen2-lora")
    const error = await failure(loadAdapter(fixture("qwen2-lora-classifier"), config))
    expect([error.key, error.tensor]).toEqual(["modules_to_save", "base_model.model.score.weight"])
  })
  test("another rank than the tensors', fewer modules, more modules", async () => {
    expect((await altered({ r: 2 })).tensor).toContain("lora_A.weight")
    expect((await altered({ target_modules: ["q_proj"] })).message).toContain("no module that target_modules names")
    const { config } = await load("qwen2-lora")
    const missing = await failure(loadAdapter(fixture("qwen2-lora-pattern"), { ...config, layers: 4 }))
    expect(missing.message).toMatch(/belongs|missing/)
  })
})
