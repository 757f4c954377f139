/**
 * A model folder in memory: weights once in float32, the tokenizer, and the small files that a saved folder repeats
 * byte for byte.
 */
import { philoxNormal, Tensor } from "@ifrl/runtime"
import { Effect, FileSystem, Path } from "effect"
import { configJson, type DecoderConfig, parseConfig } from "./Config.ts"
import { fileError, isRecord, readBytes, readJson, writeBytesAtomically } from "./Files.ts"
import { allocateParameters } from "./JointParameters.ts"
import { inFile } from "./ModelError.ts"
import { decoderParameters, embeddingName, headName } from "./Parameters.ts"
import { type ChatTokenizer, loadTokenizer, makeTokenizer } from "./Tokenizer.ts"
import type { TokenizerFiles } from "./TrainTokenizer.ts"
import { readWeights, type SaveWeightsOptions, writeWeights } from "./Weights.ts"

/** Files of a folder that are kept as they are. */
export const sidecars = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
  "LICENSE",
  "NOTICE"
]

/** Resident weights by Hugging Face's names. */
export type Parameters = ReadonlyMap<string, Tensor<"float32">>

export class Model {
  readonly config: DecoderConfig
  /** Where it was loaded from; undefined for a fresh model. */
  readonly directory: string | undefined
  /** One copy, which every session binds. A tied head is the embedding and has no entry of its own. */
  readonly parameters: Parameters
  readonly tokenizer: ChatTokenizer
  /** Contents of the small files by name, config.json among them. */
  readonly files: ReadonlyMap<string, Uint8Array>

  constructor(fields: Pick<Model, "config" | "directory" | "files" | "parameters" | "tokenizer">) {
    this.config = fields.config
    this.directory = fields.directory
    this.parameters = fields.parameters
    this.tokenizer = fields.tokenizer
    this.files = fields.files
  }

  /** The language model head, [V, D]. */
  get head(): Tensor<"float32"> {
    return this.parameters.get(this.config.tiedEmbeddings ? embeddingName : headName)!
  }
}

// -------------------- loading --------------------

/** The config of a model folder. */
export const loadConfig = Effect.fnUntraced(function*(directory: string) {
  const path = yield* Path.Path
  const file = path.join(directory, "config.json")
  const json = yield* readJson(file, "Point to a Hugging Face model folder")
  return yield* Effect.fromResult(parseConfig(json)).pipe(Effect.mapError(inFile(file)))
})

/** The small files of a folder, by name. */
export const readSidecars = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const files = new Map<string, Uint8Array>()
  for (const name of sidecars) {
    const file = path.join(directory, name)
    const exists = yield* fs.exists(file).pipe(Effect.mapError(fileError(file, "Check its permissions")))
    if (exists) files.set(name, yield* readBytes(file, "Check its permissions"))
  }
  return files
})

/** Config and weights of a model folder, without its tokenizer. */
export const loadWeights = Effect.fnUntraced(function*(directory: string) {
  const config = yield* loadConfig(directory)
  const parameters: Parameters = yield* readWeights(directory, config)
  return { config, parameters }
})

export interface LoadOptions {
  /** Variables of the chat template for every conversation, such as `{ enable_thinking: false }`. */
  readonly templateVariables?: Readonly<Record<string, unknown>>
}

/** A Hugging Face model folder. Peak memory is one float32 copy of the weights plus one chunk of 16 MiB. */
export const loadModel = Effect.fn("loadModel")(function*(directory: string, options: LoadOptions = {}) {
  const config = yield* loadConfig(directory)
  const tokenizer = yield* loadTokenizer(directory, { ...options, embeddingRows: config.vocabSize })
  const files = yield* readSidecars(directory)
  return new Model({ config, directory, tokenizer, files, parameters: yield* readWeights(directory, config) })
})

// -------------------- fresh models --------------------

export interface InitializeOptions {
  /**
   * Draws the two projections that write into the residual stream smaller by sqrt(2 L), so that its variance doesn't
   * grow with depth (GPT-2). Off by default, as in transformers.
   */
  readonly scaledResiduals?: boolean
}

/**
 * Fresh weights as transformers draws them: norms 1, biases 0, the rest normal with `initializerRange`. Repeatable by
 * seed.
 */
export const initializeWeights = (config: DecoderConfig, seed: number, options: InitializeOptions = {}): Parameters => {
  const parameters = decoderParameters(config)
  const tensors = allocateParameters(parameters)
  for (const [row, { name }] of parameters.entries()) {
    const { data, size } = tensors.get(name)!
    if (name.endsWith("norm.weight")) data.fill(1)
    else if (!name.endsWith(".bias")) {
      const residual = /(o|down)_proj\.weight$/.test(name) && options.scaledResiduals === true
      const deviation = config.initializerRange / (residual ? Math.sqrt(2 * config.layers) : 1)
      const draws = philoxNormal({ seed, step: 0, row }, size)
      for (let i = 0; i < size; i++) data[i] = draws[i]! * deviation
    }
  }
  return new Map(parameters.map(({ name }) => [name, tensors.get(name)!]))
}

export const jsonBytes = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)

/** A fresh model with a tokenizer, such as one from `trainTokenizer`. */
export const initializeModel = Effect.fn("initializeModel")(function*(
  config: DecoderConfig,
  seed: number,
  tokenizerFiles: TokenizerFiles,
  options: InitializeOptions = {}
) {
  const tokenizer = yield* makeTokenizer({ ...tokenizerFiles, embeddingRows: config.vocabSize })
  const ids = { eos_token_id: [...tokenizer.eosIds], pad_token_id: tokenizer.padId }
  return new Model({
    config,
    directory: undefined,
    tokenizer,
    parameters: initializeWeights(config, seed, options),
    files: new Map([
      ["config.json", jsonBytes({ ...configJson(config), ...ids, torch_dtype: "float32" })],
      ["generation_config.json", jsonBytes(ids)],
      ["tokenizer.json", jsonBytes(tokenizerFiles.tokenizer)],
      ["tokenizer_config.json", jsonBytes(tokenizerFiles.config)]
    ])
  })
})

// -------------------- saving --------------------

/** config.json naming the element type of the saved weights; the same bytes where it does so already. */
export const withDtype = (bytes: Uint8Array, dtype: string): Uint8Array => {
  const json: unknown = JSON.parse(new TextDecoder().decode(bytes))
  if (!isRecord(json)) return bytes
  const named = ["dtype", "torch_dtype"].filter((key) => key in json)
  const keys = named.length === 0 ? ["torch_dtype"] : named
  if (keys.every((key) => json[key] === dtype)) return bytes
  return jsonBytes({ ...json, ...Object.fromEntries(keys.map((key) => [key, dtype])) })
}

/**
 * Saves a folder that transformers, vLLM and `loadModel` read. A folder that doesn't exist yet appears whole or not at
 * all; in one that does, each file is replaced atomically, config.json last, and other files stay.
 */
export const saveModel = Effect.fn("saveModel")(function*(
  directory: string,
  model: Pick<Model, "files" | "parameters">,
  options: SaveWeightsOptions = {}
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const remedy = "Free disk space or choose another folder"
  const guard = Effect.mapError(fileError(directory, remedy))
  const write = Effect.fnUntraced(function*(folder: string) {
    yield* writeWeights(folder, model.parameters, options)
    const names = [...model.files.keys()].sort((a, b) => Number(a === "config.json") - Number(b === "config.json"))
    for (const name of names) {
      const bytes = model.files.get(name)!
      yield* writeBytesAtomically(
        path.join(folder, name),
        name === "config.json" ? withDtype(bytes, options.dtype ?? "float32") : bytes
      )
    }
  })
  if (yield* guard(fs.exists(directory))) return yield* write(directory)
  const partial = `${directory}.partial`
  yield* guard(fs.remove(partial, { recursive: true, force: true }))
  yield* guard(fs.makeDirectory(partial, { recursive: true }))
  yield* write(partial).pipe(
    Effect.andThen(guard(fs.rename(partial, directory))),
    Effect.onError(() => Effect.ignore(fs.remove(partial, { recursive: true, force: true })))
  )
})
