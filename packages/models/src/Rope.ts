/**
 * Rotary positions (Su et al. 2021) in the half-split layout of Hugging Face: element i turns with element i + E/2.
 * Everything is rounded where transformers rounds, to float32 after each operation, so that logits agree at any
 * position: an angle of 30,000 radians has no room for a second opinion on its last bit.
 */
import type { DecoderConfig } from "./Config.ts"
import type { RopeScaling } from "./RopeScaling.ts"

/** cos and sin of every angle, [length, E/2] row by row. */
export interface RopeTables {
  readonly length: number
  readonly half: number
  readonly cos: Float32Array
  readonly sin: Float32Array
}

const { fround } = Math

/** theta^(2i/E) for i < E/2. */
const powers = (theta: number, headDim: number): Float32Array =>
  Float32Array.from({ length: headDim / 2 }, (_, i) => theta ** fround((2 * i) / headDim))

const inverse = (values: Float32Array): Float32Array => values.map((value) => 1 / value)

/** Linear ramp over E/2 dimensions (Peng et al. 2023): 0 where a frequency stays, 1 where it is stretched in full. */
const yarnRamp = (scaling: Extract<RopeScaling, { type: "yarn" }>, theta: number, headDim: number): Float32Array => {
  const { betaFast, betaSlow, originalPositions, truncate } = scaling
  /** The dimension that turns so often over the original length. */
  const dimension = (turns: number) =>
    (headDim * Math.log(originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [low, high] = [dimension(betaFast), dimension(betaSlow)]
  const from = Math.max(truncate ? Math.floor(low) : low, 0)
  const to = Math.min(truncate ? Math.ceil(high) : high, headDim - 1)
  const width = fround(from === to ? 0.001 : to - from)
  return Float32Array.from({ length: headDim / 2 }, (_, i) =>
    Math.min(1, Math.max(0, fround(fround(i - fround(from)) / width)))
  )
}

/** Frequencies after scaling, in radians a token; `dynamic` starts from the plain ones. */
const frequencies = (theta: number, headDim: number, scaling: RopeScaling | undefined): Float32Array => {
  const plain = inverse(powers(theta, headDim))
  switch (scaling?.type) {
    case undefined:
    case "dynamic":
      return plain
    case "linear":
      return plain.map((f) => f / fround(scaling.factor))
    case "llama3": {
      const { highFrequencyFactor: high, lowFrequencyFactor: low, originalPositions } = scaling
      const factor = fround(scaling.factor)
      return plain.map((f) => {
        const wavelength = fround(fround(2 * Math.PI) / f)
        if (wavelength < fround(originalPositions / high)) return f
        if (wavelength > fround(originalPositions / low)) return f / factor
        const smooth = fround(fround(fround(originalPositions / wavelength) - fround(low)) / fround(high - low))
        return fround(fround(fround(fround(1 - smooth) * f) / factor)) + fround(smooth * f)
      })
    }
    case "yarn": {
      const ramp = yarnRamp(scaling, theta, headDim)
      const stretched = inverse(powers(theta, headDim).map((power) => fround(scaling.factor) * power))
      return plain.map((f, i) => {
        const keep = fround(1 - ramp[i]!)
        return fround(stretched[i]! * fround(1 - keep)) + fround(f * keep)
      })
    }
  }
}

/** The base for a sequence of `length` tokens, longer than the original one: theta (s n / n0 - s + 1)^(E/(E-2)). */
const dynamicTheta = (
  { factor, originalPositions }: Extract<RopeScaling, { type: "dynamic" }>,
  theta: number,
  headDim: number,
  length: number
): number => {
  const stretch = fround(fround(fround(fround(factor) * length) / originalPositions) - fround(factor - 1))
  return fround(theta * fround(stretch ** (headDim / (headDim - 2))))
}

/**
 * The tables of positions `from` to `from + length`. angle(t, i) = t f(i) with f(i) = 1 / theta^(2i/E), scaled as the
 * config says.
 *
 * Under `dynamic` scaling f follows the length of the sequence. Position t turns by the frequencies for t + 1 tokens,
 * as in transformers' generation with a cache from a prompt within the original length. (transformers' forward pass
 * over more tokens than that turns all of them by the frequencies of the whole; no decoder with a cache can follow.)
 */
export const ropeTables = (
  { headDim, ropeScaling, ropeTheta }: Pick<DecoderConfig, "headDim" | "ropeScaling" | "ropeTheta">,
  length: number,
  from = 0
): RopeTables => {
  const half = headDim / 2
  const magnitude = ropeScaling?.type === "yarn" ? fround(ropeScaling.attentionFactor) : 1
  const cos = new Float32Array(length * half)
  const sin = new Float32Array(length * half)
  let inverse = frequencies(ropeTheta, headDim, ropeScaling)
  for (let row = 0; row < length; row++) {
    const t = from + row
    if (ropeScaling?.type === "dynamic" && t >= ropeScaling.originalPositions) {
      inverse = frequencies(dynamicTheta(ropeScaling, ropeTheta, headDim, t + 1), headDim, undefined)
    }
    for (let i = 0; i < half; i++) {
      const angle = fround(t * inverse[i]!)
      cos[row * half + i] = fround(Math.cos(angle)) * magnitude
      sin[row * half + i] = fround(Math.sin(angle)) * magnitude
    }
  }
  return { length, half, cos, sin }
}
