// What a model folder says of itself without its weights being read.
import { type DecoderConfig, decoderParameters, loadTokenizer, ModelError, parseConfig, readSafetensorsHeader } from "@ifrl/models"
import { Effect, FileSystem, Path, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { CommandError } from "./CommandError.ts"
import { embedded } from "./Config.ts"
import type { ModelSize } from "./Units.ts"

/** The folder that a config or flag names; `embedded` is the model that ships with this package. */
export const modelDirectory = (path: string): string =>
  path === embedded ? fileURLToPath(new URL("../models/embedded", import.meta.url)) : path

const readJson = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const refuse = (reason: string, remedy: string) => (cause: unknown) =>
    new CommandError({ operation: "model", subject: file, reason, remedy, cause })
  const text = yield* fs.readFileString(file).pipe(
    Effect.mapError((cause) =>
      refuse(
        cause.reason._tag === "NotFound" ? "no such file" : cause.message,
        "give a Hugging Face model folder: config.json, safetensors and tokenizer files"
      )(cause)
    )
  )
  return yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: refuse("is not JSON", "fetch the file again")
  })
})

/** The sizes of the model in `directory`, from its config.json alone. */
export const readModelSize = Effect.fn("readModelSize")(function*(directory: string) {
  const path = yield* Path.Path
  const file = path.join(directory, "config.json")
  const config: DecoderConfig = yield* Effect.fromResult(parseConfig(yield* readJson(file))).pipe(
    Effect.mapError(({ cause, key, problem, remedy }) => new ModelError({ file, key, problem, remedy, cause }))
  )
  const parameters = decoderParameters(config).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  return { ...config, parameters } satisfies ModelSize
})

const Index = Schema.Struct({ weight_map: Schema.Record(Schema.String, Schema.String) })

/** The weight files of a folder: `model.safetensors`, or those of its index. */
const weightFiles = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const index = path.join(directory, "model.safetensors.index.json")
  if (!(yield* fs.exists(index))) return [path.join(directory, "model.safetensors")]
  const { weight_map } = yield* Schema.decodeUnknownEffect(Index)(yield* readJson(index)).pipe(
    Effect.mapError((cause) =>
      new CommandError({ operation: "model", subject: index, reason: cause.message, remedy: "fetch the file again", cause })
    )
  )
  return [...new Set(Object.values(weight_map))].map((name) => path.join(directory, name))
})

/** Files, tensors and bytes of the weights, from the headers. */
export const readWeightHeaders = Effect.fn("readWeightHeaders")(function*(directory: string) {
  const files = yield* weightFiles(directory)
  const headers = yield* Effect.forEach(files, readSafetensorsHeader)
  const entries = headers.flatMap((header) => header.entries)
  return {
    files: files.length,
    tensors: entries.length,
    bytes: entries.reduce((sum, entry) => sum + entry.end - entry.begin, 0),
    types: [...new Set(entries.map((entry) => entry.dtype))].toSorted()
  }
})

/** Whether the folder's tokenizer writes conversations, and how. */
export const readChatTemplate = Effect.fn("readChatTemplate")(function*(directory: string) {
  const tokenizer = yield* loadTokenizer(directory)
  const render = Effect.try({
    try: () => tokenizer.renderChat([{ role: "user", content: "Hello" }], { addGenerationPrompt: true }),
    catch: (cause) => cause
  })
  const template = yield* render.pipe(
    Effect.catch((cause) => cause instanceof ModelError ? Effect.undefined : Effect.die(cause))
  )
  return { vocabSize: tokenizer.vocabSize, eosIds: tokenizer.eosIds, template }
})
