/**
 * What `main.ts` measures, each in a process of its own, which prints one JSON line at its end. The peak is that of the
 * whole process, loading included.
 */
import { NodeServices } from "@effect/platform-node"
import { generateArtifacts } from "@ifrl/artifacts"
import {
  configJson,
  type DecoderConfig,
  decoderGraph,
  decoderParameters,
  initializeAdapter,
  initializeModel,
  loadModel,
  parameterCount,
  saveModel,
  trainTokenizer,
  withAdapter
} from "@ifrl/models"
import { Rollout } from "@ifrl/rollout"
import { peakMemory, philox, philoxNormal, residentMemory, Runtime, Tensor } from "@ifrl/runtime"
import { makeTrainable, memoryEstimate, packMicroBatches } from "@ifrl/train"
import { Effect, Layer, Result } from "effect"
import { configOf, type shapes } from "./shapes.ts"

/** Seconds by the clock and of the processor, which say more where others use the machine. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const [started, used] = [performance.now(), process.cpuUsage()]
    const value = yield* effect
    const { system, user } = process.cpuUsage(used)
    return { value, seconds: (performance.now() - started) / 1000, processor: (user + system) / 1e6 }
  })

const loaded = Effect.fnUntraced(function*(folder: string) {
  const { processor, seconds, value: model } = yield* timed(loadModel(folder))
  return { model, seconds, processor, resident: residentMemory() }
})

/** A checkpoint of random weights in bfloat16: a million normal numbers, over and over from another start. */
const checkpoint = Effect.fnUntraced(function*(folder: string, shape: keyof typeof shapes) {
  const config = configOf(shape)
  const files = trainTokenizer(["no text is encoded here"], {
    vocabSize: 270,
    specialTokens: ["<|end|>"],
    eosToken: "<|end|>"
  })
  const { files: sidecars } = yield* initializeModel({ ...config, vocabSize: 270, layers: 1 }, 1, files)
  const normal = philoxNormal({ seed: 1, step: 0, row: 0 }, 2 ** 20).map((x) => config.initializerRange * x)
  const parameters = decoderParameters(config).map(({ name, shape: dims }, row) => {
    const tensor = Tensor.zeros("float32", dims)
    const from = (row * 7919) % normal.length
    for (let at = -from; at < tensor.size; at += normal.length) {
      const part = normal.subarray(Math.max(0, -at), Math.min(normal.length, tensor.size - at))
      tensor.data.set(part, Math.max(0, at))
    }
    if (name.endsWith("norm.weight")) tensor.data.fill(1)
    return [name, tensor] as const
  })
  const json = new TextEncoder().encode(JSON.stringify(configJson(config)))
  yield* saveModel(folder, { parameters: new Map(parameters), files: new Map(sidecars).set("config.json", json) }, { dtype: "bfloat16" })
  return { parameters: parameterCount(config) }
})

const load = Effect.fnUntraced(function*(folder: string) {
  const { model, processor, resident, seconds } = yield* loaded(folder)
  return { seconds, processor, resident, parameters: parameterCount(model.config) }
})

const adapterOf = (config: DecoderConfig, rank: string) =>
  Result.getOrThrow(initializeAdapter(config, { rank: Number(rank), alpha: 2 * Number(rank), targets: "all-linear" }, 1))

const generate = Effect.fnUntraced(function*(folder: string, prompt: string, tokens: string, rows = "1", rank = "0") {
  const { model } = yield* loaded(folder)
  const { config } = model
  const adapter = Number(rank) > 0 ? adapterOf(config, rank) : undefined
  const parameters = adapter === undefined ? model.parameters : withAdapter(model.parameters, adapter)
  const promptTokens = Int32Array.from({ length: Number(prompt) }, (_, i) => 300 + 17 * i)
  const request = { id: "p", promptTokens, count: Number(rows), maxTokens: Number(tokens), key: { seed: 1, step: 0 } }
  const layer = Rollout.layer({
    model: { config, parameters, lora: adapter?.shape },
    rows: Number(rows),
    maxLength: promptTokens.length + Number(tokens)
  })
  return yield* Effect.gen(function*() {
    const rollout = yield* Rollout
    const { processor, seconds, value } = yield* timed(rollout.generate([request], { temperature: 1 }))
    return { seconds, processor, tokens: value[0]!.tokens.length }
  }).pipe(Effect.provide(layer))
})

/** One step, from forward to AdamW; the next allocates nothing more. */
const train = Effect.fnUntraced(function*(
  folder: string,
  what: string,
  rows: string,
  tokens: string,
  recompute: string,
  rank = "16"
) {
  const { model } = yield* loaded(folder)
  const [B, T] = [Number(rows), Number(tokens)]
  const adapter = what === "lora" ? adapterOf(model.config, rank) : undefined
  const artifacts = generateArtifacts({
    model: decoderGraph(model.config, { maxLength: T, recompute: recompute === "recompute", lora: adapter?.shape }),
    loss: "sft",
    ...(adapter !== undefined && { requiresGrad: [...adapter.parameters.keys()] })
  })
  const policy = yield* makeTrainable({ model, artifacts, adapter, weightDecay: 0 })
  const draws = philox({ seed: 1, step: 0, row: 0 }, B * (T + 1))
  const batches = packMicroBatches(
    Array.from({ length: B }, (_, b) => ({
      id: `row ${b}`,
      tokens: Int32Array.from({ length: T + 1 }, (_, t) => Math.floor(draws[b * (T + 1) + t]! * model.config.vocabSize)),
      promptLength: 1,
      fields: { weights: new Float32Array(T).fill(1 / (B * T)) }
    }))
  )
  const step = Effect.gen(function*() {
    const { loss } = yield* policy.accumulate(batches[0]!)
    const { gradNorm } = yield* policy.update({ learningRate: 1e-4, maxGradNorm: 1 })
    return { loss, gradNorm }
  })
  const { processor, seconds, value } = yield* timed(step)
  const recomputed = recompute === "recompute"
  const { total, ...parts } = memoryEstimate({
    config: model.config,
    rows: B,
    length: T,
    recompute: recomputed,
    lora: adapter?.shape
  })
  return { seconds, processor, ...value, estimate: total, parts }
})

const tasks = { checkpoint, load, generate, train }

const [name, ...given] = process.argv.slice(2)
const task = tasks[name as keyof typeof tasks] as (...args: Array<string>) => Effect.Effect<object, unknown, any>
const result = await Effect.runPromise(
  Effect.scoped(task(...given)).pipe(
    Effect.provide(Layer.merge(Runtime.layer(), NodeServices.layer))
  ) as Effect.Effect<object>
)
console.log(JSON.stringify({ ...result, peak: peakMemory() }))
