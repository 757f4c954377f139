/** Rotary positions (Su et al. 2021) in the half-split layout of Hugging Face: element i turns with element i + E/2. */
import type { DecoderConfig } from "./Config.ts"

/** cos and sin of every angle, [length, E/2] row by row. */
export interface RopeTables {
  readonly length: number
  readonly half: number
  readonly cos: Float32Array
  readonly sin: Float32Array
}

/**
 * angle(t, i) = t / theta^(2i/E), rounded where transformers rounds: the exponent, the power, its reciprocal and the
 * angle are float32, so that logits agree at any position.
 */
export const ropeTables = (
  { headDim, ropeTheta }: Pick<DecoderConfig, "headDim" | "ropeTheta">,
  length: number
): RopeTables => {
  const half = headDim / 2
  const inverse = Float32Array.from({ length: half }, (_, i) =>
    Math.fround(1 / Math.fround(ropeTheta ** Math.fround((2 * i) / headDim)))
  )
  const cos = new Float32Array(length * half)
  const sin = new Float32Array(length * half)
  for (let t = 0; t < length; t++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(t * inverse[i]!)
      cos[t * half + i] = Math.cos(angle)
      sin[t * half + i] = Math.sin(angle)
    }
  }
  return { length, half, cos, sin }
}
