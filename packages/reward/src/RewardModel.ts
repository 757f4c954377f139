// The reward model of soft constraints: a classifier folder that transformers loads as it is, and beside it
// reward_model.json with the template and the temperature that it was trained with. A batch of pairs is scored in one
// phase: equal pairs once, known ones from the cache, and of the rest what begins alike is read once.
import {
  type Classifier, loadClassifier, type ModelError, packedClassifierGraph, packRows, prefixBatches, saveClassifier,
  type SaveWeightsOptions
} from "@ifrl/models"
import { encodeModel, toModel } from "@ifrl/onnx"
import { Runtime, type RuntimeError } from "@ifrl/runtime"
import { Context, Effect, FileSystem, Layer, Path, Schema } from "effect"
import { sigmoid } from "./Calibration.ts"
import { marginsOf } from "./ClassifierBatch.ts"
import { RewardModelError } from "./RewardModelError.ts"
import { type RewardPair, rewardTemplate } from "./RewardTemplate.ts"

const cardFile = "reward_model.json"

const Report = Schema.Struct({
  examples: Schema.Int,
  accuracy: Schema.Finite,
  auc: Schema.Finite,
  negativeLogLikelihood: Schema.Finite,
  ece: Schema.Finite
})

/** What a reward model's folder says of it beside the classifier's own files. */
export const RewardModelCard = Schema.Struct({
  format: Schema.Literal("ifrl-reward-model"),
  version: Schema.Literal(1),
  /** What the model reads, see `rewardTemplate`; trained with it, so scored with it. */
  template: Schema.String,
  /** Tokens of a pair, at most. */
  maxLength: Schema.Int,
  /** Margins are divided by it. */
  temperature: Schema.Finite,
  /** Where it comes from. */
  base: Schema.String,
  policy: Schema.String,
  /** SHA-256 of the pairs that it was trained on. */
  pairs: Schema.String,
  /** On pairs of rows that were not trained on: as trained, and under the temperature, which was fitted on others. */
  heldOut: Schema.Struct({ uncalibrated: Report, calibrated: Report })
})
export type RewardModelCard = typeof RewardModelCard.Type

/** A classifier and its card. */
export interface RewardModelFolder {
  readonly classifier: Classifier
  readonly card: RewardModelCard
}

const inModel = (operation: "load" | "train") => (error: ModelError) =>
  new RewardModelError({
    operation,
    subject: error.file ?? "model",
    reason: error.message,
    remedy: error.remedy,
    cause: error
  })

/** Writes a folder: the classifier as transformers knows it, and the card. */
export const saveRewardModel = Effect.fn("saveRewardModel")(function*(
  directory: string,
  { card, classifier }: RewardModelFolder,
  options: SaveWeightsOptions = {}
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* saveClassifier(directory, classifier, options).pipe(Effect.mapError(inModel("train")))
  const file = path.join(directory, cardFile)
  yield* fs.writeFileString(file, `${JSON.stringify(card, null, 2)}\n`).pipe(Effect.mapError((cause) =>
    new RewardModelError({ operation: "train", subject: file, reason: cause.message, remedy: "free disk space", cause })
  ))
})

const decodeCard = Schema.decodeUnknownEffect(Schema.fromJsonString(RewardModelCard))

/** Reads a folder that `saveRewardModel` wrote. A classifier without a card is refused: nobody knows its template. */
export const loadRewardModel = Effect.fn("loadRewardModel")(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(directory, cardFile)
  const refuse = (cause: { readonly message: string }) =>
    new RewardModelError({
      operation: "load",
      subject: file,
      reason: cause.message.replaceAll("\n", " "),
      remedy: "give a folder that `ifrl reward train` wrote; the card holds the template that the classifier was trained with",
      cause
    })
  const card = yield* fs.readFileString(file).pipe(Effect.flatMap(decodeCard), Effect.mapError(refuse))
  const classifier = yield* loadClassifier(directory).pipe(Effect.mapError(inModel("load")))
  if (classifier.labels.length !== 2) {
    return yield* refuse({ message: `the classifier beside it has ${classifier.labels.length} classes, not 2` })
  }
  return { classifier, card } satisfies RewardModelFolder
})

export interface ScoringOptions {
  /** About the most tokens of one run, shared ones once; memory grows with it. Default 4,096: more is no faster on a CPU. */
  readonly batchTokens?: number
  /** Scores that are remembered, the latest used ones. 0 for none; default 65,536. */
  readonly cacheSize?: number
}

/** How much work scoring has been. */
export interface ScoringCounts {
  /** Pairs asked for. */
  readonly pairs: number
  /** Those that the model read; the others were equal to one of these, or remembered. */
  readonly read: number
  /** Runs of the model. */
  readonly runs: number
}

export class RewardModel extends Context.Service<RewardModel, {
  readonly name: string
  /** Whether `instruction` of a pair is read. */
  readonly readsInstruction: boolean
  /** Probability that each response follows its constraint, in order. */
  readonly score: (pairs: ReadonlyArray<RewardPair>) => Effect.Effect<ReadonlyArray<number>, RewardModelError>
  readonly counts: Effect.Effect<ScoringCounts>
}>()("@ifrl/reward/RewardModel") {
  /** The reward model of a folder. */
  static readonly layer = (
    directory: string,
    options: ScoringOptions = {}
  ): Layer.Layer<RewardModel, RewardModelError, Runtime | FileSystem.FileSystem | Path.Path> =>
    Layer.effect(RewardModel, loadRewardModel(directory).pipe(Effect.flatMap((folder) => make(directory, folder, options))))

  /** A reward model in memory. */
  static readonly layerOf = (
    name: string,
    folder: RewardModelFolder,
    options: ScoringOptions = {}
  ): Layer.Layer<RewardModel, RewardModelError, Runtime> => Layer.effect(RewardModel, make(name, folder, options))
}

/** Weights of at most so many bytes are written into the graph, where ONNX Runtime packs them for its products. */
const constantBytes = 2 ** 30

/** Products with weights of a model of at most so many bytes are too small for many threads: batches run side by side. */
const smallBytes = 2 ** 26

/** Sessions of one model: one that has all threads for a batch, and one of which two runs share the threads. */
const sessionsOf = Effect.fnUntraced(function*(classifier: Classifier, maxLength: number) {
  const runtime = yield* Runtime
  const bytes = Array.from(classifier.parameters.values()).reduce((sum, { data }) => sum + data.byteLength, 0)
  const constant = bytes <= constantBytes
  const graph = packedClassifierGraph(classifier, { maxLength, weights: constant ? classifier.parameters : undefined })
  const model = encodeModel(toModel(graph))
  const lanes = runtime.device === "cpu" && bytes <= smallBytes ? Math.min(2, runtime.threads) : 1
  const alone = yield* runtime.session(model, { name: "reward model" })
  const threads = Math.floor(runtime.threads / lanes)
  const beside = lanes === 1 ? alone : yield* runtime.session(model, { name: "reward model (side by side)", threads })
  return { alone, beside, lanes, parameters: constant ? {} : Object.fromEntries(classifier.parameters) }
})

const make = Effect.fnUntraced(function*(name: string, { card, classifier }: RewardModelFolder, options: ScoringOptions) {
  const { batchTokens = 4096, cacheSize = 65_536 } = options
  const { decoder, tokenizer } = classifier
  const failed = (error: RuntimeError) =>
    new RewardModelError({ operation: "score", subject: name, reason: error.message, remedy: error.remedy, cause: error })
  const template = yield* Effect.try({ try: () => rewardTemplate(card.template), catch: (cause) => cause as RewardModelError })
  const { alone, beside, lanes, parameters } = yield* sessionsOf(classifier, card.maxLength).pipe(Effect.mapError(failed))
  const known = new Map<string, number>()
  const counts = { pairs: 0, read: 0, runs: 0 }

  const encodeAll = (pairs: ReadonlyArray<RewardPair>) =>
    Effect.try({
      try: () => pairs.map((pair) => template.encode(tokenizer, pair, card.maxLength)),
      catch: (cause) => cause
    }).pipe(Effect.catch((cause) => cause instanceof RewardModelError ? Effect.fail(cause) : Effect.die(cause)))

  const read = Effect.fnUntraced(function*(pairs: ReadonlyArray<RewardPair>) {
    const rows = yield* encodeAll(pairs)
    const batches = prefixBatches(rows, { nodes: batchTokens, lanes })
    const session = batches.length === 1 ? alone : beside
    const logits = yield* Effect.forEach(batches, (batch) =>
      Effect.suspend(() => session.run({ ...parameters, ...packRows(decoder, batch.map((i) => rows[i]!)) })).pipe(
        Effect.map(({ logits }) => logits!.as("float32").data),
        Effect.mapError(failed)
      ), { concurrency: lanes })
    counts.read += pairs.length
    counts.runs += batches.length
    return marginsOf(batches.map((rows) => ({ rows })), logits).map((margin) => sigmoid(margin / card.temperature))
  })

  const remember = (key: string, score: number) => {
    known.delete(key)
    known.set(key, score)
    if (known.size > cacheSize) known.delete(known.keys().next().value!)
  }

  const score = Effect.fn("RewardModel.score")(function*(pairs: ReadonlyArray<RewardPair>) {
    const keys = pairs.map(template.render)
    counts.pairs += pairs.length
    const found = new Map<string, number>()
    const missing = new Map<string, RewardPair>()
    keys.forEach((key, i) => {
      const score = known.get(key)
      if (score === undefined) missing.set(key, pairs[i]!)
      else found.set(key, score)
    })
    const scores = missing.size === 0 ? [] : yield* read([...missing.values()])
    ;[...missing.keys()].forEach((key, i) => found.set(key, scores[i]!))
    if (cacheSize > 0) for (const [key, value] of found) remember(key, value)
    return keys.map((key) => found.get(key)!)
  })

  return RewardModel.of({
    name,
    readsInstruction: template.readsInstruction,
    score,
    counts: Effect.sync(() => ({ ...counts }))
  })
})
