// What a run will ask for, from its config and the model's config.json alone: no weights are read. Counts are exact or
// upper bounds; memory and time are estimates, made of the terms given here.
import { needsReference, updatesPerRollout } from "@ifrl/grpo"
import { type DecoderConfig, loraShape } from "@ifrl/models"
import { memoryEstimate, type MemoryPlan } from "@ifrl/train"
import { Result } from "effect"
import type { Config } from "./Config.ts"
import { loraOptions } from "./Lora.ts"

/** The sizes of a model that decide memory and time. Letters are those of CONTRIBUTING's legend. */
export interface ModelSize extends DecoderConfig {
  /** Numbers of the model, a tied embedding counted once. */
  readonly parameters: number
}

/** What the estimates take for granted. */
export interface Assumptions {
  /** Tokens of a prompt with its chat template. */
  readonly promptTokens: number
  /** Speed of a large fp32 matrix product on this machine, in GFLOP/s. */
  readonly gigaflops: number
}

/** Units by name; each part of memory (MB) and of a step's time (minutes) is there by itself and in the total. */
export interface Units {
  readonly counts: Readonly<Record<string, number>>
  readonly memoryMB: Readonly<Record<string, number>> & { readonly total: number }
  readonly minutesPerStep: Readonly<Record<string, number>> & { readonly total: number }
  /** Of the reward model that is made first, where there is one. */
  readonly rewardModel?: { readonly counts: Readonly<Record<string, number>>; readonly minutes: Readonly<Record<string, number>> & { readonly total: number } }
  /** Of the whole run. */
  readonly minutes: number
  readonly assumed: Assumptions
}

const bytesPerFloat = 4
const MB = 1e6

/** Share of the matrix product's speed that decoding (16 rows) and training reached with 26.7 M parameters on two cores. */
const decodeEfficiency = 0.28
const trainEfficiency = 0.63

/** Multiplications per token of one forward pass over `length` tokens: all weights but the looked-up embedding, and attention. */
const forwardProducts = (m: ModelSize, length: number) => {
  const weights = 2 * (m.heads + m.kvHeads) * m.headDim * m.hiddenSize + 3 * m.hiddenSize * m.intermediateSize
  const attention = m.heads * m.headDim * length
  return m.layers * (weights + attention) + m.vocabSize * m.hiddenSize
}

/** Whether rewards are asked of the weights that the run starts from. */
export const rewardsReadReference = ({ reward }: Config): boolean =>
  reward.plausibilityWeight > 0 && reward.plausibilityUnder === "reference"

/** Frozen copies of the weights that a run keeps; of an adapter, the model under it is one already. */
export const referencesOf = (config: Config): number => needsReference(config.objective) || rewardsReadReference(config) ? 1 : 0

/** Longest sequence that is used unless the config asks for more: caches and position tables grow with it. */
const usualLength = 4096

/** Tokens of prompt and completion together, at most. */
export const longestSequence = ({ model: { maxLength } }: Config, { maxPositions }: { readonly maxPositions: number }): number =>
  Math.min(maxLength > 0 ? maxLength : usualLength, maxPositions)

const total = (parts: Record<string, number>) => ({ ...parts, total: Object.values(parts).reduce((a, b) => a + b, 0) })

/** What training on rows of `length` tokens asks of memory under `config`, beside a cache of generation. */
export const memoryPlan = (
  config: Config,
  model: DecoderConfig,
  length: number,
  references: number,
  cache?: MemoryPlan["cache"]
): MemoryPlan => {
  const options = loraOptions(config)
  const lora = options === undefined ? undefined : Result.getOrUndefined(loraShape(model, options))
  return {
    config: model,
    rows: Math.max(1, Math.floor(config.train.microBatchTokens / length)),
    length,
    recompute: config.train.recompute,
    lora,
    references: lora === undefined ? references : 0,
    cache
  }
}

const trainingMegabytes = (plan: MemoryPlan) => {
  const { total: _, ...parts } = memoryEstimate(plan)
  return megabytes(parts)
}

const cacheBytes = (config: Config, model: ModelSize, length: number, responses: number) =>
  Math.min(config.rollout.rows, responses) * length * model.layers * 2 * model.kvHeads * model.headDim * bytesPerFloat

const megabytes = (bytes: Record<string, number>) =>
  total(Object.fromEntries(Object.entries(bytes).map(([name, value]) => [name, value / MB])))

/** Minutes of `tokens` through one forward pass each, at a share of the machine's speed. */
const minutesOf = (tokens: number, model: ModelSize, length: number, { gigaflops }: Assumptions, efficiency: number) =>
  (tokens * 2 * forwardProducts(model, length / 2)) / (gigaflops * 1e9 * 60 * efficiency)

/** Forward passes that a trained token costs: backward is worth two, recomputation one, a reference model one. */
const passes = (config: Config, references: number) => 3 + (config.train.recompute ? 1 : 0) + references

/** What a reward model's pairs are made from, as the prompts of the run say. */
export interface PairSource {
  /** Prompts that the policy answers. */
  readonly prompts: number
  /** Soft constraints, each in a prompt of its own. */
  readonly constraints: number
  /** The model that the reward model starts from. */
  readonly base: ModelSize
}

/** Pairs before any filter, and updates and tokens of a training that is not stopped early. */
const rewardModelUnits = (config: Config, model: ModelSize, assumed: Assumptions, { base, constraints, prompts }: PairSource) => {
  const { pairs: { crossed, folds, minConfidence, samples }, rewardModel, rollout } = config
  const { epochs, evaluationsPerEpoch, heldOut, maxLength, pairsPerStep, validation } = rewardModel
  const length = Math.min(assumed.promptTokens + rollout.maxTokens, longestSequence(config, model))
  const read = Math.min(assumed.promptTokens + rollout.maxTokens, maxLength, base.maxPositions)
  const responses = prompts * samples
  const completion = responses * Math.max(0, length - assumed.promptTokens)
  const pairs = constraints * samples
  const shareOf = (share: number) => Math.round(pairs * share * (1 + crossed))
  const training = shareOf(1 - validation - heldOut)
  // The classifiers of the cross-validation see all folds but one.
  const fits = [training, ...Array.from({ length: minConfidence > 0 ? folds : 0 }, () => Math.round((training * (folds - 1)) / folds))]
  const sum = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0)
  const trained = sum(fits) * epochs * 2 * read
  const looked = shareOf(validation) * evaluationsPerEpoch * epochs * 2 * read
  const classifier = { ...base, vocabSize: 0 }
  return {
    length: read,
    counts: {
      prompts,
      responses,
      pairs,
      updates: sum(fits.map((some) => Math.ceil(some / pairsPerStep))) * epochs,
      promptTokens: prompts * assumed.promptTokens,
      completionTokens: completion,
      trainedTokens: trained
    },
    minutes: total({
      generation: minutesOf(completion, model, length, assumed, decodeEfficiency) +
        minutesOf(prompts * assumed.promptTokens, model, length, assumed, trainEfficiency),
      training: minutesOf(3 * trained + looked, classifier, read, assumed, trainEfficiency)
    })
  }
}

/** Units of `ifrl train`; with the reward model's where its pairs are given. */
export const trainUnits = (config: Config, model: ModelSize, assumed: Assumptions, pairs?: PairSource): Units => {
  const { objective, rollout, train } = config
  const responses = rollout.promptsPerStep * rollout.groupSize
  const length = Math.min(assumed.promptTokens + rollout.maxTokens, longestSequence(config, model))
  const completion = responses * Math.max(0, length - assumed.promptTokens)
  const prompt = rollout.promptsPerStep * assumed.promptTokens
  const trained = responses * length
  const referencePasses = [needsReference(objective), rewardsReadReference(config)].filter(Boolean).length
  const updates = updatesPerRollout({ ...train, promptsPerStep: rollout.promptsPerStep })
  const recomputed = train.oldLogProbs === "trainer" ? 1 : 0
  const rewardModel = pairs === undefined ? undefined : rewardModelUnits(config, model, assumed, pairs)
  const minutesPerStep = total({
    rollout: minutesOf(completion, model, length, assumed, decodeEfficiency) +
      minutesOf(prompt, model, length, assumed, trainEfficiency),
    training: minutesOf(
      trained * ((passes(config, 0) * train.epochs) + referencePasses + recomputed),
      model,
      length,
      assumed,
      trainEfficiency
    )
  })
  return {
    counts: {
      steps: train.steps,
      promptsPerStep: rollout.promptsPerStep,
      groupSize: rollout.groupSize,
      responsesPerStep: responses,
      updatesPerRollout: updates,
      promptsPerUpdate: Math.ceil((rollout.promptsPerStep * train.epochs) / updates),
      promptTokensPerStep: prompt,
      completionTokensPerStep: completion,
      trainedTokensPerStep: trained,
      parameters: model.parameters
    },
    memoryMB: trainingMegabytes(memoryPlan(config, model, length, referencesOf(config), {
      rows: Math.min(rollout.rows, responses),
      length
    })),
    minutesPerStep,
    ...(rewardModel !== undefined && { rewardModel: { counts: rewardModel.counts, minutes: rewardModel.minutes } }),
    minutes: minutesPerStep.total * train.steps + (rewardModel?.minutes.total ?? 0),
    assumed
  }
}

/** Units of `ifrl reward train`. */
export const rewardTrainUnits = (config: Config, model: ModelSize, assumed: Assumptions, pairs: PairSource): Units => {
  const { counts, length, minutes } = rewardModelUnits(config, model, assumed, pairs)
  const { loraAlpha: alpha, loraRank: rank, microBatchTokens } = config.rewardModel
  const lora = rank === 0 ? undefined : Result.getOrUndefined(loraShape(pairs.base, { rank, alpha, targets: "all-linear" }))
  const cache = { rows: Math.min(config.rollout.rows, counts.responses), length: assumed.promptTokens + config.rollout.maxTokens }
  return {
    counts: { ...counts, parameters: pairs.base.parameters },
    memoryMB: trainingMegabytes({
      config: pairs.base, rows: Math.max(1, Math.floor(microBatchTokens / length)), length, recompute: false, lora, references: 0, cache
    }),
    minutesPerStep: minutes,
    minutes: minutes.total,
    assumed
  }
}

/** Units of `ifrl sft`. */
export const sftUnits = (config: Config, model: ModelSize, assumed: Assumptions): Units => {
  const length = Math.min(assumed.promptTokens + config.rollout.maxTokens, longestSequence(config, model))
  const trained = config.sft.rowsPerStep * length
  const minutesPerStep = total({
    training: minutesOf(trained * passes(config, 0), model, length, assumed, trainEfficiency)
  })
  return {
    counts: {
      steps: config.train.steps,
      rowsPerStep: config.sft.rowsPerStep,
      trainedTokensPerStep: trained,
      parameters: model.parameters
    },
    memoryMB: trainingMegabytes(memoryPlan(config, model, length, 0)),
    minutesPerStep,
    minutes: minutesPerStep.total * config.train.steps,
    assumed
  }
}

/** Units of `ifrl eval`, for `prompts` prompts. */
export const evalUnits = (config: Config, model: ModelSize, assumed: Assumptions, prompts: number): Units => {
  const maxTokens = config.eval.maxTokens > 0 ? config.eval.maxTokens : config.rollout.maxTokens
  const length = Math.min(assumed.promptTokens + maxTokens, longestSequence(config, model))
  const completion = prompts * Math.max(0, length - assumed.promptTokens)
  const minutesPerStep = total({
    rollout: minutesOf(completion, model, length, assumed, decodeEfficiency) +
      minutesOf(prompts * assumed.promptTokens, model, length, assumed, trainEfficiency)
  })
  return {
    counts: {
      prompts,
      promptTokens: prompts * assumed.promptTokens,
      completionTokens: completion,
      parameters: model.parameters
    },
    memoryMB: megabytes({
      weights: model.parameters * bytesPerFloat,
      cache: cacheBytes(config, model, length, prompts)
    }),
    minutesPerStep,
    minutes: minutesPerStep.total,
    assumed
  }
}

const integer = (value: number) => Math.round(value).toLocaleString("en-US")
const duration = (minutes: number) => minutes < 0.1 ? `${(minutes * 60).toFixed(1)} s` : `${minutes.toFixed(1)} min`
/** `promptsPerStep` to `prompts per step`. */
export const words = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

/** The units as lines for a person. */
export const printUnits = ({ assumed, counts, memoryMB, minutes, minutesPerStep, rewardModel }: Units): string => {
  const parts = (record: Units["memoryMB"], print: (value: number) => string) =>
    Object.entries(record).filter(([name]) => name !== "total").map(([name, value]) => [`  ${name}`, print(value)])
  /** Without steps, or with one, the time of a step is that of all. */
  const stepless = minutesPerStep.total === minutes
  const lines = [
    ...Object.entries(counts).map(([name, value]) => [words(name), integer(value)]),
    ["memory, estimated", `${integer(memoryMB.total)} MB`],
    ...parts(memoryMB, (value) => `${integer(value)} MB`),
    ...(stepless ? [] : [["time per step, estimated", duration(minutesPerStep.total)], ...parts(minutesPerStep, duration)]),
    ...(rewardModel === undefined ? [] : [
      ["reward model, made first", duration(rewardModel.minutes.total)],
      ...Object.entries(rewardModel.counts).map(([name, value]) => [`  ${words(name)}`, integer(value)]),
      ...parts(rewardModel.minutes, duration)
    ]),
    ["time of all, estimated", duration(minutes)],
    ...(stepless ? parts(minutesPerStep, duration) : []),
    ["assumed", `${integer(assumed.promptTokens)} tokens a prompt, ${integer(assumed.gigaflops)} GFLOP/s; token counts are upper bounds`]
  ]
  return lines.map(([label, value]) => `${label!.padEnd(28)}${value}`).join("\n")
}

/** The units as one flat object, for --json. */
export const unitsJson = ({ assumed, counts, memoryMB, minutes, minutesPerStep, rewardModel }: Units) => ({
  ...counts,
  memoryMB,
  minutesPerStep,
  ...(rewardModel !== undefined && { rewardModel: { ...rewardModel.counts, minutes: rewardModel.minutes } }),
  minutes,
  assumed
})
