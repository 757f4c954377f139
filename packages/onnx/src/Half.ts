// Conversions between numbers and the bit patterns of float16 (IEEE 754 binary16) and bfloat16, rounding to nearest
// even.

const float32 = new Float32Array(1)
const bits32 = new Uint32Array(float32.buffer)

export const bfloat16Bits = (x: number): number => {
  float32[0] = x
  const bits = bits32[0]!
  if (x !== x) return (bits >>> 16) | 0x40
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

export const fromBfloat16Bits = (bits: number): number => {
  bits32[0] = bits << 16
  return float32[0]!
}

/** 2^-24, the smallest positive float16: subnormals are its multiples. */
const subnormal = 2 ** -24

/** Rounds half to even; exact for |x| < 2^52. */
const roundEven = (x: number): number => {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

export const float16Bits = (x: number): number => {
  if (x !== x) return 0x7e00
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0
  const size = Math.abs(x)
  if (size >= 65520) return sign | 0x7c00
  if (size < 2 ** -14) return sign | roundEven(size / subnormal)
  let exponent = Math.floor(Math.log2(size))
  if (2 ** exponent > size) exponent -= 1
  else if (2 ** (exponent + 1) <= size) exponent += 1
  // A mantissa that rounds up to 1024 carries into the exponent, which is the right answer.
  return sign | (((exponent + 15) << 10) + roundEven((size / 2 ** exponent - 1) * 1024))
}

export const fromFloat16Bits = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0) return sign * mantissa * subnormal
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : NaN
  return sign * 2 ** (exponent - 15) * (1 + mantissa / 1024)
}
