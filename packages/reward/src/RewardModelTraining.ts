// Training of the reward model from pairs: filters, a split by rows into training, validation (early stopping and
// temperature) and held-out parts (the report), and updates of whole pairs through the same artifacts as every training.
// The loss is -log f(o_k, c_k) - log(1 - f(o_{k-1}, c_k)), the mean over the pairs of an update (arXiv 2508.02150).
import { generateArtifacts } from "@ifrl/artifacts"
import {
  type Adapter, type Classifier, classifierGraph, classifierOn, initializeAdapter, loadAdapter, loadClassifier, mergeAdapter, type Model,
  type ModelError, readSafetensors, scoreName, scoreParameter, writeSafetensors
} from "@ifrl/models"
import { permutation, Tensor } from "@ifrl/runtime"
import { type Checkpoint, type Checkpoints, learningRate, LearningRateSchedule, makeTrainable, type Trainable, type TrainError } from "@ifrl/train"
import { Effect, type FileSystem, Path, Schema } from "effect"
import { createHash } from "node:crypto"
import { classifierReport, fitTemperature, sigmoid } from "./Calibration.ts"
import { classifierBatches, classLabels, type EncodedPair, marginsOf } from "./ClassifierBatch.ts"
import { dropDoubtful, evenFolds, foldOf, type PairsConfig, type PairStep, preparePairs } from "./PairFilters.ts"
import { examplesOf, type LabelledPair, type SoftPair } from "./Pairs.ts"
import type { RewardModelCard, RewardModelFolder } from "./RewardModel.ts"
import { RewardModelError } from "./RewardModelError.ts"
import { type RewardTemplate, rewardTemplate, rewardTemplates } from "./RewardTemplate.ts"

const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })
const positiveCount = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(1)))
const nonNegative = Schema.Finite.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))
const positive = Schema.Finite.pipe(Schema.check(Schema.isGreaterThan(0)))
const half = Schema.Finite.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 0.5 })))

export const RewardModelConfig = Schema.Struct({
  template: field(
    Schema.String,
    "constraint",
    "What the reward model reads: constraint, or instruction to show it that as well, or a text of your own with {constraint} and {response}."
  ),
  maxLength: field(positiveCount, 1024, "Longest pair, in tokens; longer ones lose the middle of the response, never the constraint."),
  epochs: field(positiveCount, 3, "Passes over the training pairs."),
  pairsPerStep: field(positiveCount, 16, "Pairs of one update, in pairs."),
  learningRate: field(positive, 5e-6, "Base learning rate of AdamW."),
  weightDecay: field(nonNegative, 0.01, "Decoupled weight decay; norms and biases are spared."),
  maxGradNorm: field(nonNegative, 1, "Largest global L2 norm of the gradient; 0 for no limit."),
  schedule: LearningRateSchedule.pipe(
    Schema.withDecodingDefaultKey(Effect.succeed({ name: "cosine" as const, warmupSteps: 10, minimumRatio: 0.1 }))
  ).annotate({ description: "The learning rate over the updates." }),
  microBatchTokens: field(positiveCount, 8192, "Pairs times longest pair of one run of the graph, in tokens; memory grows with it."),
  validation: field(half, 0.1, "Share of the rows whose pairs decide when to stop and what the temperature is, as they were generated: pair filters are for what is learnt from, and neither choose what they are judged by nor what a probability has to hold for."),
  heldOut: field(half, 0.1, "Share of the rows whose pairs only measure, as they were generated whatever the pair filters."),
  evaluationsPerEpoch: field(positiveCount, 2, "Looks at the validation pairs in one pass, each with a checkpoint behind it."),
  patience: field(positiveCount, 3, "Looks without improvement after which training stops; the best weights are kept."),
  loraRank: field(
    Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0))),
    0,
    "Rank of adapters that are trained with the head in place of the whole model, and merged into it when it is saved; 0 trains all weights."
  ),
  loraAlpha: field(positive, 32, "The adapters' part is scaled by loraAlpha / loraRank."),
  calibrate: field(Schema.Boolean, true, "Fit a temperature on the validation pairs."),
  seed: field(Schema.Int, 0, "Seed of the head, of the split and of the order.")
})
export type RewardModelConfig = typeof RewardModelConfig.Type

/** A look at the validation pairs. */
export interface Look {
  readonly update: number
  /** Mean loss of the updates since the last look, in nats per response. */
  readonly trainingLoss: number
  readonly validationLoss: number
  readonly validationAccuracy: number
}

export interface RewardModelResult extends RewardModelFolder {
  readonly steps: ReadonlyArray<PairStep>
  readonly looks: ReadonlyArray<Look>
  readonly split: { readonly training: number; readonly validation: number; readonly heldOut: number }
}

export interface RewardTrainingOptions<E, R> {
  readonly pairs: ReadonlyArray<SoftPair>
  readonly pairsConfig: PairsConfig
  readonly config: RewardModelConfig
  /** Fresh weights of the base, loaded anew for each classifier that is trained. */
  readonly base: Effect.Effect<Model, E, R>
  /** Names for the card. */
  readonly names: { readonly base: string; readonly policy: string }
  readonly onUpdate?: ((update: number, total: number, loss: number) => Effect.Effect<void>) | undefined
  /**
   * Keeps the training at every look, and has it go on from the newest one that it holds: these must be of the very same
   * options. The classifiers of the cross-validation are trained again.
   */
  readonly checkpoints?: Checkpoints["Service"]
  /** Told the update that training goes on after, where it does. */
  readonly onResume?: (update: number) => Effect.Effect<void>
}

type Part = "training" | "validation" | "heldOut"

/** Parts by row, so that no row's constraint is on two sides. */
const partOf = ({ heldOut, seed, validation }: RewardModelConfig, pair: SoftPair): Part => {
  const place = (foldOf(pair, 10_000, seed) + 0.5) / 10_000
  return place < validation ? "validation" : place < validation + heldOut ? "heldOut" : "training"
}

const refuse = (subject: string, reason: string, remedy: string) =>
  new RewardModelError({ operation: "train", subject, reason, remedy })

const fromTraining = (error: TrainError) =>
  new RewardModelError({ operation: "train", subject: error.subject, reason: error.message, remedy: error.remedy, cause: error })

/** The template that a config names, or its own text. */
export const templateOf = ({ template }: Pick<RewardModelConfig, "template">): RewardTemplate =>
  rewardTemplate(Object.hasOwn(rewardTemplates, template) ? rewardTemplates[template as keyof typeof rewardTemplates] : template)

interface Fitting {
  readonly classifier: Classifier
  readonly adapter: Adapter | undefined
  readonly trainable: Trainable
  readonly encode: (examples: ReadonlyArray<LabelledPair>) => Effect.Effect<ReadonlyArray<EncodedPair>, RewardModelError>
}

/** What only throws RewardModelError, as an effect. */
const attempt = <A>(f: () => A): Effect.Effect<A, RewardModelError> =>
  Effect.try({ try: f, catch: (cause) => cause }).pipe(
    Effect.catch((cause) => cause instanceof RewardModelError ? Effect.fail(cause) : Effect.die(cause))
  )

const margins = Effect.fnUntraced(function*({ trainable }: Fitting, rows: ReadonlyArray<EncodedPair>, config: RewardModelConfig) {
  const batches = classifierBatches(rows, config.microBatchTokens)
  const outputs = yield* Effect.forEach(batches, (batch) => trainable.evaluate(batch))
  return marginsOf(batches, outputs.map(({ logits }) => logits!))
}, Effect.mapError(fromTraining))

// -------------------- checkpoints --------------------

type Weights = ReadonlyMap<string, Tensor>

const copyOf = (weights: Weights): Weights =>
  new Map(Array.from(weights, ([name, { dims, type, bytes }]) => {
    const copy = Tensor.zeros(type, dims)
    copy.bytes.set(bytes)
    return [name, copy]
  }))
const copyInto = (into: Weights, weights: Weights) => weights.forEach(({ bytes }, name) => into.get(name)!.bytes.set(bytes))

/** What a checkpoint keeps beside weights, moments and the best weights. */
interface FitState {
  readonly looks: ReadonlyArray<Look>
}

const bestFile = "best.safetensors"
const trainedWeights = ({ adapter, classifier }: Fitting): Weights => adapter?.parameters ?? classifier.parameters

const inCheckpoint = (error: ModelError) =>
  new RewardModelError({ operation: "train", subject: error.file ?? "checkpoint", reason: error.message, remedy: error.remedy, cause: error })

const saveFit = Effect.fnUntraced(function*({ trainable }: Fitting, best: Weights, directory: string) {
  const path = yield* Path.Path
  yield* trainable.save(directory).pipe(Effect.mapError(fromTraining))
  yield* writeSafetensors(path.join(directory, bestFile), best).pipe(Effect.mapError(inCheckpoint))
})

/** Takes weights and moments of a checkpoint, and gives the best weights so far. */
const restoreFit = Effect.fnUntraced(function*(fitting: Fitting, { directory }: Checkpoint) {
  const { adapter, classifier, trainable } = fitting
  const path = yield* Path.Path
  const load: Effect.Effect<{ readonly parameters: Weights }, ModelError, FileSystem.FileSystem | Path.Path> = adapter === undefined
    ? loadClassifier(directory)
    : loadAdapter(directory, classifier.decoder, [scoreParameter(classifier)])
  copyInto(trainedWeights(fitting), (yield* load.pipe(Effect.mapError(inCheckpoint))).parameters)
  yield* trainable.restoreOptimizer(directory).pipe(Effect.mapError(fromTraining))
  const { tensors } = yield* readSafetensors(path.join(directory, bestFile)).pipe(Effect.mapError(inCheckpoint))
  return tensors
})

// -------------------- training --------------------

const bestLook = (looks: ReadonlyArray<Look>): number =>
  looks.reduce((best, look, i) => look.validationLoss < (looks[best]?.validationLoss ?? Infinity) ? i : best, -1)

/** Fits the classifier in place and leaves it at the best look. */
const fit = Effect.fnUntraced(function*(
  fitting: Fitting,
  training: ReadonlyArray<SoftPair>,
  validation: ReadonlyArray<SoftPair>,
  config: RewardModelConfig,
  { checkpoints, onResume, onUpdate }: Pick<RewardTrainingOptions<never, never>, "checkpoints" | "onResume" | "onUpdate">
) {
  const { encode, trainable } = fitting
  const trained = trainedWeights(fitting)
  const rows = yield* encode(examplesOf(training))
  const looked = yield* encode(examplesOf(validation))
  const perEpoch = Math.ceil(training.length / config.pairsPerStep)
  const total = perEpoch * config.epochs
  const between = Math.max(1, Math.floor(perEpoch / config.evaluationsPerEpoch))
  const latest = checkpoints === undefined ? undefined : yield* checkpoints.latest.pipe(Effect.mapError(fromTraining))
  const looks: Array<Look> = latest === undefined ? [] : [...(latest.state as FitState).looks]
  let best: Weights = latest === undefined ? new Map() : yield* restoreFit(fitting, latest)
  let since = { loss: 0, updates: 0 }
  if (latest !== undefined && onResume !== undefined) yield* onResume(latest.step)
  for (let update = (latest?.step ?? 0) + 1; update <= total; update++) {
    if (looks.length - 1 - bestLook(looks) >= config.patience) break
    const pass = Math.floor((update - 1) / perEpoch)
    const order = permutation({ seed: config.seed, step: pass, row: 0 }, training.length)
    const from = ((update - 1) % perEpoch) * config.pairsPerStep
    const chosen = Array.from(order.subarray(from, from + config.pairsPerStep))
    const weight = 1 / (2 * chosen.length)
    const some = chosen.flatMap((i) => [rows[2 * i]!, rows[2 * i + 1]!]).map((row) => ({ ...row, weight }))
    const outputs = yield* Effect.forEach(classifierBatches(some, config.microBatchTokens), (batch) => trainable.accumulate(batch)).pipe(
      Effect.mapError(fromTraining)
    )
    const rate = learningRate(config.learningRate, config.schedule, update, total)
    yield* trainable.update({ learningRate: rate, maxGradNorm: config.maxGradNorm }).pipe(Effect.mapError(fromTraining))
    const loss = outputs.reduce((sum, output) => sum + output.loss, 0)
    since = { loss: since.loss + loss, updates: since.updates + 1 }
    if (onUpdate !== undefined) yield* onUpdate(update, total, loss)
    if (looked.length === 0 || (update % between !== 0 && update !== total)) continue
    const found = classifierReport(yield* margins(fitting, looked, config), looked.map(({ label }) => label!))
    looks.push({
      update,
      trainingLoss: since.loss / since.updates,
      validationLoss: found.negativeLogLikelihood,
      validationAccuracy: found.accuracy
    })
    since = { loss: 0, updates: 0 }
    if (bestLook(looks) === looks.length - 1) best = copyOf(trained)
    if (checkpoints !== undefined) {
      yield* checkpoints.save(update, { looks } satisfies FitState, (directory) => saveFit(fitting, best, directory)).pipe(
        Effect.mapError((error) => error instanceof RewardModelError ? error : fromTraining(error))
      )
    }
  }
  copyInto(trained, best)
  return looks
})

/** An adapter of every projection, with the head beside it. */
const adapterOf = ({ decoder, parameters }: Classifier, { loraAlpha: alpha, loraRank: rank, seed }: RewardModelConfig) =>
  Effect.fromResult(
    initializeAdapter(decoder, { rank, alpha, targets: "all-linear" }, seed, new Map([[scoreName, parameters.get(scoreName)!]]))
  ).pipe(Effect.mapError((error) => refuse("rewardModel.loraRank", error.message, error.remedy)))

/** The classifier as it is saved and scores: with its adapter, if there is one, merged into the weights. */
const finished = ({ adapter, classifier }: Fitting) =>
  adapter === undefined ? Effect.succeed(classifier) : mergeAdapter(classifier.parameters, adapter).pipe(
    Effect.map((parameters): Classifier => ({ ...classifier, parameters })),
    Effect.mapError((error) => refuse("adapter", error.message, error.remedy))
  )

const start = Effect.fnUntraced(function*(model: Model, config: RewardModelConfig) {
  const template = yield* attempt(() => templateOf(config))
  const classifier = classifierOn(model, { labels: classLabels, seed: config.seed })
  const maxLength = Math.min(config.maxLength, model.config.maxPositions)
  const adapter = config.loraRank === 0 ? undefined : yield* adapterOf(classifier, config)
  const artifacts = generateArtifacts({
    model: classifierGraph(classifier, { maxLength, lora: adapter?.shape }),
    loss: "classification",
    ...(adapter !== undefined && { requiresGrad: [...adapter.parameters.keys()] })
  })
  const trainable = yield* makeTrainable({ model: classifier, adapter, artifacts, weightDecay: config.weightDecay }).pipe(
    Effect.mapError(fromTraining)
  )
  const encode = (examples: ReadonlyArray<LabelledPair>) =>
    attempt(() => examples.map((example) => ({ tokens: template.encode(model.tokenizer, example, maxLength), label: example.label })))
  return { fitting: { classifier, adapter, trainable, encode } satisfies Fitting, template, maxLength }
})

const doubtful = Effect.fnUntraced(function*<E, R>(options: RewardTrainingOptions<E, R>, pairs: ReadonlyArray<SoftPair>) {
  const { config, pairsConfig: { folds, minConfidence, seed } } = options
  const scores: Array<{ positive: number; negative: number }> = []
  const places = evenFolds(pairs, folds, seed)
  for (let fold = 0; fold < folds; fold++) {
    const inside = places.map((place) => place === fold)
    const left = pairs.filter((_, i) => inside[i])
    if (left.length === 0) continue
    if (left.length === pairs.length) {
      return yield* refuse("pairs.minConfidence", "all training pairs are of one row, so none is left to train on beside it", "give more prompts with soft constraints, or set it to 0")
    }
    const found = yield* Effect.scoped(Effect.gen(function*() {
      const { fitting } = yield* start(yield* options.base, config)
      yield* fit(fitting, pairs.filter((_, i) => !inside[i]), [], config, { onUpdate: options.onUpdate })
      return yield* margins(fitting, yield* fitting.encode(examplesOf(left)), config)
    }))
    let next = 0
    pairs.forEach((_, i) => {
      if (!inside[i]) return
      scores[i] = { positive: sigmoid(found[next]!), negative: sigmoid(found[next + 1]!) }
      next += 2
    })
  }
  return dropDoubtful(pairs, scores, minConfidence)
})

const hashOf = (pairs: ReadonlyArray<SoftPair>) =>
  createHash("sha256").update(pairs.map((pair) => JSON.stringify(pair)).join("\n")).digest("hex")

/**
 * A reward model from pairs. Filters and the confidence filter touch the training part only: what decides and what
 * measures is as it was generated (crossed pairs of those rows are added to it under the same switch). Filtered, it would
 * hold the pairs that a classifier of the same kind finds easy, losses under two filters could not be compared, and the
 * temperature would be that of other responses than the policy's, which nobody filters when they are scored. The price:
 * validation keeps the wrong labels that a filter removes, and a model that has learnt better than them looks worse there.
 */
export const trainRewardModel = Effect.fn("trainRewardModel")(function*<E, R>(options: RewardTrainingOptions<E, R>) {
  const { config, names, pairs, pairsConfig } = options
  const part = (name: Part) => pairs.filter((pair) => partOf(config, pair) === name)
  const crossing = { ...pairsConfig, maxSimilarity: 0, balanceLengths: false }
  const validation = preparePairs(part("validation"), crossing).pairs
  const heldOut = preparePairs(part("heldOut"), crossing).pairs
  const prepared = preparePairs(part("training"), pairsConfig)
  const counts = `${part("training").length} pairs for training, ${validation.length} for validation, ${heldOut.length} held out`
  if (prepared.pairs.length === 0 || validation.length === 0 || heldOut.length === 0) {
    return yield* refuse("pairs", `${counts}, ${prepared.pairs.length} of the first left by the filters`, "give more prompts with soft constraints, or more samples of each (pairs.samples)")
  }
  const sure = pairsConfig.minConfidence > 0 ? yield* doubtful(options, prepared.pairs) : prepared.pairs
  const steps: ReadonlyArray<PairStep> = pairsConfig.minConfidence > 0
    ? [...prepared.steps, { ...preparePairs(sure, { ...crossing, crossed: 0 }).steps[0]!, step: "minConfidence" }]
    : prepared.steps
  if (sure.length === 0) {
    return yield* refuse("pairs.minConfidence", "no pair is left", "lower it")
  }
  return yield* Effect.scoped(Effect.gen(function*() {
    const { fitting, maxLength, template } = yield* start(yield* options.base, config)
    const looks = yield* fit(fitting, sure, validation, config, options)
    const measure = Effect.fnUntraced(function*(some: ReadonlyArray<SoftPair>) {
      const rows = yield* fitting.encode(examplesOf(some))
      return { margins: yield* margins(fitting, rows, config), labels: rows.map(({ label }) => label === true) }
    })
    const fitted = yield* measure(validation)
    const temperature = config.calibrate ? fitTemperature(fitted.margins, fitted.labels) : 1
    const measured = yield* measure(heldOut)
    const card: RewardModelCard = {
      format: "ifrl-reward-model",
      version: 1,
      template: template.text,
      maxLength,
      temperature,
      ...names,
      pairs: hashOf(pairs),
      heldOut: {
        uncalibrated: classifierReport(measured.margins, measured.labels),
        calibrated: classifierReport(measured.margins, measured.labels, temperature)
      }
    }
    const result: RewardModelResult = {
      classifier: yield* finished(fitting),
      card,
      steps,
      looks,
      split: { training: sure.length, validation: validation.length, heldOut: heldOut.length }
    }
    return result
  }))
})
