// Our side of the peer benchmark: a process that answers one JSON line with one JSON line.
//   node ours.js checkpoint DIR    make the model that both sides load
//   node ours.js train DIR         training steps; requests { steps }
//   node ours.js generate DIR      the rollout engine; requests { batch, seed }
//   node ours.js product           x W^T, the product that a step is made of; requests { runs }
//   node ours.js floor TASK        the products of a training step (train), or of generation by 16 or 64 rows; requests { runs }
import { NodeServices } from "@effect/platform-node"
import { generateArtifacts } from "@ifrl/artifacts"
import { type DecoderConfig, decoderGraph, initializeModel, loadModel, parameterCount, saveModel, trainTokenizer } from "@ifrl/models"
import { encodeModel, float, Graph } from "@ifrl/onnx"
import { Rollout } from "@ifrl/rollout"
import { Runtime, Tensor } from "@ifrl/runtime"
import { type MicroBatch, makeTrainable } from "@ifrl/train"
import { Context, Effect, Layer, type Scope } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { productsGraph, type Rows } from "./Products.ts"
import { type Shape, tokens } from "./Shape.ts"

const shape: Shape = JSON.parse(process.env["PEER_SHAPE"]!)
const threads = Number(process.env["PEER_THREADS"])

const say = (message: object) => Effect.sync(() => void process.stdout.write(`${JSON.stringify(message)}\n`))

const peakBytes = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) * 1024
/** From here on the peak is that of what follows, not of loading. */
const resetPeak = Effect.sync(() => writeFileSync("/proc/self/clear_refs", "5"))

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const started = performance.now()
    const value = yield* effect
    return { value, seconds: (performance.now() - started) / 1000 }
  })

/** Answer every line of standard input. */
const serve = <E, R>(answer: (request: Record<string, number>) => Effect.Effect<object, E, R>) =>
  Effect.gen(function*() {
    const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
    while (true) {
      const line = yield* Effect.promise(() => lines.next())
      if (line.done === true) return
      yield* say(yield* answer(JSON.parse(line.value)))
    }
  })

const checkpoint = Effect.fnUntraced(function*(folder: string) {
  const config: DecoderConfig = {
    family: "qwen2",
    vocabSize: shape.vocab,
    hiddenSize: shape.hidden,
    layers: shape.layers,
    heads: shape.heads,
    kvHeads: shape.kvHeads,
    headDim: shape.hidden / shape.heads,
    intermediateSize: shape.intermediate,
    normEpsilon: 1e-6,
    ropeTheta: 10_000,
    maxPositions: shape.maxPositions,
    tiedEmbeddings: shape.tied,
    attentionBias: true,
    initializerRange: 0.02
  }
  const tokenizer = trainTokenizer(["no text is encoded here"], { vocabSize: 270, specialTokens: ["<|end|>"], eosToken: "<|end|>" })
  yield* saveModel(folder, yield* initializeModel(config, 1, tokenizer))
  yield* say({ parameters: parameterCount(config) })
})

const ready = Effect.gen(function*() {
  const runtime = yield* Runtime
  yield* say({ ready: { node: process.versions.node, onnxruntime: runtime.version } })
})

/** The rows of a batch, each predicting its own next tokens; the mean is over rows x (length - 1) tokens. */
const trainingBatch = (): MicroBatch => {
  const rows = tokens(shape.rows, shape.length, 7, shape.vocab)
  const B = shape.rows
  const T = shape.length
  const at = (row: Int32Array, t: number) => BigInt(row[t] ?? 0)
  const grid = (value: (row: Int32Array, t: number) => bigint) =>
    BigInt64Array.from(rows.flatMap((row) => Array.from({ length: T }, (_, t) => value(row, t))))
  const weights = new Float32Array(B * T).map((_, i) => i % T === T - 1 ? 0 : 1 / (B * (T - 1)))
  return { rows: rows.map((_, i) => i), B, T, inputIds: grid(at), labels: grid((row, t) => at(row, t + 1)), fields: { weights } }
}

const train = Effect.fnUntraced(function*(folder: string) {
  const model = yield* loadModel(folder)
  const artifacts = generateArtifacts({
    model: decoderGraph(model.config, { maxLength: shape.length }),
    loss: "sft",
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
  })
  const trainable = yield* makeTrainable({ model, artifacts, weightDecay: 0 })
  const batch = trainingBatch()
  const losses: Array<number> = []
  const step = Effect.gen(function*() {
    const { loss } = yield* trainable.accumulate(batch)
    yield* trainable.update({ learningRate: 1e-4, maxGradNorm: 1 })
    losses.push(loss)
  })
  yield* Effect.replicateEffect(step, shape.warmup, { discard: true })
  yield* resetPeak
  yield* ready
  yield* serve(Effect.fnUntraced(function*({ steps }) {
    const runs = yield* Effect.replicateEffect(timed(step), steps!)
    return { seconds: runs.map(({ seconds }) => seconds), losses, peakBytes: peakBytes() }
  }))
})

const generate = Effect.fnUntraced(function*(folder: string) {
  const model = yield* loadModel(folder)
  const run = (rollout: Rollout["Service"], batch: number, seed: number) =>
    rollout.generate(
      tokens(batch, shape.prompt, seed, shape.vocab).map((promptTokens, i) => ({
        id: `${i}`,
        promptTokens,
        maxTokens: shape.newTokens,
        key: { seed, step: 0 }
      })),
      { temperature: 1 }
    )
  const engines = new Map<number, Rollout["Service"]>()
  for (const rows of [16, 64]) {
    const built = yield* Layer.build(Rollout.layer({ model, rows, maxLength: shape.prompt + shape.newTokens }))
    const rollout = Context.get(built, Rollout)
    engines.set(rows, rollout)
    yield* run(rollout, rows, 0)
  }
  yield* ready
  yield* serve(Effect.fnUntraced(function*({ batch, seed }) {
    const { seconds, value } = yield* timed(run(engines.get(batch!)!, batch!, seed!))
    return { seconds: [seconds], tokens: value.reduce((sum, completion) => sum + completion.tokens.length, 0) }
  }))
})

/** A tensor that is no constant. */
const filled = (dims: ReadonlyArray<number>) => {
  const tensor = Tensor.zeros("float32", dims)
  tensor.data.forEach((_, i) => tensor.data[i] = (i % 251) / 251 - 0.5)
  return tensor
}

const product = Effect.fnUntraced(function*() {
  const rows = shape.rows * shape.length
  const graph = new Graph("product")
  const x = graph.input("x", "float32", [rows, shape.hidden])
  const w = graph.input("w", "float32", [shape.intermediate, shape.hidden])
  graph.output(graph.op("FusedMatMul", [x, w], { transB: 1, alpha: float(1) }), "y")
  const session = yield* Runtime.use((runtime) => runtime.session(encodeModel(graph), { name: "product" }))
  const binding = yield* session.bind({
    inputs: { x: filled([rows, shape.hidden]), w: filled([shape.intermediate, shape.hidden]) },
    outputs: { y: Tensor.zeros("float32", [rows, shape.intermediate]) }
  })
  yield* ready
  yield* serve(Effect.fnUntraced(function*({ runs }) {
    const timings = yield* Effect.replicateEffect(timed(binding.run), runs!)
    return { seconds: timings.map(({ seconds }) => seconds) }
  }))
})

const floor = Effect.fnUntraced(function*(task: string) {
  const runtime = yield* Runtime
  const products = Effect.fnUntraced(function*(rows: Rows, training: boolean) {
    const graph = productsGraph(shape, rows, training)
    const session = yield* runtime.session(encodeModel(graph), { name: "products", inline: !training })
    const inputs = Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, filled(shape as ReadonlyArray<number>)]))
    const { run } = yield* session.bind({ inputs })
    yield* run
    return timed(run)
  })
  const tokensOf = shape.rows * shape.length
  const rows = Number(task)
  const parts = task === "train"
    ? [{ times: 1, run: yield* products({ layers: tokensOf, head: tokensOf }, true) }]
    : [
      { times: 1, run: yield* products({ layers: rows * shape.prompt, head: rows }, false) },
      { times: shape.newTokens - 1, run: yield* products({ layers: rows, head: rows }, false) }
    ]
  yield* ready
  yield* serve(Effect.fnUntraced(function*({ runs }) {
    const all = Effect.map(Effect.forEach(parts, ({ run, times }) => Effect.map(Effect.replicateEffect(run, times), sum)), (of) => of.reduce((a, b) => a + b))
    return { seconds: yield* Effect.replicateEffect(all, runs!) }
  }))
})
const sum = (timings: ReadonlyArray<{ readonly seconds: number }>) => timings.reduce((total, { seconds }) => total + seconds, 0)

type Command = (folder: string) => Effect.Effect<void, unknown, Runtime | Scope.Scope | NodeServices.NodeServices>
const commands: Readonly<Record<string, Command>> = { checkpoint, train, generate, product, floor }

const [command = "", folder = ""] = process.argv.slice(2)
await Effect.runPromise(
  commands[command]!(folder).pipe(Effect.scoped, Effect.provide([Runtime.layer({ threads }), NodeServices.layer]))
)
