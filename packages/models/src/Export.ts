/**
 * A model as a folder for transformers.js and Optimum: `onnx/model.onnx` (and `model_fp16.onnx`) with the config, generation
 * and tokenizer files that their pipelines read. `pipeline("text-generation", folder)` runs it as it is.
 */
import { OnnxError, writeModel } from "@ifrl/onnx"
import { Effect, FileSystem, Path } from "effect"
import { exportGraph, type ExportGraphOptions, type ExportType } from "./ExportGraph.ts"
import { fileError, writeBytesAtomically } from "./Files.ts"
import { jsonBytes, type Model, withDtype } from "./Model.ts"
import { ModelError } from "./ModelError.ts"
import { type SaveWeightsOptions, writeWeights } from "./Weights.ts"

/** transformers.js' name of an element type, with what its file names end in. */
const suffixes = { fp32: "", fp16: "_fp16" } as const
const types: Readonly<Record<ExportDtype, ExportType>> = { fp32: "float32", fp16: "float16" }

export type ExportDtype = keyof typeof suffixes

export interface ExportOptions extends Omit<ExportGraphOptions, "elementType"> {
  /** One file for each: `onnx/model.onnx`, `onnx/model_fp16.onnx`. Default fp32 alone. */
  readonly dtypes?: ReadonlyArray<ExportDtype>
  /** Weights beside the model file, in `model.onnx_data`. Default: where they exceed the 2 GiB of one file. */
  readonly externalData?: boolean
  /** Also writes the weights as Hugging Face has them, in this element type. */
  readonly weights?: NonNullable<SaveWeightsOptions["dtype"]>
}

export interface ExportedFile {
  /** Within the folder. */
  readonly name: string
  readonly bytes: number
}

type Json = Record<string, unknown>

const jsonOf = (model: Model, name: string): Json | undefined => {
  const bytes = model.files.get(name)
  return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as Json)
}

/** What transformers.js must be told: files of external data, and the cache's type where that isn't float32. */
const settingsOf = (external: Readonly<Record<string, number>>, dtypes: ReadonlyArray<ExportDtype>): Json => ({
  ...(Object.keys(external).length > 0 && { use_external_data_format: external }),
  ...(dtypes.includes("fp16") && { kv_cache_dtype: { fp16: "float16" } }),
  ...(!dtypes.includes("fp32") && { dtype: dtypes[0] })
})

/** transformers.js reads the chat template from tokenizer_config.json alone. */
const tokenizerConfig = (model: Model): Uint8Array | undefined => {
  const json = jsonOf(model, "tokenizer_config.json")
  const template = model.files.get("chat_template.jinja")
  return json === undefined || template === undefined
    ? model.files.get("tokenizer_config.json")
    : jsonBytes({ ...json, chat_template: new TextDecoder().decode(template) })
}

const sidecars = (
  model: Model,
  settings: Json,
  weights: ExportOptions["weights"]
): Array<readonly [name: string, bytes: Uint8Array]> => {
  const config = jsonBytes({ ...jsonOf(model, "config.json"), "transformers.js_config": settings })
  const { eosIds, padId } = model.tokenizer
  const replaced: Readonly<Record<string, Uint8Array | undefined>> = {
    "generation_config.json": model.files.get("generation_config.json") ??
      jsonBytes({ eos_token_id: [...eosIds], pad_token_id: padId }),
    "tokenizer_config.json": tokenizerConfig(model),
    "config.json": weights === undefined ? config : withDtype(config, weights)
  }
  const kept = [...model.files].filter(([name]) => !(name in replaced))
  // config.json comes last: with it the folder is whole.
  return [...kept, ...Object.entries(replaced).flatMap(([name, bytes]) => bytes === undefined ? [] : [[name, bytes] as const])]
}

/**
 * Writes a model for transformers.js and Optimum. Other files of the folder stay. An adapter is merged into the weights
 * before (`mergeAdapter`).
 */
export const exportModel = Effect.fn("exportModel")(function*(directory: string, model: Model, options: ExportOptions = {}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { dtypes = ["fp32"], externalData, weights, ...graphOptions } = options
  const remedy = "Free disk space or choose another folder"
  const onnx = path.join(directory, "onnx")
  const guard = Effect.mapError(fileError(onnx, remedy))
  yield* guard(fs.makeDirectory(onnx, { recursive: true }))
  const written: Array<ExportedFile> = []
  const external: Record<string, number> = {}
  for (const dtype of dtypes) {
    const name = `model${suffixes[dtype]}.onnx`
    const file = path.join(onnx, name)
    const graph = exportGraph(model.config, model.parameters, { ...graphOptions, elementType: types[dtype] })
    const data = `${file}_data`
    yield* guard(fs.remove(data, { force: true }))
    yield* Effect.tryPromise({
      try: () =>
        writeModel(file, graph, {
          producer: { name: "ifrl" },
          ...(externalData === true && { externalDataThreshold: 1024 }),
          ...(externalData === false && { externalDataThreshold: Infinity })
        }),
      catch: (cause) =>
        new ModelError({ file, problem: cause instanceof OnnxError ? cause.problem : String(cause), remedy, cause })
    })
    const parts = (yield* guard(fs.exists(data))) ? [name, `${name}_data`] : [name]
    if (parts.length > 1) external[name] = 1
    for (const part of parts) {
      const { size } = yield* guard(fs.stat(path.join(onnx, part)))
      written.push({ name: `onnx/${part}`, bytes: Number(size) })
    }
  }
  if (weights !== undefined) yield* writeWeights(directory, model.parameters, { dtype: weights })
  for (const [name, bytes] of sidecars(model, settingsOf(external, dtypes), weights)) {
    yield* writeBytesAtomically(path.join(directory, name), bytes)
  }
  return written
})
