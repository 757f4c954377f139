import { expect, test } from "@jest/globals"
import { generateArtifacts } from "@ifrl/artifacts"
import { type Adapter, decoderGraph, initializeAdapter, loadAdapter } from "@ifrl/models"
import { Effect, FileSystem, Result } from "effect"
import { makeTrainable, packMicroBatches, type Trainable } from "../src/index.ts"
import { config, freshModel, layers, someRows, trainable } from "./support.ts"

const run = <A, E>(effect: Effect.Effect<A, E, any>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(layers)) as Effect.Effect<A, E>)

const options = { rank: 4, alpha: 8, targets: "all-linear" } as const
const freshAdapter = () => Result.getOrThrow(initializeAdapter(config, options, 3))

/** The same fresh model as `trainable`, with an adapter in training. */
const adapted = Effect.fnUntraced(function*(adapter: Adapter) {
  const model = yield* freshModel
  const artifacts = generateArtifacts({
    model: decoderGraph(config, { lora: adapter.shape }),
    loss: "sft",
    requiresGrad: [...adapter.parameters.keys()]
  })
  return yield* makeTrainable({ model, adapter, artifacts, weightDecay: 0.01, base: "base" })
})

const [batch] = packMicroBatches(someRows(8, 20))

const step = Effect.fnUntraced(function*(policy: Trainable) {
  const { loss } = yield* policy.accumulate(batch!)
  yield* policy.update({ learningRate: 1e-2, maxGradNorm: 1 })
  return loss
})

const bytesOf = (tensors: Adapter["parameters"]) => Buffer.concat([...tensors.values()].map(({ bytes }) => bytes))

test("the adapter learns; the base keeps every bit, has no gradients or moments, and stays the reference", () =>
  run(Effect.gen(function*() {
    const adapter = freshAdapter()
    const policy = yield* adapted(adapter)
    const plain = yield* trainable("sft")
    const before = Buffer.from(bytesOf(policy.model.parameters))
    const base = yield* plain.evaluate(batch!)
    expect([...policy.gradients.keys()]).toEqual([...adapter.parameters.keys()])
    const losses = yield* Effect.forEach(Array.from({ length: 30 }), () => step(policy))
    expect(losses[0]).toBe(base.loss)
    expect(losses.at(-1)!).toBeLessThan(0.8 * base.loss)
    expect(bytesOf(policy.model.parameters).equals(before)).toBe(true)
    const reference = yield* policy.evaluate(batch!, { reference: true })
    expect(reference.logProbs).toEqual(base.logProbs)
  })))

test("saved as an adapter and resumed, it goes on bit for bit", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const unbroken = freshAdapter()
    const policy = yield* adapted(unbroken)
    yield* Effect.forEach([1, 2, 3], () => step(policy))
    yield* policy.save(folder)
    expect((yield* fs.readDirectory(folder)).toSorted()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "optimizer.safetensors"
    ])
    yield* Effect.forEach([4, 5], () => step(policy))
    const resumed = yield* loadAdapter(folder, config)
    const again = yield* adapted(resumed)
    yield* again.restoreOptimizer(folder)
    yield* Effect.forEach([4, 5], () => step(again))
    expect(bytesOf(resumed.parameters).equals(bytesOf(unbroken.parameters))).toBe(true)
  })))
