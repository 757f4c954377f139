/** The element types of safetensors, and conversion of whole chunks between float32 and the stored float types. */
import type { TensorType, TypedArray } from "@ifrl/runtime"

/** safetensors' name of an element type -> ours and its width in bytes. */
export const dtypes = {
  F64: { type: "float64", bytes: 8 },
  F32: { type: "float32", bytes: 4 },
  F16: { type: "float16", bytes: 2 },
  BF16: { type: "bfloat16", bytes: 2 },
  I64: { type: "int64", bytes: 8 },
  I32: { type: "int32", bytes: 4 },
  I16: { type: "int16", bytes: 2 },
  I8: { type: "int8", bytes: 1 },
  U64: { type: "uint64", bytes: 8 },
  U32: { type: "uint32", bytes: 4 },
  U16: { type: "uint16", bytes: 2 },
  U8: { type: "uint8", bytes: 1 },
  BOOL: { type: "bool", bytes: 1 }
} as const satisfies Record<string, { readonly type: TensorType; readonly bytes: number }>

export type Dtype = keyof typeof dtypes

/** safetensors' name for one of our element types. */
export const dtypeOf = (type: TensorType): Dtype =>
  (Object.keys(dtypes) as Array<Dtype>).find((name) => dtypes[name].type === type)!

/** Element types that hold weights. */
export type FloatType = "float32" | "float64" | "float16" | "bfloat16"

export const isFloatType = (type: TensorType): type is FloatType =>
  type === "float32" || type === "float64" || type === "float16" || type === "bfloat16"

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** Every float16 pattern as float32: a table beats arithmetic by an order of magnitude. Made at first use, 256 KB. */
let halves: Float32Array | undefined
const halfTable = (): Float32Array => {
  if (halves === undefined) {
    halves = new Float32Array(65536)
    for (let bits = 0; bits < 65536; bits++) {
      const exponent = (bits >>> 10) & 0x1f
      const mantissa = bits & 0x3ff
      const size =
        exponent === 0
          ? mantissa * 2 ** -24
          : exponent === 31
            ? mantissa === 0
              ? Infinity
              : NaN
            : (1 + mantissa / 1024) * 2 ** (exponent - 15)
      halves[bits] = bits & 0x8000 ? -size : size
    }
  }
  return halves
}

type FromFloat32 = (source: Float32Array, target: TypedArray) => void
type ToFloat32 = (source: TypedArray, target: Float32Array) => void

const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length)

/**
 * Stored float type -> float32; source and target have equal length. float64 rounds to nearest, the others are exact.
 */
export const widen: Readonly<Record<Exclude<FloatType, "float32">, ToFloat32>> = {
  float64: (source, target) => target.set(source as Float64Array),
  float16: (source, target) => {
    const table = halfTable()
    for (let i = 0; i < target.length; i++) target[i] = table[source[i] as number]!
  },
  bfloat16: (source, target) => {
    const bits = bitsOf(target)
    for (let i = 0; i < bits.length; i++) bits[i] = (source[i] as number) << 16
  }
}

/** float32 -> stored float type, rounding to nearest even. */
export const narrow: Readonly<Record<Exclude<FloatType, "float32">, FromFloat32>> = {
  float64: (source, target) => (target as Float64Array).set(source),
  float16: (source, target) => {
    const bits = bitsOf(source)
    for (let i = 0; i < bits.length; i++) {
      const sign = (bits[i]! >>> 16) & 0x8000
      const size = bits[i]! & 0x7fffffff
      if (size >= 0x477ff000) target[i] = sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00)
      else if (size >= 0x38800000) target[i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13)
      else {
        // Below 2^-14 a float16 is a multiple of 2^-24, which is the spacing of float32 just above 0.5.
        scratch[0] = Math.abs(source[i]!) + 0.5
        target[i] = sign | (scratchBits[0]! - 0x3f000000)
      }
    }
  },
  bfloat16: (source, target) => {
    const bits = bitsOf(source)
    for (let i = 0; i < bits.length; i++) {
      const x = bits[i]!
      const isNaN = (x & 0x7fffffff) > 0x7f800000
      target[i] = isNaN ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16
    }
  }
}

/** Index of the first NaN or infinity, -1 when all are finite. Types other than floats are finite. */
export const firstNonFinite = (type: TensorType, values: TypedArray): number => {
  if (type === "float64") return (values as Float64Array).findIndex((x) => !Number.isFinite(x))
  const exponent = { float32: 0x7f800000, float16: 0x7c00, bfloat16: 0x7f80 }[type as string]
  if (exponent === undefined) return -1
  const bits = type === "float32" ? bitsOf(values as Float32Array) : (values as Uint16Array)
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & exponent) === exponent) return i
  return -1
}
