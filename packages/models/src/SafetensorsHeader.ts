/**
 * Header of a safetensors file: a JSON object naming each tensor's type, shape and byte range, checked before anything
 * is read.
 */
import type { Tensor } from "@ifrl/runtime"
import { crc32 } from "node:zlib"
import { type Dtype, dtypeOf, dtypes, type FloatType, isFloatType } from "./Dtype.ts"
import { isRecord } from "./Files.ts"
import { ModelError } from "./ModelError.ts"

/** One tensor of a file: where its bytes lie, counted from the start of the file. */
export interface SafetensorsEntry {
  readonly name: string
  readonly dtype: Dtype
  readonly dims: ReadonlyArray<number>
  readonly begin: number
  readonly end: number
}

export interface SafetensorsHeader {
  /** In the order of their data. */
  readonly entries: ReadonlyArray<SafetensorsEntry>
  readonly metadata: Readonly<Record<string, string>>
  /** CRC-32 of the file and of its header alone; files of other programs have none. */
  readonly checksum: Checksum | undefined
}

export interface Checksum {
  readonly file: number
  readonly header: number
}

/** The metadata key of the checksum. It is taken over all bytes after the length, with zeros in its own place. */
export const checksumKey = "ifrl.crc32"
export const noChecksum = "00000000"
export const checksumText = (sum: number): string => sum.toString(16).padStart(8, "0")

/** The checksum that a header tells, if it tells one. */
const checksumOf = (text: string, value: string | undefined): Checksum | undefined => {
  if (value === undefined || !/^[0-9a-f]{8}$/.test(value)) return undefined
  const blank = text.replace(`"${checksumKey}":"${value}"`, `"${checksumKey}":"${noChecksum}"`)
  return { file: Number.parseInt(value, 16), header: crc32(blank) }
}

/** A file that can't be what was written. */
export const broken = (problem: string, tensor?: string, cause?: unknown) =>
  new ModelError({
    problem,
    remedy: "The file is damaged or was not written whole; fetch or save it again",
    tensor,
    cause
  })

const parseEntry = (name: string, value: unknown, dataBegin: number, fileBytes: number): SafetensorsEntry => {
  if (!isRecord(value)) throw broken("its header entry is not an object", name)
  const { data_offsets: offsets, dtype, shape } = value
  if (typeof dtype !== "string" || !Object.hasOwn(dtypes, dtype)) {
    throw new ModelError({
      tensor: name,
      problem: `has element type ${JSON.stringify(dtype)}`,
      remedy: `Supported are ${Object.keys(dtypes).join(", ")}; convert the checkpoint`
    })
  }
  const natural = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0
  if (!Array.isArray(shape) || !shape.every(natural)) throw broken(`has shape ${JSON.stringify(shape)}`, name)
  const [first, last, ...more] = Array.isArray(offsets) ? (offsets as Array<unknown>) : []
  if (!natural(first) || !natural(last) || more.length > 0 || first > last) {
    throw broken(`has byte range ${JSON.stringify(offsets)}`, name)
  }
  const needed = shape.reduce((size, dim) => size * dim, dtypes[dtype as Dtype].bytes)
  if (needed !== last - first) {
    throw broken(`${dtype} [${shape.join(", ")}] takes ${needed} bytes and the header gives it ${last - first}`, name)
  }
  if (dataBegin + last > fileBytes) {
    throw broken(`ends at byte ${dataBegin + last} and the file has ${fileBytes}: it is truncated`, name)
  }
  return { name, dtype: dtype as Dtype, dims: shape, begin: dataBegin + first, end: dataBegin + last }
}

/**
 * Reads and checks a header: sizes agree with types and shapes, ranges neither overlap nor leave gaps nor leave the
 * file.
 */
export const parseHeader = (text: string, dataBegin: number, fileBytes: number): SafetensorsHeader => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw broken("its header is not JSON", undefined, cause)
  }
  if (!isRecord(json)) throw broken("its header is not a JSON object")
  const { __metadata__: metadata = {}, ...tensors } = json
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    throw broken("its __metadata__ is not a map of strings")
  }
  const entries = Object.entries(tensors)
    .map(([name, value]) => parseEntry(name, value, dataBegin, fileBytes))
    .sort((a, b) => a.begin - b.begin || a.end - b.end)
  let at = dataBegin
  for (const [i, { begin, end, name }] of entries.entries()) {
    if (begin < at) throw broken(`overlaps the bytes of "${entries[i - 1]!.name}"`, name)
    if (begin > at) throw broken(`leaves ${begin - at} bytes unused before it`, name)
    at = end
  }
  if (at !== fileBytes) throw broken(`holds ${fileBytes - at} bytes that belong to no tensor`)
  const { [checksumKey]: checksum, ...own } = metadata as Record<string, string>
  return { entries, metadata: own, checksum: checksumOf(text, checksum) }
}

export interface WriteOptions {
  /** Element type that float tensors get in the file; by default their own. */
  readonly floats?: Exclude<FloatType, "float64">
  /** Strings kept in the header. `format: "pt"` is what Hugging Face's loaders expect and always there. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Refuse NaN, infinities and values too large for the file's type, by tensor name; true by default. */
  readonly finite?: boolean
}

/** The element type that a tensor gets in a file. */
export const dtypeInFile = (tensor: Tensor, floats: WriteOptions["floats"]): Dtype =>
  dtypeOf(floats !== undefined && isFloatType(tensor.type) ? floats : tensor.type)

/** Bytes that a tensor takes in a file. */
export const bytesInFile = (tensor: Tensor, floats?: WriteOptions["floats"]): number =>
  tensor.size * dtypes[dtypeInFile(tensor, floats)].bytes

/** Length and header, padded so that the data begin at a multiple of 8. `checksum` has 8 digits. */
export const encodeHeader = (
  tensors: ReadonlyArray<readonly [string, Tensor]>,
  { floats, metadata }: WriteOptions,
  checksum: string
): Uint8Array => {
  const header: Record<string, unknown> = { __metadata__: { format: "pt", ...metadata, [checksumKey]: checksum } }
  let offset = 0
  for (const [name, tensor] of tensors) {
    const end = offset + bytesInFile(tensor, floats)
    header[name] = { dtype: dtypeInFile(tensor, floats), shape: tensor.dims, data_offsets: [offset, end] }
    offset = end
  }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const bytes = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true)
  bytes.set(text, 8)
  return bytes
}
