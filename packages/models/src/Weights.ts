/**
 * The weights of a model folder, from one safetensors file or the shards of an index, checked by name and shape before
 * any is read.
 */
import { Tensor } from "@ifrl/runtime"
import { Effect, FileSystem, Path } from "effect"
import type { DecoderConfig } from "./Config.ts"
import { dtypes, type FloatType, isFloatType } from "./Dtype.ts"
import { fileError, isRecord, readJson, writeTextAtomically } from "./Files.ts"
import { allocateParameters } from "./JointParameters.ts"
import { ModelError } from "./ModelError.ts"
import { decoderParameters, embeddingName, headName, type ParameterSpec } from "./Parameters.ts"
import {
  bytesInFile,
  readSafetensors,
  readSafetensorsHeader,
  type SafetensorsEntry,
  writeSafetensors
} from "./Safetensors.ts"

const singleFile = "model.safetensors"
const indexFile = "model.safetensors.index.json"
/** Weight files that an earlier save may have left. */
const isWeightFile = (name: string) => /^model(-\d{5}-of-\d{5})?\.safetensors$/.test(name) || name === indexFile

/** Buffers that old checkpoints carry; they follow from the config. */
const derived = /\.rotary_emb\.inv_freq$/

// -------------------- reading --------------------

/**
 * Weight files of a folder with the tensors that the index promises in each; one file without an index promises
 * nothing.
 */
const weightFiles = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const exists = (name: string) => {
    const file = path.join(directory, name)
    return fs.exists(file).pipe(Effect.mapError(fileError(file, "Check its permissions")))
  }
  if (yield* exists(singleFile)) return new Map<string, ReadonlyArray<string>>([[singleFile, []]])
  if (!(yield* exists(indexFile))) {
    return yield* new ModelError({
      file: directory,
      problem: `has neither ${singleFile} nor ${indexFile}`,
      remedy: "Point to a Hugging Face model folder; weights in other formats must be saved as safetensors first"
    })
  }
  const file = path.join(directory, indexFile)
  const remedy = "Fetch the checkpoint again"
  const index = yield* readJson(file, remedy)
  const map = isRecord(index) ? index["weight_map"] : undefined
  if (!isRecord(map)) return yield* new ModelError({ file, key: "weight_map", problem: "is missing", remedy })
  const files = new Map<string, Array<string>>()
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== "string" || path.basename(shard) !== shard || !shard.endsWith(".safetensors")) {
      return yield* new ModelError({ file, tensor, problem: `is said to be in ${JSON.stringify(shard)}`, remedy })
    }
    const known = files.get(shard)
    if (known === undefined) files.set(shard, [tensor])
    else known.push(tensor)
  }
  return files
})

interface Located {
  readonly file: string
  readonly entry: SafetensorsEntry
}

const locate = Effect.fnUntraced(function*(directory: string) {
  const path = yield* Path.Path
  const found = new Map<string, Located>()
  for (const [name, promised] of yield* weightFiles(directory)) {
    const file = path.join(directory, name)
    const { entries } = yield* readSafetensorsHeader(file)
    const held = new Set(entries.map((entry) => entry.name))
    const missing = promised.find((tensor) => !held.has(tensor))
    const twice = entries.find((entry) => found.has(entry.name))
    if (missing !== undefined || twice !== undefined) {
      return yield* new ModelError({
        file,
        tensor: missing ?? twice!.name,
        problem:
          missing === undefined
            ? `is also in ${found.get(twice!.name)!.file}`
            : `is not in it, though ${indexFile} says so`,
        remedy: "Fetch the checkpoint again: its shards are not of one save"
      })
    }
    for (const entry of entries) found.set(entry.name, { file, entry })
  }
  return found
})

/** The first reason, found in names, types and shapes, why tensors are not those of a config, if any. */
const mismatch = (
  config: DecoderConfig,
  parameters: ReadonlyArray<ParameterSpec>,
  found: ReadonlyMap<string, Located>,
  directory: string
): ModelError | undefined => {
  const specs = new Map(parameters.map((spec) => [spec.name, spec.shape]))
  if (config.tiedEmbeddings && found.has(headName)) specs.set(headName, specs.get(embeddingName)!)
  for (const [tensor, shape] of specs) {
    const located = found.get(tensor)
    if (located === undefined) {
      const tied =
        tensor === headName ? ", or set tie_word_embeddings to true in config.json if its head is the embedding" : ""
      return new ModelError({
        file: directory,
        tensor,
        problem: "is missing from the weights",
        remedy: `Use a whole checkpoint of the architecture in config.json${tied}`
      })
    }
    const stored = dtypes[located.entry.dtype].type
    if (!isFloatType(stored)) {
      return new ModelError({
        file: located.file,
        tensor,
        problem: `holds ${stored}, not floating-point weights`,
        remedy: "Load the unquantized checkpoint"
      })
    }
    if (located.entry.dims.join() !== shape.join()) {
      return new ModelError({
        file: located.file,
        tensor,
        problem: `is [${located.entry.dims.join(", ")}] and config.json asks for [${shape.join(", ")}]`,
        remedy: "Use the config.json that was saved with these weights"
      })
    }
  }
  for (const [tensor, { file }] of found) {
    if (!specs.has(tensor) && !derived.test(tensor)) {
      return new ModelError({
        file,
        tensor,
        problem: "belongs to no parameter of the architecture in config.json",
        remedy: "Merge adapters into the model, or use a checkpoint of that architecture"
      })
    }
  }
  return undefined
}

/**
 * Weights in float32, one copy: each tensor is read straight into its memory (see `allocateParameters`). A head that is stored although it
 * is tied must equal the embedding, whose memory it then shares. `parameters` are those that the folder must hold: the
 * decoder's unless given.
 */
export const readWeights = Effect.fnUntraced(function*(
  directory: string,
  config: DecoderConfig,
  parameters: ReadonlyArray<ParameterSpec> = decoderParameters(config)
) {
  const found = yield* locate(directory)
  const problem = mismatch(config, parameters, found, directory)
  if (problem !== undefined) return yield* problem
  const read = new Map<string, Tensor>()
  const into = allocateParameters(parameters)
  for (const file of new Set(Array.from(found.values(), (located) => located.file))) {
    const { tensors } = yield* readSafetensors(file, { floats: "float32", into, select: (name) => !derived.test(name) })
    for (const [name, tensor] of tensors) read.set(name, tensor)
  }
  const head = read.get(headName)
  if (config.tiedEmbeddings && head !== undefined && !sameBytes(head, read.get(embeddingName)!)) {
    return yield* new ModelError({
      file: found.get(headName)!.file,
      tensor: headName,
      problem: "differs from the embedding, with which config.json ties it",
      remedy: "Set tie_word_embeddings to false in config.json, or remove the tensor"
    })
  }
  return new Map(parameters.map(({ name }) => [name, read.get(name)!.as("float32")]))
})

const sameBytes = (a: Tensor, b: Tensor): boolean => Buffer.compare(a.bytes, b.bytes) === 0

// -------------------- writing --------------------

export interface SaveWeightsOptions {
  /** Element type in the files, float32 by default. */
  readonly dtype?: Exclude<FloatType, "float64">
  /** Bytes of tensors that one file holds at most, 5 GB by default; more makes shards with an index. */
  readonly maxShardBytes?: number
}

type Named = readonly [name: string, tensor: Tensor]

/** Tensors in order, a new shard whenever the next would not fit. */
const shardsOf = (
  tensors: Iterable<Named>,
  { dtype, maxShardBytes = 5e9 }: SaveWeightsOptions
): Array<Array<Named>> => {
  const shards: Array<Array<Named>> = [[]]
  let size = 0
  for (const named of tensors) {
    const bytes = bytesInFile(named[1], dtype)
    if (size > 0 && size + bytes > maxShardBytes) {
      shards.push([])
      size = 0
    }
    shards.at(-1)!.push(named)
    size += bytes
  }
  return shards
}

/**
 * Writes weights as Hugging Face names them and removes weight files of an earlier save that are not part of this one.
 */
export const writeWeights = Effect.fnUntraced(function*(
  directory: string,
  parameters: Iterable<Named>,
  options: SaveWeightsOptions = {}
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { dtype: floats = "float32" } = options
  const shards = shardsOf(parameters, { ...options, dtype: floats })
  const number = (n: number) => String(n).padStart(5, "0")
  const names = shards.map((_, i) =>
    shards.length === 1 ? singleFile : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`
  )
  for (const [i, shard] of shards.entries()) yield* writeSafetensors(path.join(directory, names[i]!), shard, { floats })
  const written = new Set(names)
  if (shards.length > 1) {
    const total = shards.flat().reduce((sum, [, tensor]) => sum + bytesInFile(tensor, floats), 0)
    const map = Object.fromEntries(shards.flatMap((shard, i) => shard.map(([name]) => [name, names[i]])))
    const index = { metadata: { total_size: total }, weight_map: map }
    yield* writeTextAtomically(path.join(directory, indexFile), `${JSON.stringify(index, null, 2)}\n`)
    written.add(indexFile)
  }
  yield* fs.readDirectory(directory).pipe(
    Effect.map((present) => present.filter((name) => isWeightFile(name) && !written.has(name))),
    Effect.flatMap(Effect.forEach((name) => fs.remove(path.join(directory, name)))),
    Effect.mapError(fileError(directory, "Remove weight files of earlier saves by hand"))
  )
})
