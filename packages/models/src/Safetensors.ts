/**
 * The safetensors format: 8 bytes with the header's length, a JSON header naming each tensor's type, shape and byte
 * range, then the data without gaps. Reading and writing stream in chunks straight between the file and a tensor's own
 * memory, so that peak memory is one copy of the tensors plus one chunk. Files written here carry a CRC-32 in their
 * metadata, which other programs pass over; a file that has one is held against it when all of it is read. https://huggingface.co/docs/safetensors
 * describes the format.
 */
import { Tensor, type TensorType, type TypedArray } from "@ifrl/runtime"
import { ByteSize, Effect, type FileSystem } from "effect"
import { crc32 } from "node:zlib"
import { dtypes, firstNonFinite, isFloatType, narrow, widen } from "./Dtype.ts"
import { opened, writeAtomically } from "./Files.ts"
import { ModelError } from "./ModelError.ts"
import {
  broken,
  checksumText,
  dtypeInFile,
  encodeHeader,
  noChecksum,
  parseHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
  type WriteOptions
} from "./SafetensorsHeader.ts"

export type { Dtype } from "./Dtype.ts"
export { bytesInFile } from "./SafetensorsHeader.ts"
export type { SafetensorsEntry, SafetensorsHeader, WriteOptions } from "./SafetensorsHeader.ts"

/** Bytes read or converted at a time. */
const chunkBytes = 16 * 2 ** 20
/** What Hugging Face's reader allows. */
const maxHeaderBytes = 100_000_000

/** The CRC-32 of what has passed. */
class Sum {
  value: number
  constructor(value: number) {
    this.value = value
  }
  readonly add = (bytes: Uint8Array): void => {
    this.value = crc32(bytes, this.value)
  }
}

const readFully = Effect.fnUntraced(function*(file: FileSystem.File, target: Uint8Array, position: number, sum?: Sum) {
  let done = 0
  while (done < target.length) {
    const part = target.subarray(done, done + chunkBytes)
    const count = yield* file.read(part, { position: BigInt(position + done) })
    if (count === 0) return yield* broken(`ends ${target.length - done} bytes early`)
    sum?.add(part.subarray(0, count))
    done += count
  }
})

const attempt = <A>(body: () => A): Effect.Effect<A, ModelError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(body())
    } catch (error) {
      return error instanceof ModelError ? Effect.fail(error) : Effect.die(error)
    }
  })

const headerOf = Effect.fnUntraced(function*(file: FileSystem.File) {
  const size = Number(ByteSize.toBigInt((yield* file.stat).size))
  if (size < 8) return yield* broken(`has ${size} bytes, fewer than a header takes`)
  const lead = new Uint8Array(8)
  yield* readFully(file, lead, 0)
  const length = Number(new DataView(lead.buffer).getBigUint64(0, true))
  if (length > maxHeaderBytes || 8 + length > size) {
    return yield* broken(`claims a header of ${length} bytes in a file of ${size}`)
  }
  const text = new Uint8Array(length)
  yield* readFully(file, text, 8)
  return yield* attempt(() => parseHeader(new TextDecoder().decode(text), 8 + length, size))
})

/** The checked header of a file, without reading its data. */
export const readSafetensorsHeader = (
  path: string
): Effect.Effect<SafetensorsHeader, ModelError, FileSystem.FileSystem> => opened(path, headerOf)

// -------------------- reading --------------------

export interface ReadOptions {
  /** Which tensors to read; all by default. */
  readonly select?: (name: string) => boolean
  /** Element type that float tensors get in memory; by default the stored one. */
  readonly floats?: "float32"
  /** Memory to fill, by tensor name; other tensors get memory of their own. Types and dims must agree. */
  readonly into?: ReadonlyMap<string, Tensor>
  /** Refuse NaN and infinities by tensor name; true by default. */
  readonly finite?: boolean
}

export interface Safetensors {
  readonly tensors: Map<string, Tensor>
  readonly metadata: Readonly<Record<string, string>>
}

const refuseNonFinite = ({ dims, name }: SafetensorsEntry, { data, type }: Tensor) => {
  const index = firstNonFinite(type, data)
  return index < 0
    ? Effect.void
    : Effect.fail(
        new ModelError({
          tensor: name,
          problem: `element ${index} of [${dims.join(", ")}] is NaN or infinite`,
          remedy: "The weights are broken; use a checkpoint from before they diverged"
        })
      )
}

/** Where an entry is read to: the given memory if it fits, else memory of its own. */
const targetOf = ({ dims, dtype, name }: SafetensorsEntry, { floats, into }: ReadOptions): Tensor => {
  const stored = dtypes[dtype].type
  const given = into?.get(name)
  const type = given?.type ?? (isFloatType(stored) ? (floats ?? stored) : stored)
  const sameDims =
    given === undefined || (given.dims.length === dims.length && given.dims.every((dim, i) => dim === dims[i]))
  if (sameDims && (type === stored || (type === "float32" && isFloatType(stored))))
    return given ?? Tensor.zeros(type, dims)
  throw new ModelError({
    tensor: name,
    problem: `is ${stored} [${dims.join(", ")}] where ${type} [${(given?.dims ?? dims).join(", ")}] belongs`,
    remedy: "Use a checkpoint of this model"
  })
}

const readEntry = Effect.fnUntraced(function*(
  file: FileSystem.File,
  entry: SafetensorsEntry,
  options: ReadOptions,
  buffer: ArrayBuffer,
  sum: Sum | undefined
) {
  const tensor = yield* attempt(() => targetOf(entry, options))
  const { bytes: width, type } = dtypes[entry.dtype]
  if (type === tensor.type) yield* readFully(file, tensor.bytes, entry.begin, sum)
  else {
    const target = tensor.data as Float32Array
    const step = buffer.byteLength / width
    for (let at = 0; at < target.length; at += step) {
      const count = Math.min(step, target.length - at)
      yield* readFully(file, new Uint8Array(buffer, 0, count * width), entry.begin + at * width, sum)
      const source = type === "float64" ? new Float64Array(buffer, 0, count) : new Uint16Array(buffer, 0, count)
      widen[type as keyof typeof widen](source, target.subarray(at, at + count))
    }
  }
  if (options.finite ?? true) yield* refuseNonFinite(entry, tensor)
  return [entry.name, tensor] as const
})

/** The tensors of one file, by name in the order of the file. */
export const readSafetensors = (
  path: string,
  options: ReadOptions = {}
): Effect.Effect<Safetensors, ModelError, FileSystem.FileSystem> =>
  opened(
    path,
    Effect.fnUntraced(function*(file) {
      const { checksum, entries, metadata } = yield* headerOf(file)
      const chosen = entries.filter(({ name }) => options.select?.(name) ?? true)
      const largest = chosen.reduce((most, { begin, end }) => Math.max(most, end - begin), 0)
      const buffer = new ArrayBuffer(Math.min(chunkBytes, Math.ceil(largest / 8) * 8))
      const sum = checksum === undefined || chosen.length < entries.length ? undefined : new Sum(checksum.header)
      const tensors = yield* Effect.forEach(chosen, (entry) => readEntry(file, entry, options, buffer, sum))
      if (sum !== undefined && sum.value !== checksum!.file) {
        const [is, was] = [sum.value, checksum!.file].map(checksumText)
        return yield* broken(`was written with the checksum ${was} and now has ${is}`)
      }
      return { tensors: new Map(tensors), metadata }
    })
  )

// -------------------- writing --------------------

/** A chunk of a tensor as it stands in the file. */
const encodeChunk = (source: TypedArray, from: TensorType, to: TensorType): Uint8Array<ArrayBuffer> => {
  if (from === to) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
  let floats = source as Float32Array<ArrayBuffer>
  if (from !== "float32") {
    floats = new Float32Array(source.length)
    widen[from as keyof typeof widen](source, floats)
  }
  if (to === "float32") return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
  const out = to === "float64" ? new Float64Array(source.length) : new Uint16Array(source.length)
  narrow[to as keyof typeof narrow](floats, out)
  return new Uint8Array(out.buffer)
}

const writeEntry = Effect.fnUntraced(function*(
  file: FileSystem.File,
  name: string,
  tensor: Tensor,
  options: WriteOptions,
  sum: Sum
) {
  const { bytes: width, type } = dtypes[dtypeInFile(tensor, options.floats)]
  const step = chunkBytes / 8
  for (let at = 0; at < tensor.size; at += step) {
    const source = tensor.data.subarray(at, at + step) as TypedArray
    const bytes = encodeChunk(source, tensor.type, type)
    const encoded = width === 2 ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2) : source
    const index = (options.finite ?? true) ? firstNonFinite(width === 2 ? type : tensor.type, encoded) : -1
    if (index >= 0) {
      return yield* new ModelError({
        tensor: name,
        problem: `element ${at + index} is NaN, infinite or too large for ${type}`,
        remedy: "Nothing was written; if training has not diverged, save as bfloat16 or float32"
      })
    }
    sum.add(bytes)
    yield* file.writeAll(bytes)
  }
})

/**
 * Writes tensors in the given order. The file appears under its name only when it is whole and on the disk; until then
 * an older file of that name stays as it was.
 */
export const writeSafetensors = (
  path: string,
  tensors: Iterable<readonly [string, Tensor]>,
  options: WriteOptions = {}
): Effect.Effect<void, ModelError, FileSystem.FileSystem> => {
  const entries = [...tensors]
  return writeAtomically(
    path,
    Effect.fnUntraced(function*(file) {
      const blank = encodeHeader(entries, options, noChecksum)
      const sum = new Sum(crc32(blank.subarray(8)))
      yield* file.writeAll(blank)
      yield* Effect.forEach(entries, ([name, tensor]) => writeEntry(file, name, tensor, options, sum), {
        discard: true
      })
      yield* file.seek(0n, "start")
      yield* file.writeAll(encodeHeader(entries, options, checksumText(sum.value)))
    })
  )
}
