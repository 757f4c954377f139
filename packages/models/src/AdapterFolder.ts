/**
 * Adapters in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`, whose names are ours behind
 * `base_model.model.`. What Python's peft writes is read here, and the other way round.
 */
import type { Tensor } from "@ifrl/runtime"
import { Effect, FileSystem, Path, Result } from "effect"
import type { DecoderConfig } from "./Config.ts"
import { fileError, isRecord, readJson, writeBytesAtomically } from "./Files.ts"
import { type Adapter, loraParameters, type LoraOptions, loraShape } from "./Lora.ts"
import { jsonBytes } from "./Model.ts"
import { inFile, ModelError } from "./ModelError.ts"
import type { ParameterSpec } from "./Parameters.ts"
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from "./Safetensors.ts"
import type { SaveWeightsOptions } from "./Weights.ts"

const configFile = "adapter_config.json"
const weightsFile = "adapter_model.safetensors"
const prefix = "base_model.model."

// -------------------- adapter_config.json --------------------

const isOff = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  (Array.isArray(value) && value.length === 0) ||
  (isRecord(value) && Object.keys(value).length === 0)

/** Settings that change what an adapter computes and that are not supported, unless off. */
const unsupported: Readonly<Record<string, string>> = {
  use_dora: "Merge it with peft and load the merged model",
  use_qalora: "Merge it with peft and load the merged model",
  use_bdlora: "Merge it with peft and load the merged model",
  lora_bias: "Merge it with peft and load the merged model",
  fan_in_fan_out: "Use an adapter of linear layers that store [out, in]",
  rank_pattern: "Use one rank for all modules",
  alpha_pattern: "Use one alpha for all modules",
  layers_to_transform: "Name the modules with their layers in target_modules",
  layers_pattern: "Name the modules with their layers in target_modules",
  layer_replication: "Merge it with peft and load the merged model",
  exclude_modules: "Name the modules that are meant in target_modules",
  target_parameters: "Adapt projections by target_modules",
  trainable_token_indices: "Merge it with peft and load the merged model",
  alora_invocation_tokens: "Use a plain adapter, which is active from the first token",
  kasa_config: "Merge it with peft and load the merged model",
  velora_config: "Merge it with peft and load the merged model",
  monteclora_config: "Merge it with peft and load the merged model",
  arrow_config: "Merge it with peft and load the merged model"
}

const problemOf = (json: Readonly<Record<string, unknown>>): ModelError | undefined => {
  const { bias, peft_type: type } = json
  if (type !== "LORA") {
    return new ModelError({ key: "peft_type", problem: `is ${JSON.stringify(type)}`, remedy: 'Only "LORA" is supported' })
  }
  if (bias !== undefined && bias !== "none") {
    return new ModelError({ key: "bias", problem: `is ${JSON.stringify(bias)}`, remedy: 'Only "none" is supported' })
  }
  const key = Object.keys(unsupported).find((name) => !isOff(json[name]))
  return key === undefined
    ? undefined
    : new ModelError({ key, problem: `${JSON.stringify(json[key])} is not supported`, remedy: unsupported[key]! })
}

/** The options in adapter_config.json, or a ModelError that names the key. */
export const parseAdapterConfig = (json: unknown): Result.Result<LoraOptions, ModelError> => {
  const remedy = "Give the adapter_config.json that peft saved"
  if (!isRecord(json)) return Result.fail(new ModelError({ problem: "is not a JSON object", remedy }))
  const problem = problemOf(json)
  if (problem !== undefined) return Result.fail(problem)
  const { lora_alpha: alpha, r: rank, target_modules: targets, use_rslora: stabilised } = json
  const isNames = (value: unknown): value is ReadonlyArray<string> =>
    Array.isArray(value) && value.every((name) => typeof name === "string")
  const wrong = (key: string) =>
    Result.fail(new ModelError({ key, problem: `is ${JSON.stringify(json[key])}`, remedy }))
  if (typeof rank !== "number") return wrong("r")
  if (typeof alpha !== "number") return wrong("lora_alpha")
  if (typeof targets !== "string" && !isNames(targets)) return wrong("target_modules")
  return Result.succeed({ rank, alpha, targets, rankStabilised: stabilised === true })
}

const adapterJson = ({ options, parameters }: Adapter, { base }: SaveAdapterOptions) => {
  const whole = [...parameters.keys()].filter((name) => !isFactor(name))
  return {
    peft_type: "LORA",
    task_type: whole.length === 0 ? "CAUSAL_LM" : "SEQ_CLS",
    base_model_name_or_path: base ?? null,
    r: options.rank,
    lora_alpha: options.alpha,
    lora_dropout: 0,
    target_modules: options.targets,
    use_rslora: options.rankStabilised === true,
    modules_to_save: whole.length === 0 ? null : whole.map((name) => name.replace(/\.weight$/, "")),
    bias: "none",
    fan_in_fan_out: false,
    use_dora: false,
    init_lora_weights: true,
    inference_mode: true
  }
}

// -------------------- folders --------------------

const isFactor = (name: string) => /\.lora_[AB]\.weight$/.test(name)

/** Names and shapes in the file against those that the config asks for; `saved` are modules that it holds whole. */
const mismatch = (
  specs: ReadonlyArray<ParameterSpec>,
  found: ReadonlyMap<string, ReadonlyArray<number>>,
  saved: ReadonlyArray<unknown>
): ModelError | undefined => {
  const remedy = "Use the adapter_config.json that was saved with these weights, and the model that they were trained on"
  for (const { name, shape } of specs) {
    const dims = found.get(prefix + name)
    if (dims?.join() === shape.join()) continue
    const problem = dims === undefined
      ? "is missing from the adapter"
      : `is [${dims.join(", ")}] where [${shape.join(", ")}] belongs`
    return new ModelError({ tensor: prefix + name, problem, remedy })
  }
  const known = new Set(specs.map(({ name }) => prefix + name))
  const surplus = [...found.keys()].find((name) => !known.has(name))
  if (surplus === undefined) return undefined
  const isSaved = saved.some((module) => surplus.replace(/\.[^.]+$/, "").endsWith(`.${String(module)}`))
  return isSaved
    ? new ModelError({
        key: "modules_to_save",
        tensor: surplus,
        problem: "is kept whole beside the adapter, which is not supported here",
        remedy: "Merge it with peft and load the merged model"
      })
    : new ModelError({ tensor: surplus, problem: "belongs to no module that target_modules names", remedy })
}

/** Whether a folder holds an adapter. */
export const isAdapterFolder = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(directory, configFile)
  return yield* fs.exists(file).pipe(Effect.mapError(fileError(file, "Check its permissions")))
})

/**
 * The adapter of a folder for a model of `config`. `whole` are the parameters that it holds whole beside its factors
 * (PEFT's modules_to_save), such as a classifier's head. Dropout of an earlier training is ignored: here there is none.
 */
export const loadAdapter = Effect.fn("loadAdapter")(function*(
  directory: string,
  config: DecoderConfig,
  whole: ReadonlyArray<ParameterSpec> = []
) {
  const path = yield* Path.Path
  const [settings, weights] = [path.join(directory, configFile), path.join(directory, weightsFile)]
  const json = yield* readJson(settings, "Point to a folder that peft or saveAdapter wrote")
  const options = yield* Effect.fromResult(parseAdapterConfig(json)).pipe(Effect.mapError(inFile(settings)))
  const shape = yield* Effect.fromResult(loraShape(config, options)).pipe(Effect.mapError(inFile(settings)))
  const specs = [...loraParameters(config, shape), ...whole]
  const { entries } = yield* readSafetensorsHeader(weights)
  const saved = isRecord(json) && Array.isArray(json["modules_to_save"]) ? (json["modules_to_save"] as Array<unknown>) : []
  const problem = mismatch(specs, new Map(entries.map(({ dims, name }) => [name, dims])), saved)
  if (problem !== undefined) return yield* inFile(weights)(problem)
  const { tensors } = yield* readSafetensors(weights, { floats: "float32" })
  const parameters = new Map<string, Tensor<"float32">>()
  for (const { name } of specs) parameters.set(name, tensors.get(prefix + name)!.as("float32"))
  return { options, shape, parameters } satisfies Adapter
})

export interface SaveAdapterOptions {
  /** Element type in the file, float32 by default. */
  readonly dtype?: SaveWeightsOptions["dtype"]
  /** Folder or Hub id of the model that the adapter belongs to, for whoever loads it. */
  readonly base?: string | undefined
}

/** Writes an adapter as PEFT does. The folder is made where it is missing; other files in it stay. */
export const saveAdapter = Effect.fn("saveAdapter")(function*(
  directory: string,
  adapter: Adapter,
  options: SaveAdapterOptions = {}
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  yield* fs.makeDirectory(directory, { recursive: true }).pipe(
    Effect.mapError(fileError(directory, "Check the path and its permissions"))
  )
  const named = [...adapter.parameters].map(([name, tensor]) => [prefix + name, tensor] as const)
  yield* writeSafetensors(path.join(directory, weightsFile), named, { floats: options.dtype ?? "float32" })
  yield* writeBytesAtomically(path.join(directory, configFile), jsonBytes(adapterJson(adapter, options)))
})
