import { describe, expect, test } from "@jest/globals"
import {
  bfloat16Bits, float16Bits, fromBfloat16, fromFloat16, toBfloat16, toFloat16
} from "../src/index.ts"

const all = Uint16Array.from({ length: 65536 }, (_, i) => i)

/** What a pattern means, from the definition: (-1)^s 2^(e - bias) (1 + f), subnormals without the 1. */
const meaning = (pattern: number, exponentBits: number) => {
  const fractionBits = 15 - exponentBits
  const bias = 2 ** (exponentBits - 1) - 1
  const sign = pattern >> 15 === 1 ? -1 : 1
  const exponent = (pattern >> fractionBits) & (2 ** exponentBits - 1)
  const fraction = (pattern & (2 ** fractionBits - 1)) / 2 ** fractionBits
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
}

const formats = [
  { name: "float16", exponentBits: 5, decode: fromFloat16, encode: toFloat16, encodeOne: float16Bits, infinity: 0x7c00 },
  { name: "bfloat16", exponentBits: 8, decode: fromBfloat16, encode: toBfloat16, encodeOne: bfloat16Bits, infinity: 0x7f80 }
] as const

describe.each(formats)("$name", ({ decode, encode, encodeOne, exponentBits, infinity }) => {
  const decoded = decode(all)

  test("every pattern decodes to its meaning", () => {
    const wrong = Array.from(all).filter((p) => !Object.is(decoded[p], meaning(p, exponentBits)))
    expect(wrong).toEqual([])
  })

  test("every pattern survives the way through float32, a NaN as the quiet NaN of the same sign and payload", () => {
    const back = encode(decoded)
    const quiet = 1 << (14 - exponentBits)
    const wrong = Array.from(all).filter((p) => back[p] !== (Number.isNaN(decoded[p]) ? p | quiet : p))
    expect(wrong).toEqual([])
    expect(Array.from(all).filter((p) => !Number.isNaN(decoded[p]) && encodeOne(decoded[p]!) !== p)).toEqual([])
  })

  test("between neighbours the nearer wins, and halfway the even one", () => {
    const wrong: Array<number> = []
    for (const sign of [0, 0x8000]) {
      for (let p = 0; p < infinity; p++) {
        const low = meaning(p, exponentBits)
        // The first number that is too large counts as a neighbour of the largest finite one.
        const high = p + 1 < infinity ? meaning(p + 1, exponentBits) : low * 2 - meaning(p - 1, exponentBits)
        const middle = (low + high) / 2
        const even = p % 2 === 0 ? p : p + 1
        const s = sign === 0 ? 1 : -1
        // Subnormal float32 spacing is 2^-149, and 2^-24 of the value above.
        const step = Math.max(2 ** -149, Math.abs(middle) * 2 ** -23)
        const inputs = Float32Array.of(s * (middle - step), s * middle, s * (middle + step))
        if (inputs[1] !== s * middle) wrong.push(sign | p)
        const [below, half, above] = encode(inputs)
        if (below !== (sign | p) || half !== (sign | even) || above !== (sign | (p + 1))) wrong.push(sign | p)
        if (encodeOne(s * middle) !== (sign | even)) wrong.push(sign | p)
        // Nearer by less than float32 can tell: only a single rounding from float64 sees it.
        const nudge = middle * (1 + 2 ** -40)
        if (encodeOne(s * nudge) !== (sign | (p + 1))) wrong.push(sign | p)
      }
    }
    expect(wrong).toEqual([])
  })

  test("overflow, infinities, signed zeros and NaN", () => {
    const inputs = [Infinity, -Infinity, 0, -0, 1e39, -1e39]
    expect(inputs.map(encodeOne)).toEqual([infinity, infinity | 0x8000, 0, 0x8000, infinity, infinity | 0x8000])
    expect(Number.isNaN(decode(Uint16Array.of(encodeOne(NaN)))[0])).toBe(true)
    expect(Array.from(encode(Float32Array.of(3.4028234663852886e38, 2 ** -149, -(2 ** -149))))).toEqual([
      infinity, 0, 0x8000
    ])
  })

  test("writes into a target", () => {
    const target = new Uint16Array(2)
    expect(encode(Float32Array.of(1, -2), target)).toBe(target)
    const floats = new Float32Array(2)
    expect(Array.from(decode(target, floats))).toEqual([1, -2])
  })
})
