import { elementSize, type ElementType } from "./ElementType.ts"
import { bfloat16Bits, float16Bits, fromBfloat16Bits, fromFloat16Bits } from "./Half.ts"
import { OnnxError } from "./OnnxError.ts"

/**
 * The contents of a tensor: `bytes` are its elements in row-major order, little endian. Elements of "string" are
 * each a uint32 byte length followed by UTF-8.
 */
export interface TensorData {
  readonly type: ElementType
  readonly dims: ReadonlyArray<number>
  readonly bytes: Uint8Array
}

type NumberArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array
type BigIntArray = BigInt64Array | BigUint64Array
type Constructor<A> = {
  new(length: number): A
  new(buffer: ArrayBufferLike, byteOffset: number, length: number): A
}

interface Layout {
  readonly array: Constructor<NumberArray> | Constructor<BigIntArray>
  /** Inclusive range of the integers that the type holds. */
  readonly range?: readonly [bigint, bigint]
}

const signed = (bits: bigint) => [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n] as const
const unsigned = (bits: bigint) => [0n, 2n ** bits - 1n] as const

const layouts: Record<Exclude<ElementType, "string">, Layout> = {
  float32: { array: Float32Array },
  float64: { array: Float64Array },
  float16: { array: Uint16Array },
  bfloat16: { array: Uint16Array },
  int64: { array: BigInt64Array, range: signed(64n) },
  int32: { array: Int32Array, range: signed(32n) },
  int16: { array: Int16Array, range: signed(16n) },
  int8: { array: Int8Array, range: signed(8n) },
  uint64: { array: BigUint64Array, range: unsigned(64n) },
  uint32: { array: Uint32Array, range: unsigned(32n) },
  uint16: { array: Uint16Array, range: unsigned(16n) },
  uint8: { array: Uint8Array, range: unsigned(8n) },
  bool: { array: Uint8Array, range: [0n, 1n] }
}

const elementCount = (dims: ReadonlyArray<number>): number => dims.reduce((count, dim) => count * dim, 1)

const checkDims = (type: ElementType, dims: ReadonlyArray<number>, count: number): void => {
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || elementCount(dims) !== count) {
    throw new OnnxError({
      problem: `${count} values don't fill a ${type} tensor of dims [${dims.join(", ")}]`,
      remedy: "Give as many values as the product of the dims, each a non-negative integer"
    })
  }
}

const checkInteger = (type: ElementType, value: number | bigint, [low, high]: readonly [bigint, bigint]): void => {
  if (typeof value === "number" && !Number.isInteger(value) || value < low || value > high) {
    throw new OnnxError({
      problem: `${String(value)} is no ${type}`,
      remedy: `Give an integer in ${low}..${high}`
    })
  }
}

/**
 * A tensor from numbers. Numbers are rounded to float types, and checked to be in range for integer types. A typed
 * array of the tensor's own layout (for float16 and bfloat16 a Uint16Array of bit patterns) is not copied: the tensor
 * shares its memory.
 */
export const tensorData = (
  type: ElementType,
  dims: ReadonlyArray<number>,
  values: ArrayLike<number | bigint>
): TensorData => {
  if (type === "string") {
    throw new OnnxError({
      problem: "A string tensor can't be made from numbers",
      remedy: "Use stringTensor(dims, values)"
    })
  }
  checkDims(type, dims, values.length)
  const { array, range } = layouts[type]
  if (values instanceof array && range?.[1] !== 1n) {
    return { type, dims: [...dims], bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
  }
  const out = new array(values.length)
  const half = type === "float16" ? float16Bits : type === "bfloat16" ? bfloat16Bits : undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (range !== undefined) checkInteger(type, value, range)
    if (out instanceof BigInt64Array || out instanceof BigUint64Array) out[i] = BigInt(value)
    else out[i] = half === undefined ? Number(value) : half(Number(value))
  }
  return { type, dims: [...dims], bytes: new Uint8Array(out.buffer) }
}

/** A tensor of strings. */
export const stringTensor = (dims: ReadonlyArray<number>, values: ReadonlyArray<string>): TensorData => {
  checkDims("string", dims, values.length)
  const parts = values.map((value) => new TextEncoder().encode(value))
  return { type: "string", dims: [...dims], bytes: packStrings(parts) }
}

export const packStrings = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + 4 + part.length, 0))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const part of parts) {
    view.setUint32(offset, part.length, true)
    bytes.set(part, offset + 4)
    offset += 4 + part.length
  }
  return bytes
}

export const unpackStrings = (bytes: Uint8Array): Array<Uint8Array> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Array<Uint8Array> = []
  for (let offset = 0; offset < bytes.length;) {
    const length = view.getUint32(offset, true)
    parts.push(bytes.subarray(offset + 4, offset + 4 + length))
    offset += 4 + length
  }
  return parts
}

/** The elements of a tensor: int64 and uint64 as bigint, float16 and bfloat16 widened to numbers, bool as 0 or 1. */
export const tensorValues = (data: TensorData): ArrayLike<number> | ArrayLike<bigint> | ReadonlyArray<string> => {
  const { bytes, type } = data
  if (type === "string") return unpackStrings(bytes).map((part) => new TextDecoder().decode(part))
  const size = elementSize(type)
  const length = bytes.byteLength / size
  // A typed array needs an aligned offset; bytes that come out of a file needn't have one. (`slice` of a Buffer
  // wouldn't copy.)
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  const values = new layouts[type].array(aligned.buffer, aligned.byteOffset, length)
  if (type === "float16") return Float32Array.from(values as Uint16Array, fromFloat16Bits)
  if (type === "bfloat16") return Float32Array.from(values as Uint16Array, fromBfloat16Bits)
  return values
}

/** Bytes that a tensor of this type and these dims takes; undefined for strings. */
export const byteLengthOf = (type: ElementType, dims: ReadonlyArray<number>): number | undefined =>
  type === "string" ? undefined : elementCount(dims) * elementSize(type)

/** Longer integer tensors are data, not shapes or axes. */
export const maxContents = 64

/** The elements of an integer tensor of rank 0 or 1 that is short enough to be a shape or axes. */
export const contentsOf = (data: TensorData): ReadonlyArray<number> | undefined =>
  (data.type === "int64" || data.type === "int32") && data.dims.length <= 1 && (data.dims[0] ?? 1) <= maxContents
    ? Array.from(tensorValues(data) as ArrayLike<number | bigint>, Number)
    : undefined
