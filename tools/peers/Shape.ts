/** What both sides of the benchmark run: the model, the batch of a training step and the generation. */
export interface Shape {
  readonly vocab: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly intermediate: number
  readonly maxPositions: number
  readonly tied: boolean
  /** Rows and tokens a row of the training batch. */
  readonly rows: number
  readonly length: number
  /** Training steps before the clock starts. */
  readonly warmup: number
  /** Tokens of a prompt, and tokens generated after it. */
  readonly prompt: number
  readonly newTokens: number
}

/** 26.7 M parameters; 8 x 256 tokens a step; 128 tokens after prompts of 64. */
export const shape: Shape = {
  vocab: 4096,
  hidden: 512,
  layers: 8,
  heads: 8,
  kvHeads: 2,
  intermediate: 1408,
  maxPositions: 1024,
  tied: false,
  rows: 8,
  length: 256,
  warmup: 2,
  prompt: 64,
  newTokens: 128
}

/** A model that takes seconds, to see that the benchmark itself runs; its ratios say nothing. */
export const tiny: Shape = { ...shape, vocab: 512, hidden: 64, layers: 2, heads: 4, intermediate: 128, rows: 2, length: 32, newTokens: 8 }

/** Floating point operations of the product that both sides' libraries are asked for: the activations of a step times one weight. */
export const productOperations = (of: Shape): number => 2 * of.rows * of.length * of.hidden * of.intermediate

/** The same tokens on both sides: a linear congruential sequence, its low bits dropped. */
export const tokens = (rows: number, length: number, seed: number, vocab: number): Array<Int32Array> => {
  let state = seed
  return Array.from({ length: rows }, () =>
    Int32Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state >>> 8) % vocab
    }))
}
