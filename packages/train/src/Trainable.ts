// Resident weights, their gradients and moments, and the graphs that work on them. Every buffer is ours and bound as
// input and output at once: an update writes the very memory that the next rollout reads.
import type { Artifacts } from "@ifrl/artifacts"
import {
  type Adapter, adapterOff, type Model, ModelError, readSafetensors, saveAdapter, saveModel, withAdapter, writeSafetensors
} from "@ifrl/models"
import { type Binding, Runtime, type RuntimeError, type Session, Tensor, type TensorType } from "@ifrl/runtime"
import { Effect, FileSystem, Path } from "effect"
import type { MicroBatch } from "./MicroBatch.ts"
import { TrainError } from "./TrainError.ts"

/** What one run of the training or evaluation graph says about a micro-batch. B rows, T positions. */
export interface BatchOutputs {
  /** Sum over the batch of weight * loss. */
  readonly loss: number
  /** B x T log-probs of the labels, in nats; without meaning where there is no loss. */
  readonly logProbs: Float32Array
  /** B x T entropy of the next-token distribution, in nats. */
  readonly entropy: Float32Array
  /** Further sums of the loss: clip fractions, KL, each weighted like the loss. */
  readonly metrics: Readonly<Record<string, number>>
  /** B x classes, of a classification; its log-probs and entropy are empty. */
  readonly logits?: Float32Array
}

/** One optimizer update. */
export interface UpdateOptions {
  readonly learningRate: number
  /** Longest global L2 norm of the gradient; longer ones are scaled down to it. 0 for no limit. */
  readonly maxGradNorm: number
  /** A gradient longer than this is forgotten and nothing is changed; 0 or nothing for no limit. */
  readonly skipGradNorm?: number
}

export interface UpdateResult {
  /** Global L2 norm of the accumulated gradient before clipping. */
  readonly gradNorm: number
  /** False when the gradient was not finite or too long: nothing was changed, and the gradient is forgotten. */
  readonly applied: boolean
}

/** What can be trained: a causal model, a classifier, anything with weights and the files that its folder repeats. */
export type TrainedModel = Pick<Model, "files" | "parameters">

/** Resident weights that can be evaluated and trained; gradients accumulate until the next `update`. */
export interface Trainable {
  readonly model: TrainedModel
  /** The accumulated gradients by parameter name, the very buffers. */
  readonly gradients: ReadonlyMap<string, Tensor>
  /** Add the gradient of a micro-batch's loss to the accumulated one. Scalars are the loss's own (clip_low, ...). */
  readonly accumulate: (
    batch: MicroBatch,
    scalars?: Readonly<Record<string, number>>
  ) => Effect.Effect<BatchOutputs, TrainError>
  /** Forward only; under the frozen reference weights when `reference` is set. */
  readonly evaluate: (
    batch: MicroBatch,
    options?: { readonly reference?: boolean }
  ) => Effect.Effect<BatchOutputs, TrainError>
  /** Clip, step the optimizer in place, and clear the accumulated gradient. */
  readonly update: (options: UpdateOptions) => Effect.Effect<UpdateResult, TrainError>
  /** Forget the accumulated gradient. */
  readonly discard: Effect.Effect<void>
  /** Write model and optimizer state into a checkpoint folder. */
  readonly save: (directory: string) => Effect.Effect<void, TrainError>
  /** Take the optimizer's state from a checkpoint folder, bit for bit; its weights come with the model. */
  readonly restoreOptimizer: (directory: string) => Effect.Effect<void, TrainError>
}

export interface TrainableOptions {
  readonly model: TrainedModel
  readonly artifacts: Artifacts
  /** Decoupled weight decay; parameters marked as not decaying (norms, biases) are spared. */
  readonly weightDecay: number
  /** Frozen weights for `evaluate({ reference: true })`. With an adapter it is the model without it, unless given. */
  readonly reference?: ReadonlyMap<string, Tensor>
  /**
   * Trains this adapter instead of the model, whose weights stay as they are; the artifacts must require gradients of
   * its parameters only. `save` then writes the adapter alone.
   */
  readonly adapter?: Adapter | undefined
  /** Folder or Hub id of the model, for the saved adapter to name. */
  readonly base?: string | undefined
  /**
   * Elements of one run of the optimizer graph, whose temporaries are a few times this. Default 256 Ki: 27 million
   * parameters took 122, 71, 62, 74 and 85 ms in runs of 64, 128, 256, 512 and 1,024 Ki (2 MiB of L2 a core).
   */
  readonly chunk?: number
}

const optimizerFile = "optimizer.safetensors"

const fromRuntime = (operation: string) => (error: RuntimeError) =>
  new TrainError({ operation, subject: error.session, reason: error.message, remedy: error.remedy, cause: error })

/** Cuts tensors into flat views of at most `chunk` elements: what one run of a generic [n] graph works on. */
const chunksOf = (tensor: Tensor, chunk: number): Array<{ readonly offset: number; readonly length: number }> =>
  Array.from({ length: Math.ceil(tensor.size / chunk) }, (_, i) => ({
    offset: i * chunk,
    length: Math.min(chunk, tensor.size - i * chunk)
  }))

/** Elements of one run that sums squares. Sums of runs are rounded to float32: another number gives other last digits. */
const normChunk = 2 ** 19

/** Sessions, buffers and bindings for training `options.model` in place. They live as long as the scope. */
export const makeTrainable = Effect.fnUntraced(function*(options: TrainableOptions) {
  const { adapter, artifacts, model } = options
  const chunk = options.chunk ?? 2 ** 18
  const runtime = yield* Runtime
  const files = yield* Effect.context<FileSystem.FileSystem | Path.Path>()
  const path = yield* Path.Path
  const load = fromRuntime("load artifacts")
  const session = (bytes: Uint8Array, name: string, inline = false) =>
    runtime.session(bytes, { name, inline }).pipe(Effect.mapError(load))
  const training = yield* session(artifacts.training, "training")
  const evaluation = yield* session(artifacts.evaluation, "evaluation")
  const optimizer = yield* session(artifacts.optimizer, "optimizer", true)
  const gradientNorm = yield* session(artifacts.gradientNorm, "gradient_norm", true)

  const parameters = Object.fromEntries(adapter === undefined ? model.parameters : withAdapter(model.parameters, adapter))
  const referenceWeights = options.reference ?? (adapter === undefined ? undefined : adapterOff(model.parameters, adapter))
  const reference = referenceWeights === undefined ? undefined : Object.fromEntries(referenceWeights)
  const trained = artifacts.manifest.parameters.filter((parameter) => parameter.trained).map((parameter) => {
    const weight = parameters[parameter.name]!
    const zeros = () => Tensor.zeros(weight.type, weight.dims)
    return { ...parameter, weight, gradient: zeros(), first: zeros(), second: zeros() }
  })
  const buffers = Object.fromEntries(trained.map((p) => [`${p.name}_grad.accumulation.buffer`, p.gradient]))
  const accumulated = Object.fromEntries(trained.map((p) => [`${p.name}_grad.accumulation.out`, p.gradient]))

  const scalar = { rate: Tensor.zeros("float32", []), scale: Tensor.zeros("float32", []), step: Tensor.zeros("int64", []) }
  const decays = [0, options.weightDecay].map((decay) => Tensor.scalar("float32", decay))
  const optimizerRuns: Array<Binding> = []
  const normRuns: Array<{ readonly run: Binding; readonly square: Tensor<"float32"> }> = []
  for (const { decay, first, gradient, second, weight } of trained) {
    for (const { length, offset } of chunksOf(weight, chunk)) {
      const [parameter, first_moment, second_moment, flat] = [weight, first, second, gradient].map((t) => t.view([length], offset))
      const state = { parameter: parameter!, first_moment: first_moment!, second_moment: second_moment! }
      const inputs = {
        ...state,
        gradient: flat!,
        learning_rate: scalar.rate,
        step: scalar.step,
        weight_decay: decays[decay ? 1 : 0]!,
        gradient_scale: scalar.scale
      }
      const outputs = Object.fromEntries(Object.entries(state).map(([name, tensor]) => [`${name}.out`, tensor]))
      optimizerRuns.push(yield* optimizer.bind({ inputs, outputs }).pipe(Effect.mapError(load)))
    }
    for (const { length, offset } of chunksOf(gradient, normChunk)) {
      const flat = gradient.view([length], offset)
      const square = Tensor.zeros("float32", [])
      const run = yield* gradientNorm.bind({ inputs: { gradient: flat }, outputs: { sum_of_squares: square } })
        .pipe(Effect.mapError(load))
      normRuns.push({ run, square })
    }
  }

  /** The batch and the scalars as far as a session asks for them, in its element types. */
  const inputsOf = ({ inputs }: Session, batch: MicroBatch, scalars: Readonly<Record<string, number>>) => {
    type Make = (type: TensorType, dims: ReadonlyArray<number>) => Tensor
    const make: Record<string, Make> = {
      input_ids: (type, dims) => Tensor.from(type, dims, batch.inputIds),
      labels: (type, dims) => Tensor.from(type, dims, batch.labels),
      recompute: (type) => Tensor.scalar(type, true)
    }
    const { positions } = batch
    if (positions !== undefined) make.positions = (type, dims) => Tensor.from(type, dims, positions)
    for (const [name, values] of Object.entries(batch.fields)) make[name] = (type, dims) => Tensor.from(type, dims, values)
    for (const [name, value] of Object.entries(scalars)) make[name] = (type) => Tensor.scalar(type, value)
    return Object.fromEntries(inputs.flatMap(({ name, shape, type }) => {
      // A loss over rows declares [B], one over tokens [B, T].
      const tensor = make[name]?.(type as TensorType, shape?.length === 1 ? [batch.B] : [batch.B, batch.T])
      return tensor === undefined ? [] : [[name, tensor] as const]
    }))
  }

  const outputsOf = (outputs: Readonly<Record<string, Tensor>>): BatchOutputs => {
    const { entropy, log_probs, logits, loss, ...rest } = outputs
    const numbers = (tensor: Tensor | undefined) => Float32Array.from(tensor?.data ?? [], Number)
    const metrics = Object.entries(rest).filter(([name]) => !name.endsWith(".accumulation.out"))
    return {
      loss: Number(loss!.data[0]),
      logProbs: numbers(log_probs),
      entropy: numbers(entropy),
      ...(logits !== undefined && { logits: numbers(logits) }),
      metrics: Object.fromEntries(metrics.map(([name, tensor]) => [name, Number(tensor.data[0])]))
    }
  }

  const accumulate: Trainable["accumulate"] = (batch, scalars = {}) =>
    training.run({ ...parameters, ...buffers, ...inputsOf(training, batch, scalars) }, accumulated).pipe(
      Effect.map(outputsOf),
      Effect.mapError(fromRuntime("training step"))
    )

  const evaluate: Trainable["evaluate"] = Effect.fnUntraced(function*(batch, { reference: frozen = false } = {}) {
    if (frozen && reference === undefined) {
      return yield* new TrainError({
        operation: "evaluate",
        subject: "reference model",
        reason: "there is none",
        remedy: "make the policy with the weights of a reference"
      })
    }
    const weights = frozen ? reference! : parameters
    return yield* evaluation.run({ ...weights, ...inputsOf(evaluation, batch, {}) }).pipe(
      Effect.map(outputsOf),
      Effect.mapError(fromRuntime("evaluation"))
    )
  })

  let updates = 0
  const clear = Effect.sync(() => trained.forEach((p) => void p.gradient.bytes.fill(0)))

  const update = Effect.fnUntraced(function*({ learningRate, maxGradNorm, skipGradNorm = 0 }: UpdateOptions) {
    yield* Effect.forEach(normRuns, ({ run }) => run.run, { discard: true })
    const gradNorm = Math.sqrt(normRuns.reduce((sum, { square }) => sum + square.data[0]!, 0))
    const applied = Number.isFinite(gradNorm) && (skipGradNorm === 0 || gradNorm <= skipGradNorm)
    if (applied) {
      updates++
      scalar.rate.data[0] = learningRate
      scalar.step.data[0] = BigInt(updates)
      scalar.scale.data[0] = maxGradNorm > 0 && gradNorm > maxGradNorm ? maxGradNorm / gradNorm : 1
      yield* Effect.forEach(optimizerRuns, (binding) => binding.run, { discard: true })
    }
    yield* clear
    return { gradNorm, applied }
  }, Effect.uninterruptible, Effect.mapError(fromRuntime("optimizer step")))

  const moments: ReadonlyMap<string, Tensor> = new Map(
    trained.flatMap((p) => [[`first_moment.${p.name}`, p.first], [`second_moment.${p.name}`, p.second]] as const)
  )
  const file = (directory: string) => path.join(directory, optimizerFile)
  const inFile = (directory: string, remedy: string) =>
    Effect.mapError((error: ModelError) =>
      new TrainError({ operation: "checkpoint", subject: directory, reason: error.message, remedy, cause: error })
    )

  const save = (directory: string) =>
    (adapter === undefined ? saveModel(directory, model) : saveAdapter(directory, adapter, { base: options.base })).pipe(
      Effect.andThen(writeSafetensors(file(directory), moments, { metadata: { updates: String(updates) } })),
      inFile(directory, "free disk space or choose another run folder, then resume"),
      Effect.provide(files)
    )

  const readMoments = Effect.fnUntraced(function*(directory: string) {
    const { metadata, tensors } = yield* readSafetensors(file(directory), { into: moments })
    const missing = [...moments.keys()].find((name) => !tensors.has(name))
    if (missing !== undefined || !/^\d+$/.test(metadata["updates"] ?? "")) {
      return yield* new ModelError({
        file: file(directory),
        tensor: missing,
        problem: missing === undefined ? "does not say how many updates were made" : "is missing",
        remedy: "Resume from a checkpoint of the same model and settings"
      })
    }
    updates = Number(metadata["updates"])
  })

  const restoreOptimizer = (directory: string) =>
    readMoments(directory).pipe(
      inFile(directory, "resume from another checkpoint of this run"),
      Effect.provide(files)
    )

  const gradients: ReadonlyMap<string, Tensor> = new Map(trained.map((p) => [p.name, p.gradient]))
  return { model, gradients, accumulate, evaluate, update, discard: clear, save, restoreOptimizer } satisfies Trainable
})
