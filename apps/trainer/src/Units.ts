// What a run will ask for, from its config and the model's config.json alone: no weights are read. Counts are exact or
// upper bounds; memory and time are estimates, made of the terms given here.
import type { Config } from "./Config.ts"

/** The sizes of a model that decide memory and time. Letters are those of CONTRIBUTING's legend. */
export interface ModelSize {
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly intermediateSize: number
  readonly maxPositions: number
  /** Trained numbers, a tied embedding counted once. */
  readonly parameters: number
}

export interface Units {
  readonly steps: number
  readonly promptsPerStep: number
  readonly groupSize: number
  readonly responsesPerStep: number
  readonly updatesPerRollout: number
  readonly tokensPerStep: {
    readonly prompt: number
    /** At most: every response as long as rollout.maxTokens. */
    readonly completion: number
    readonly trained: number
  }
  readonly parameters: number
  readonly memoryMB: {
    readonly weights: number
    readonly gradients: number
    readonly moments: number
    readonly cache: number
    readonly activations: number
    readonly total: number
  }
  readonly minutesPerStep: {
    readonly rollout: number
    readonly training: number
    readonly total: number
  }
  readonly minutes: number
}

/** What the estimates take for granted. */
export interface Assumptions {
  /** Tokens of a prompt with its chat template. */
  readonly promptTokens: number
  /** Speed of a large fp32 matrix product on this machine, in GFLOP/s. */
  readonly gigaflops: number
}

const bytesPerFloat = 4
const MB = 1e6

/** Share of the matrix product's speed that decoding and training reached on two cores (design notes, 26.7 M parameters). */
const decodeEfficiency = 0.28
const trainEfficiency = 0.63

/** Floats that a layer keeps for backward, per token: block inputs, norms and products; attention keeps no scores. */
const layerFloats = (m: ModelSize) => 8 * m.hiddenSize + 3 * (m.heads + 2 * m.kvHeads) * m.headDim + 5 * m.intermediateSize

/** Multiplications per token of one forward pass: every weight but the looked-up embedding, and the attention itself. */
const forwardProducts = (m: ModelSize, length: number) => {
  const layer = (m.heads * 2 + m.kvHeads * 2) * m.headDim * m.hiddenSize + 3 * m.hiddenSize * m.intermediateSize
  return m.layers * (layer + m.heads * m.headDim * length) + m.vocabSize * m.hiddenSize
}

/** The longest sequence of a run, in tokens. */
export const longestSequence = (config: Config, model: ModelSize): number =>
  config.model.maxLength > 0 ? Math.min(config.model.maxLength, model.maxPositions) : model.maxPositions

export const units = (config: Config, model: ModelSize, { gigaflops, promptTokens }: Assumptions): Units => {
  const { objective, rollout, train } = config
  const responses = rollout.promptsPerStep * rollout.groupSize
  const length = Math.min(promptTokens + rollout.maxTokens, longestSequence(config, model))
  const completion = responses * Math.max(0, length - promptTokens)
  const trained = responses * length * train.updatesPerRollout
  const references = objective.klCoefficient > 0 ? 1 : 0

  const weights = (1 + references) * model.parameters * bytesPerFloat
  const gradients = model.parameters * bytesPerFloat
  const moments = 2 * model.parameters * bytesPerFloat
  const rows = Math.min(rollout.rows, responses)
  const cache = rows * length * model.layers * 2 * model.kvHeads * model.headDim * bytesPerFloat
  const kept = train.recompute
    ? model.layers * model.hiddenSize + layerFloats(model)
    : model.layers * layerFloats(model)
  const activations = Math.max(train.microBatchTokens, length) * kept * bytesPerFloat

  const rate = gigaflops * 1e9 * 60
  const forward = 2 * forwardProducts(model, length / 2)
  const rolloutMinutes = (completion * forward) / (rate * decodeEfficiency) +
    (rollout.promptsPerStep * promptTokens * forward) / (rate * trainEfficiency)
  // Backward costs two forward passes; old log-probs are those of the rollout; a reference model is one more pass.
  const passes = 3 + (train.recompute ? 1 : 0) + references / train.updatesPerRollout
  const trainingMinutes = (trained * forward * passes) / (rate * trainEfficiency)
  const total = rolloutMinutes + trainingMinutes
  return {
    steps: train.steps,
    promptsPerStep: rollout.promptsPerStep,
    groupSize: rollout.groupSize,
    responsesPerStep: responses,
    updatesPerRollout: train.updatesPerRollout,
    tokensPerStep: { prompt: rollout.promptsPerStep * promptTokens, completion, trained },
    parameters: model.parameters,
    memoryMB: {
      weights: weights / MB,
      gradients: gradients / MB,
      moments: moments / MB,
      cache: cache / MB,
      activations: activations / MB,
      total: (weights + gradients + moments + cache + activations) / MB
    },
    minutesPerStep: { rollout: rolloutMinutes, training: trainingMinutes, total },
    minutes: total * train.steps
  }
}

const integer = (value: number) => Math.round(value).toLocaleString("en-US")
const megabytes = (value: number) => `${integer(value)} MB`
const minutes = (value: number) => value < 0.1 ? `${(value * 60).toFixed(1)} s` : `${value.toFixed(1)} min`

/** The units as lines for a person. */
export const printUnits = (u: Units, { gigaflops, promptTokens }: Assumptions): string =>
  [
    ["steps", integer(u.steps)],
    ["prompts per step", integer(u.promptsPerStep)],
    ["group size", integer(u.groupSize)],
    ["responses per step", integer(u.responsesPerStep)],
    ["updates per rollout", integer(u.updatesPerRollout)],
    ["tokens per step", `${integer(u.tokensPerStep.prompt)} prompt, ${integer(u.tokensPerStep.completion)} completion at most`],
    ["tokens trained per step", `${integer(u.tokensPerStep.trained)} at most`],
    ["parameters", integer(u.parameters)],
    ["memory, estimated", megabytes(u.memoryMB.total)],
    ["  weights", megabytes(u.memoryMB.weights)],
    ["  gradients", megabytes(u.memoryMB.gradients)],
    ["  moments", megabytes(u.memoryMB.moments)],
    ["  cache", megabytes(u.memoryMB.cache)],
    ["  activations", megabytes(u.memoryMB.activations)],
    ["time per step, estimated", minutes(u.minutesPerStep.total)],
    ["  rollout", minutes(u.minutesPerStep.rollout)],
    ["  training", minutes(u.minutesPerStep.training)],
    ["time of the run, estimated", minutes(u.minutes)],
    ["assumed", `${integer(promptTokens)} tokens a prompt, ${integer(gigaflops)} GFLOP/s`]
  ].map(([label, value]) => `${label!.padEnd(28)}${value}`).join("\n")
