// Where the model is that a config or flag names, and what a model folder says of itself without its weights being read.
import {
  type DecoderConfig, decoderParameters, downloadModel, isHubId, loadConfig, type LoadOptions, loadTokenizer, parameterCount,
  parseClassifierConfig, readSafetensorsHeader
} from "@ifrl/models"
import { Effect, FileSystem, Path, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { CommandError } from "./CommandError.ts"
import { type Config, embedded } from "./Config.ts"
import type { ConfigSource } from "./ConfigSource.ts"
import { downloadBar } from "./DownloadBar.ts"
import type { ModelSize } from "./Units.ts"

/** Folders of the models of the Hub that this process has asked for, by the names that it asked for. */
const fetched = new Map<string, string>()

/**
 * The folder that a config or flag names; `embedded` is the model that ships with this package. A model of the Hub has
 * to have been fetched before.
 */
export const modelDirectory = (path: string): string =>
  path === embedded ? fileURLToPath(new URL("../models/embedded", import.meta.url)) : fetched.get(path) ?? path

export interface FetchOptions {
  /** Also the weights, true by default. */
  readonly weights?: boolean
}

/**
 * Sees to it that `modelDirectory` finds a model. What is no folder here and has the form `owner/name` or
 * `owner/name@revision` is fetched from the Hugging Face Hub, or taken from its cache.
 */
export const fetchModel = Effect.fn("fetchModel")(function*(name: string, options: FetchOptions = {}) {
  const fs = yield* FileSystem.FileSystem
  const [id = "", revision] = name.split("@")
  // A path that can't be looked at is refused by what reads it.
  const here = fs.exists(name).pipe(Effect.orElseSucceed(() => true))
  if (name === embedded || !isHubId(id) || (yield* here)) return
  const bar = downloadBar(name)
  const folder = yield* downloadModel(id, {
    ...options,
    ...(revision === undefined ? {} : { revision }),
    onProgress: bar.onProgress
  }).pipe(Effect.ensuring(bar.end))
  fetched.set(name, folder)
})

/** What the chat template is told of a thinking model; nothing unless the config says so. */
export const modelOptions = (thinking: Config["data"]["thinking"]): LoadOptions =>
  thinking === "template" ? {} : { templateVariables: { enable_thinking: thinking === "on" } }

/** The config that makes a run of what ships with this package: the embedded model on the embedded world. */
export const embeddedConfig = (): string => fileURLToPath(new URL("../configs/embedded.yaml", import.meta.url))

/** Whether nothing says what to run: `train`, `eval` and `reward train` then take `embeddedConfig`. */
export const saysNothing = ({ assignments = [], file, flags = [], preset }: ConfigSource): boolean =>
  file === undefined && preset === undefined && ![...flags.map(({ path }) => path), ...assignments].some((key) => /^model\.path\b/.test(key))

/** For whoever asks for a config while nothing says what to run: the values are not those of a run. */
export const embeddedNote = (command: string): string =>
  `without --config, --preset and --model ifrl train, eval and reward train run under the config of the embedded model instead: ` +
  `ifrl ${command} --config ${embeddedConfig()}`

/** The sizes of the model in `directory`, from its config.json alone. */
export const readModelSize = Effect.fn("readModelSize")(function*(directory: string) {
  const config = yield* loadConfig(directory)
  return { ...config, parameters: parameterCount(config) } satisfies ModelSize
})

const decodeJson = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown))

/** The sizes of the reward model in `directory`, from its config.json alone. */
export const readClassifierSize = Effect.fn("readClassifierSize")(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const subject = path.join(directory, "config.json")
  const refuse = (cause: { readonly message: string }) =>
    new CommandError({ operation: "reward model", subject, reason: cause.message, remedy: "give a folder that `ifrl reward train` wrote", cause })
  const json = yield* fs.readFileString(subject).pipe(Effect.flatMap(decodeJson), Effect.mapError(refuse))
  const { decoder } = yield* Effect.fromResult(parseClassifierConfig(json)).pipe(Effect.mapError(refuse))
  return { ...decoder, parameters: parameterCount(decoder) } satisfies ModelSize
})

const decodeIndex = Schema.decodeEffect(
  Schema.fromJsonString(Schema.Struct({ weight_map: Schema.Record(Schema.String, Schema.String) }))
)

/** The weight files of a folder: `model.safetensors`, or those of its index. */
const weightFiles = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const index = path.join(directory, "model.safetensors.index.json")
  if (!(yield* fs.exists(index))) return [path.join(directory, "model.safetensors")]
  const { weight_map } = yield* fs.readFileString(index).pipe(
    Effect.flatMap(decodeIndex),
    Effect.mapError((cause) =>
      new CommandError({ operation: "model", subject: index, reason: cause.message, remedy: "fetch the file again", cause })
    )
  )
  return [...new Set(Object.values(weight_map))].map((name) => path.join(directory, name))
})

/** Files, tensors and bytes of the weights, from the headers. Those that are not what a config asks for are refused. */
export const readWeightHeaders = Effect.fn("readWeightHeaders")(function*(directory: string, config?: DecoderConfig) {
  const files = yield* weightFiles(directory)
  const headers = yield* Effect.forEach(files, readSafetensorsHeader)
  const entries = headers.flatMap((header) => header.entries)
  const shapes = new Map(entries.map(({ dims, name }) => [name, dims]))
  const other = config && decoderParameters(config).find(({ name, shape }) => shapes.get(name)?.join() !== shape.join())
  if (other !== undefined) {
    const [wanted, found] = [other.shape, shapes.get(other.name)].map((shape) => shape && `[${shape.join(", ")}]`)
    return yield* new CommandError({
      operation: "model",
      subject: `${directory}, tensor ${other.name}`,
      reason: found === undefined ? "is missing from the weights" : `is ${found} where config.json asks for ${wanted}`,
      remedy: "use a whole checkpoint of the architecture in config.json"
    })
  }
  return {
    files: files.length,
    tensors: entries.length,
    bytes: entries.reduce((sum, entry) => sum + entry.end - entry.begin, 0),
    types: [...new Set(entries.map((entry) => entry.dtype))].toSorted()
  }
})

const TokenizerConfig = Schema.fromJsonString(Schema.Struct({ chat_template: Schema.optionalKey(Schema.Unknown) }))

/** Whether the folder says how a conversation is written: `chat_template.jinja`, or the key in tokenizer_config.json. */
export const hasChatTemplate = Effect.fn("hasChatTemplate")(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  if (yield* fs.exists(path.join(directory, "chat_template.jinja"))) return true
  const config = yield* fs.readFileString(path.join(directory, "tokenizer_config.json")).pipe(
    Effect.flatMap(Schema.decodeEffect(TokenizerConfig))
  )
  return config.chat_template !== undefined && config.chat_template !== null
})

/** The size of the tokenizer, what ends answers, and whether conversations can be written. One with ids beyond a config's is refused. */
export const readTokenizer = Effect.fn("readTokenizer")(function*(directory: string, config?: DecoderConfig) {
  const { eosIds, vocabSize } = yield* loadTokenizer(directory, config && { embeddingRows: config.vocabSize })
  return { eosIds, vocabSize, chat: yield* hasChatTemplate(directory) }
})
