/**
 * Sequence classification: a decoder whose head scores a whole row at its last token. A folder is what transformers
 * calls `<Family>ForSequenceClassification`: the decoder's weights without a language model head, `score.weight`
 * [classes, D] without a bias, and labels in config.json. The loss "classification" of @ifrl/artifacts trains it.
 *
 * transformers scores a row at its rightmost token that isn't `pad_token_id`. So rows must not end in that token, and
 * the loss's `positions` are where rows end.
 */
import { philoxNormal, Tensor } from "@ifrl/runtime"
import { Effect, Path, Result } from "effect"
import { type DecoderConfig, parseConfig } from "./Config.ts"
import { type DecoderGraph, decoderGraph, type DecoderOptions } from "./Decoder.ts"
import { isRecord, readJson } from "./Files.ts"
import { jsonBytes, type Model, type Parameters, readSidecars, saveModel } from "./Model.ts"
import { inFile, ModelError } from "./ModelError.ts"
import { decoderParameters, type ParameterSpec } from "./Parameters.ts"
import { type ChatTokenizer, loadTokenizer } from "./Tokenizer.ts"
import { readWeights, type SaveWeightsOptions } from "./Weights.ts"

/** [classes, D]. */
export const scoreName = "score.weight"

export interface ClassifierConfig {
  /** The decoder, without a language model head. */
  readonly decoder: DecoderConfig
  /** Names of the classes, in the order of the scores. */
  readonly labels: ReadonlyArray<string>
}

/** A folder of sequence classification in memory. */
export interface Classifier extends ClassifierConfig {
  /** Where it was loaded from; undefined for a fresh head. */
  readonly directory: string | undefined
  /** One copy, which every session binds; `score.weight` among them. */
  readonly parameters: Parameters
  readonly tokenizer: ChatTokenizer
  /** Contents of the small files by name, config.json among them. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** A tied head is none of its own: that is what a decoder without a head looks like. */
export const headless = (config: DecoderConfig): DecoderConfig => ({ ...config, tiedEmbeddings: true })

/** The head as a parameter: what an adapter of a classifier holds whole. */
export const scoreParameter = ({ decoder, labels }: ClassifierConfig): ParameterSpec => ({
  name: scoreName,
  shape: [labels.length, decoder.hiddenSize],
  decay: true
})

/** Every parameter that a folder of this config holds. */
export const classifierParameters = (config: ClassifierConfig): ReadonlyArray<ParameterSpec> => [
  ...decoderParameters(headless(config.decoder)),
  scoreParameter(config)
]

/** The graph of a classifier, whose head is [classes, D]: for `generateArtifacts` with the loss "classification". */
export const classifierGraph = (config: ClassifierConfig, options: DecoderOptions = {}): DecoderGraph => {
  const base = decoderGraph(headless(config.decoder), options)
  const score = base.graph.input(scoreName, options.elementType ?? "float32", scoreParameter(config).shape)
  return { ...base, parameters: [...base.parameters, score], head: score }
}

// -------------------- config.json --------------------

const causal = "ForCausalLM"
const classification = "ForSequenceClassification"

const renamed = (architectures: unknown, from: string, to: string): unknown =>
  Array.isArray(architectures)
    ? architectures.map((name: unknown) => (typeof name === "string" ? name.replace(from, to) : name))
    : architectures

/** Labels as transformers reads them: `id2label`, else as many as `num_labels` says, else two. */
const labelsOf = (json: Readonly<Record<string, unknown>>): ReadonlyArray<string> => {
  const { id2label, num_labels: count = 2 } = json
  if (isRecord(id2label)) return Object.keys(id2label).map((_, i) => String(id2label[i] ?? `LABEL_${i}`))
  return Array.from({ length: typeof count === "number" ? count : 2 }, (_, i) => `LABEL_${i}`)
}

/** The config of a classification folder, or a ModelError that names the key. */
export const parseClassifierConfig = (json: unknown): Result.Result<ClassifierConfig, ModelError> => {
  const named = isRecord(json) && Array.isArray(json["architectures"]) ? json["architectures"] : []
  if (!isRecord(json) || !named.every((name) => String(name).endsWith(classification)) || named.length === 0) {
    return Result.fail(
      new ModelError({
        key: "architectures",
        problem: `${JSON.stringify(named)} is no sequence classification`,
        remedy: `Give a folder of an architecture that ends in ${classification}`
      })
    )
  }
  const decoder = parseConfig({ ...json, architectures: renamed(named, classification, causal) })
  return Result.map(decoder, (config) => ({ decoder: headless(config), labels: labelsOf(json) }))
}

const configFile = "config.json"

/** config.json of a causal model turned into that of a classifier on it. */
const classifierJson = (bytes: Uint8Array, labels: ReadonlyArray<string>, padId: number): Uint8Array => {
  const json = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
  return jsonBytes({
    ...json,
    architectures: renamed(json["architectures"], causal, classification),
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    problem_type: "single_label_classification",
    pad_token_id: json["pad_token_id"] ?? padId
  })
}

// -------------------- models --------------------

export interface ClassifierOptions {
  /** Names of the classes; two by default. */
  readonly labels?: ReadonlyArray<string>
  /** Seed of the head, which is drawn with the model's `initializerRange`; 0 by default. */
  readonly seed?: number
}

/**
 * A fresh head on a model. The decoder's tensors are the model's own, not copies: training them trains the model. Load
 * the folder again, or train adapters, where both are needed.
 */
export const classifierOn = (model: Model, options: ClassifierOptions = {}): Classifier => {
  const { labels = ["LABEL_0", "LABEL_1"], seed = 0 } = options
  const config: ClassifierConfig = { decoder: headless(model.config), labels }
  const score = Tensor.zeros("float32", scoreParameter(config).shape)
  const draws = philoxNormal({ seed, step: 0, row: 0 }, score.size)
  score.data.forEach((_, i) => (score.data[i] = draws[i]! * model.config.initializerRange))
  const parameters = new Map(decoderParameters(config.decoder).map(({ name }) => [name, model.parameters.get(name)!]))
  return {
    ...config,
    directory: undefined,
    tokenizer: model.tokenizer,
    parameters: parameters.set(scoreName, score),
    files: new Map(model.files).set(
      configFile,
      classifierJson(model.files.get(configFile)!, labels, model.tokenizer.padId)
    )
  }
}

/** A folder of sequence classification: config, weights, tokenizer. */
export const loadClassifier = Effect.fn("loadClassifier")(function*(directory: string) {
  const path = yield* Path.Path
  const file = path.join(directory, configFile)
  const json = yield* readJson(file, "Point to a Hugging Face folder of sequence classification")
  const config = yield* Effect.fromResult(parseClassifierConfig(json)).pipe(Effect.mapError(inFile(file)))
  const tokenizer = yield* loadTokenizer(directory, { embeddingRows: config.decoder.vocabSize })
  const parameters = yield* readWeights(directory, config.decoder, classifierParameters(config))
  return { ...config, directory, tokenizer, parameters, files: yield* readSidecars(directory) } satisfies Classifier
})

/** Saves a folder that transformers' AutoModelForSequenceClassification and `loadClassifier` read. */
export const saveClassifier = (directory: string, classifier: Classifier, options: SaveWeightsOptions = {}) =>
  saveModel(directory, classifier, options)
