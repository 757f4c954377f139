/**
 * IEEE 754 binary16 (float16) and bfloat16 to and from float32, rounding to nearest, ties to even. Infinities, signed
 * zeros and subnormals are kept; a NaN stays a quiet NaN with its sign and leading payload bits.
 */

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

const float16Of = (x: number): number => {
  const sign = (x >>> 16) & 0x8000
  const magnitude = x & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff)
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) {
    const rebiased = magnitude - 0x38000000
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13)
  }
  if (magnitude <= 0x33000000) return sign
  // Subnormal: the significand counts units of 2^-24, so shift it there and round what falls off.
  const shift = 126 - (magnitude >>> 23)
  const significand = (magnitude & 0x7fffff) | 0x800000
  const half = 1 << (shift - 1)
  return sign | ((significand + half - 1 + ((significand >>> shift) & 1)) >>> shift)
}

const bfloat16Of = (x: number): number =>
  (x & 0x7fffffff) > 0x7f800000 ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16

const float32OfHalf = (h: number): number => {
  const sign = (h & 0x8000) << 16
  const exponent = (h >>> 10) & 0x1f
  const significand = h & 0x3ff
  if (exponent === 0x1f) return (sign | 0x7f800000 | (significand << 13) | (significand === 0 ? 0 : 0x400000)) >>> 0
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (significand << 13)) >>> 0
  if (significand === 0) return sign >>> 0
  const leading = Math.clz32(significand) - 21
  return (sign | ((113 - leading) << 23) | (((significand << leading) & 0x3ff) << 13)) >>> 0
}

let halves: Uint32Array | undefined
/** The float32 pattern of each float16 pattern; 256 KiB, built on first use. */
const halfTable = () => halves ??= Uint32Array.from({ length: 65536 }, (_, h) => float32OfHalf(h))

const patternsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length)

const encode = (of: (pattern: number) => number) =>
(values: Float32Array, target: Uint16Array = new Uint16Array(values.length)): Uint16Array => {
  const patterns = patternsOf(values)
  for (let i = 0; i < patterns.length; i++) target[i] = of(patterns[i]!)
  return target
}

/** float32 values to float16 patterns, into `target` if given. */
export const toFloat16 = encode(float16Of)

/** float32 values to bfloat16 patterns, into `target` if given. */
export const toBfloat16 = encode(bfloat16Of)

/** float16 patterns to float32 values, exactly, into `target` if given. */
export const fromFloat16 = (patterns: Uint16Array, target = new Float32Array(patterns.length)): Float32Array => {
  const table = halfTable()
  const out = patternsOf(target)
  for (let i = 0; i < patterns.length; i++) out[i] = table[patterns[i]!]!
  return target
}

/** bfloat16 patterns to float32 values, exactly, into `target` if given. */
export const fromBfloat16 = (patterns: Uint16Array, target = new Float32Array(patterns.length)): Float32Array => {
  const out = patternsOf(target)
  for (let i = 0; i < patterns.length; i++) out[i] = patterns[i]! << 16
  return target
}

/**
 * The float32 pattern of a float64 rounded to odd: truncated, with the last bit set where anything was lost. Rounding
 * that to a narrower type gives what rounding the float64 once would give (Boldo and Melquiond, 2008).
 */
const roundedToOdd = (x: number): number => {
  float[0] = x
  const rounded = float[0]
  if (rounded === x || Number.isNaN(x)) return bits[0]!
  return (Math.abs(rounded) > Math.abs(x) ? bits[0]! - 1 : bits[0]!) | 1
}

/** The float16 pattern nearest to a number. */
export const float16Bits = (x: number): number => float16Of(roundedToOdd(x))

/** The bfloat16 pattern nearest to a number. */
export const bfloat16Bits = (x: number): number => bfloat16Of(roundedToOdd(x)) & 0xffff
