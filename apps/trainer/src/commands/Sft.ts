// `ifrl sft`: supervised fine-tuning on conversations, of a model folder or of a new model with a tokenizer of its own.
import { type ChatMessage, initializeModel, type Model, parameterCount, parseConfig, trainTokenizer } from "@ifrl/models"
import {
  Checkpoints, guard, guardStart, type GuardState, type MetricRecord, Metrics, Policy, runLoop, sftUpdate, type Stop, supervisedBatch, supervisedRow,
  type TrainError, validationLoss
} from "@ifrl/train"
import { Clock, Effect, Layer, Predicate } from "effect"
import { budgetStop } from "../Budgets.ts"
import { CommandError } from "../CommandError.ts"
import type { Config } from "../Config.ts"
import { Display } from "../Display.ts"
import { metricSinks, telemetry } from "../MetricSinks.ts"
import { baseOf, loadPolicyModel, type PolicyModel, savePolicyModel } from "../PolicyModel.ts"
import { RunFolder } from "../RunFolder.ts"
import { maxLengthOf, packOf } from "../Session.ts"
import { conversations } from "../Source.ts"
import { trainingArtifacts } from "../TrainingArtifacts.ts"
import { sftSteps, sftUnits } from "../Units.ts"
import { tuningColumns } from "../View.ts"
import { sftWork } from "../Workload.ts"
import { runCommand, type RunOptions, runtimeLayer, stateOf } from "./RunCommand.ts"

interface Example {
  readonly id: string
  readonly messages: ReadonlyArray<ChatMessage>
}

interface SftState {
  readonly before: number
  readonly seconds: number
  /** Losses of the evaluations so far. */
  readonly validation?: ReadonlyArray<{ readonly step: number; readonly loss: number }>
  /** Metrics of the last step, where it was cut off before its evaluation was over. */
  readonly pending?: MetricRecord
  readonly guards?: GuardState
}

const isSftState = (state: unknown): state is SftState => Predicate.hasProperty(state, "before") && Predicate.isNumber(state.before)

/** Texts that the tokenizer of a new model learns its merges from. */
const tokenizerTexts = 5000

const newConfig = ({ newModel: sizes }: Config) =>
  Effect.fromResult(parseConfig({
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    vocab_size: sizes.vocabSize,
    hidden_size: sizes.hiddenSize,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_key_value_heads: sizes.kvHeads,
    intermediate_size: sizes.intermediateSize,
    max_position_embeddings: sizes.maxPositions,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    initializer_range: 0.02
  }))

const newModel = Effect.fnUntraced(function*(run: Config, examples: ReadonlyArray<Example>) {
  const { newModel: sizes, train } = run
  const config = yield* newConfig(run)
  const texts = examples.slice(0, tokenizerTexts).flatMap(({ messages }) => messages.map((message) => message.content))
  const tokenizer = yield* Effect.sync(() =>
    trainTokenizer(texts, {
      vocabSize: sizes.vocabSize,
      specialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
      addedTokens: ["<think>", "</think>"],
      eosToken: "<|im_end|>",
      padToken: "<|endoftext|>",
      maxLength: sizes.maxPositions
    })
  )
  return yield* initializeModel(config, train.seed, tokenizer)
})

const rowsOf = (examples: ReadonlyArray<Example>, config: Config, model: Model) =>
  Effect.try({
    try: () => examples.map((example) => supervisedRow(example, model.tokenizer, maxLengthOf(config, model))),
    catch: (cause) => cause as TrainError
  })

const program = Effect.fnUntraced(function*(config: Config, { resumed }: RunOptions) {
  if (config.model.fresh && config.lora.rank > 0) {
    return yield* new CommandError({
      operation: "config",
      subject: "lora.rank",
      reason: `is ${config.lora.rank}, but a new model has nothing to adapt`,
      remedy: "set it to 0, or leave out model.fresh"
    })
  }
  if (config.checkpoint.final === "best") {
    return yield* new CommandError({
      operation: "config",
      subject: "checkpoint.final",
      reason: "is best, but fine-tuning ends with the weights of its last step",
      remedy: "set it to last"
    })
  }
  const folder = yield* RunFolder
  const display = yield* Display
  const checkpoints = yield* Checkpoints
  const began = yield* Clock.currentTimeMillis
  const latest = resumed ? yield* checkpoints.latest : undefined
  const saved = yield* stateOf("sft", isSftState, latest)
  const { examples, validation } = yield* conversations(config)
  const trained: PolicyModel = config.model.fresh && latest === undefined
    ? { model: yield* newModel(config, examples), adapter: undefined }
    : yield* loadPolicyModel(config, latest?.directory)
  const { adapter, model } = trained
  const rows = yield* rowsOf(examples, config, model)
  const validationRows = yield* rowsOf(validation, config, model)
  const microBatch = packOf(config)
  const { learningRate, maxGradNorm, weightDecay } = config.optimizer
  const { rowsPerStep } = config.sft
  const steps = sftSteps(config, rows.length)
  const options = {
    rows,
    rowsPerStep,
    seed: config.train.seed,
    steps,
    microBatch,
    learningRate,
    schedule: config.schedule,
    maxGradNorm,
    skipGradNorm: config.guards.skipGradNorm
  }
  const artifacts = trainingArtifacts(config, model.config, "sft", trained.adapter?.shape)

  return yield* Effect.gen(function*() {
    const policy = yield* Policy
    if (latest !== undefined) yield* policy.restoreOptimizer(latest.directory)
    const completed = latest?.step ?? 0
    yield* (yield* Metrics).rewind(saved?.pending === undefined ? completed : completed - 1)
    yield* folder.keepConfig
    yield* display.begin("sft", steps, tuningColumns, completed)
    const before = saved?.before ?? (yield* validationLoss(validationRows, microBatch))
    const elapsed = Clock.currentTimeMillis.pipe(Effect.map((now) => (saved?.seconds ?? 0) + (now - began) / 1000))
    const losses = [...saved?.validation ?? []]
    let guards = saved?.guards ?? guardStart
    let stop: Stop | undefined
    const spent = ((yield* Clock.currentTimeMillis) - began) / 1000
    const loop = yield* runLoop({
      completed,
      steps,
      prepare: (step) => Effect.sync(() => supervisedBatch(options, step)),
      update: (step, batch) =>
        Effect.andThen(folder.own, sftUpdate(options, step, batch)).pipe(Effect.tap((metrics) =>
          Effect.sync(() => {
            const guarded = guard(config.guards, guards, step, metrics)
            guards = guarded.state
            stop = guarded.stop
          })
        )),
      pending: saved?.pending,
      checkpoint: (step, _, pending) =>
        elapsed.pipe(
          Effect.map((seconds): SftState => ({ before, seconds, validation: losses, guards, ...(pending !== undefined && { pending }) })),
          Effect.flatMap((state) => checkpoints.save(step, state, policy.save)),
          Effect.asVoid
        ),
      checkpointEvery: config.checkpoint.every,
      evaluateEvery: config.eval.every,
      evaluate: (step) =>
        validationLoss(validationRows, microBatch).pipe(Effect.map((loss) => {
          losses.push({ step, loss })
          return { "eval/loss": loss }
        })),
      onStep: display.step,
      stopAfter: (step, _metrics, seconds) => stop ?? budgetStop(config, completed, step, spent + seconds)
    })
    const after = yield* validationLoss(validationRows, microBatch)
    yield* savePolicyModel(config, trained, folder)
    const summary = {
      before: { validationLoss: before },
      after: { validationLoss: after },
      validation: losses,
      seconds: yield* elapsed,
      steps: loop.completed,
      examples: rows.length,
      model: folder.model,
      ...(adapter !== undefined && { adapter: folder.adapter })
    }
    const text = `validation loss ${before.toFixed(4)} -> ${after.toFixed(4)} nats per token; ${loop.completed} steps in ` +
      `${summary.seconds.toFixed(0)} s; model in ${folder.model}`
    return { summary, text }
  }).pipe(Effect.provide(Layer.mergeAll(
    Policy.layer({ model, artifacts, weightDecay, adapter, base: baseOf(config) }),
    metricSinks(config, folder)
  ).pipe(Layer.provideMerge(telemetry(config, folder.directory)))))
})

export const sft = runCommand("sft", {
  description: "Fine-tune a model on conversations, or make a new one from them",
  newModel: (config) =>
    config.model.fresh ? Effect.map(newConfig(config), (found) => ({ ...found, parameters: parameterCount(found) })) : undefined,
  work: sftWork,
  units: sftUnits,
  program: (config, options) =>
    Effect.scoped(Effect.suspend(() => program(config, options))).pipe(
      Effect.provide(runtimeLayer(config)),
      Effect.provide(Layer.unwrap(Effect.map(RunFolder, (folder) => Checkpoints.layer(folder.checkpoints, config.checkpoint.keep))))
    )
})
