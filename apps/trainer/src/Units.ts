// What a run will ask for, from its config and the model's config.json alone: no weights are read. Counts are exact or
// upper bounds; memory and time are estimates, made of the terms given here.
import { needsReference, updatesPerRollout } from "@ifrl/grpo"
import type { DecoderConfig } from "@ifrl/models"
import type { Config } from "./Config.ts"
import { type MemoryPhase, pairTokens, peakOf, rewardTrainPhases, type RunSizes, trainPhases } from "./MemoryPhases.ts"

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

/** Counts and minutes of one part of a run. */
export interface PhaseUnits {
  readonly counts: Readonly<Record<string, number>>
  readonly minutes: Readonly<Record<string, number>> & { readonly total: number }
}

/** Units by name; each part of memory (MB) and of a step's time (minutes) is there by itself and in the total. */
export interface Units {
  readonly counts: Readonly<Record<string, number>>
  readonly memoryMB: Readonly<Record<string, number>> & { readonly total: number }
  readonly minutesPerStep: Readonly<Record<string, number>> & { readonly total: number }
  /** Totals of the phases, where there are several; `memoryMB` is the largest of them in parts. */
  readonly phasesMB?: Readonly<Record<string, number>>
  /** Of the reward model that is made first, where there is one. */
  readonly rewardModel?: PhaseUnits
  /** Of all evaluations on held-out prompts together. */
  readonly evaluation?: PhaseUnits
  /** Of the whole run. */
  readonly minutes: number
  readonly assumed: Assumptions
}

/** Tokens that a plan takes a prompt to have, template included. */
export const assumedPromptTokens = 128

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

const cacheBytes = (config: Config, model: ModelSize, length: number, responses: number) =>
  Math.min(config.rollout.rows, responses) * length * model.layers * 2 * model.kvHeads * model.headDim * bytesPerFloat

const megabytes = (bytes: Record<string, number>) =>
  total(Object.fromEntries(Object.entries(bytes).map(([name, value]) => [name, value / MB])))

/** Minutes of `tokens` through one forward pass each, at a share of the machine's speed. */
const minutesOf = (tokens: number, model: ModelSize, length: number, { gigaflops }: Assumptions, efficiency: number) =>
  (tokens * 2 * forwardProducts(model, length / 2)) / (gigaflops * 1e9 * 60 * efficiency)

/** Forward passes that a trained token costs: backward is worth two, recomputation one, a reference model one. */
const passes = (config: Config, references: number) => 3 + (config.train.recompute ? 1 : 0) + references

/** What the pairs of a reward model are made from, as the prompts of the run say. */
export interface PairSource {
  /** Prompts that the policy answers. */
  readonly prompts: number
  /** Soft constraints, each in a prompt of its own. */
  readonly constraints: number
}

/** The reward model of a run, and what it is asked. */
export interface JudgeWork {
  readonly model: ModelSize
  /** What it is made from, where the run makes it first. */
  readonly pairs?: PairSource
  /** Soft constraints of a training prompt, on average, and of all held-out prompts. */
  readonly perPrompt: number
  readonly heldOut: number
}

/** What the data of a run say of the work on it. */
export interface Work {
  /** Prompts of one evaluation, the probe's among them. */
  readonly evaluated: number
  readonly judge?: JudgeWork
}

/** What answers to `prompts` prompts ask for, `samples` of each. */
const generationOf = (config: Config, model: ModelSize, assumed: Assumptions, prompts: number, samples: number, maxTokens: number) => {
  const length = Math.min(assumed.promptTokens + maxTokens, longestSequence(config, model))
  const responses = prompts * samples
  const promptTokens = prompts * assumed.promptTokens
  const completionTokens = responses * Math.max(0, length - assumed.promptTokens)
  return {
    length,
    counts: { prompts, responses, promptTokens, completionTokens },
    minutes: minutesOf(completionTokens, model, length, assumed, decodeEfficiency) + minutesOf(promptTokens, model, length, assumed, trainEfficiency)
  }
}

/** A classifier has next to no head. */
const headless = (model: ModelSize): ModelSize => ({ ...model, vocabSize: 0 })

/** Minutes of reading `pairs` couples of response and constraint. */
const scoringMinutes = (config: Config, { model }: JudgeWork, assumed: Assumptions, pairs: number) => {
  const read = pairTokens(config, model, assumed.promptTokens)
  return minutesOf(pairs * read, headless(model), read, assumed, trainEfficiency)
}

/** Pairs before any filter, and updates and tokens of a training that is not stopped early. */
const rewardModelUnits = (config: Config, model: ModelSize, assumed: Assumptions, base: ModelSize, { constraints, prompts }: PairSource) => {
  const { pairs: { crossed, folds, minConfidence, samples }, rewardModel, rollout } = config
  const { epochs, evaluationsPerEpoch, heldOut, pairsPerStep, validation } = rewardModel
  const read = pairTokens(config, base, assumed.promptTokens)
  const { counts, minutes } = generationOf(config, model, assumed, prompts, samples, rollout.maxTokens)
  const { completionTokens, promptTokens, responses } = counts
  const pairs = constraints * samples
  const shareOf = (share: number) => Math.round(pairs * share * (1 + crossed))
  const training = shareOf(1 - validation - heldOut)
  // The classifiers of the cross-validation see all folds but one.
  const fits = [training, ...Array.from({ length: minConfidence > 0 ? folds : 0 }, () => Math.round((training * (folds - 1)) / folds))]
  const sum = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0)
  const trained = sum(fits) * epochs * 2 * read
  const looked = shareOf(validation) * evaluationsPerEpoch * epochs * 2 * read
  return {
    counts: {
      prompts,
      responses,
      pairs,
      updates: sum(fits.map((some) => Math.ceil(some / pairsPerStep))) * epochs,
      promptTokens,
      completionTokens,
      trainedTokens: trained
    },
    minutes: total({ generation: minutes, training: minutesOf(3 * trained + looked, headless(base), read, assumed, trainEfficiency) })
  }
}

/** The evaluations before and after, and those during training. */
const evaluationUnits = (config: Config, model: ModelSize, assumed: Assumptions, { evaluated, judge }: Work) => {
  const { every, maxTokens } = config.eval
  const times = 2 + (every > 0 ? Math.floor(config.train.steps / every) : 0)
  const once = generationOf(config, model, assumed, evaluated, 1, maxTokens > 0 ? maxTokens : config.rollout.maxTokens)
  const counts = Object.entries(once.counts).map(([name, count]) => [name, times * count])
  return {
    counts: { evaluations: times, ...Object.fromEntries(counts) as typeof once.counts },
    minutes: total({
      rollout: times * once.minutes,
      ...(judge !== undefined && { scoring: times * scoringMinutes(config, judge, assumed, judge.heldOut) })
    })
  }
}

/** The sizes of a run that the memory of its phases goes by. */
const sizesOf = (config: Config, model: ModelSize, assumed: Assumptions, responses: number, judge: JudgeWork | undefined): RunSizes => {
  const length = Math.min(assumed.promptTokens + config.rollout.maxTokens, longestSequence(config, model))
  return {
    policy: model,
    length,
    pairLength: pairTokens(config, judge?.model ?? model, assumed.promptTokens),
    references: referencesOf(config),
    cache: { rows: Math.min(config.rollout.rows, responses), length },
    judge: judge === undefined ? undefined : { config: judge.model, trained: judge.pairs !== undefined }
  }
}

const memoryOf = (phases: ReadonlyArray<MemoryPhase>): Pick<Units, "memoryMB" | "phasesMB"> => ({
  memoryMB: megabytes(peakOf(phases).parts),
  ...(phases.length > 1 && { phasesMB: Object.fromEntries(phases.map(({ name, total }) => [name, total / MB])) })
})

/** Units of `ifrl train`; with its evaluations and its reward model where the work on them is given. */
export const trainUnits = (config: Config, model: ModelSize, assumed: Assumptions, work?: Work): Units => {
  const { objective, rollout, train } = config
  const { groupSize, maxTokens, promptsPerStep } = rollout
  const { counts: { completionTokens, promptTokens, responses }, length, minutes } =
    generationOf(config, model, assumed, promptsPerStep, groupSize, maxTokens)
  const trained = responses * length
  const referencePasses = [needsReference(objective), rewardsReadReference(config)].filter(Boolean).length
  const updates = updatesPerRollout({ ...train, promptsPerStep })
  const recomputed = train.oldLogProbs === "trainer" ? 1 : 0
  const judge = work?.judge
  const rewardModel = judge?.pairs === undefined ? undefined : rewardModelUnits(config, model, assumed, judge.model, judge.pairs)
  const evaluation = work === undefined ? undefined : evaluationUnits(config, model, assumed, work)
  const minutesPerStep = total({
    rollout: minutes,
    ...(judge !== undefined && { scoring: scoringMinutes(config, judge, assumed, responses * judge.perPrompt) }),
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
      promptsPerStep,
      groupSize,
      responsesPerStep: responses,
      updatesPerRollout: updates,
      promptsPerUpdate: Math.ceil((promptsPerStep * train.epochs) / updates),
      promptTokensPerStep: promptTokens,
      completionTokensPerStep: completionTokens,
      trainedTokensPerStep: trained,
      parameters: model.parameters
    },
    ...memoryOf(trainPhases(config, sizesOf(config, model, assumed, responses, judge))),
    minutesPerStep,
    ...(rewardModel !== undefined && { rewardModel }),
    ...(evaluation !== undefined && { evaluation }),
    minutes: minutesPerStep.total * train.steps + (rewardModel?.minutes.total ?? 0) + (evaluation?.minutes.total ?? 0),
    assumed
  }
}

/** Units of `ifrl reward train`. */
export const rewardTrainUnits = (config: Config, model: ModelSize, assumed: Assumptions, judge: JudgeWork & { readonly pairs: PairSource }): Units => {
  const { counts, minutes } = rewardModelUnits(config, model, assumed, judge.model, judge.pairs)
  return {
    counts: { ...counts, parameters: judge.model.parameters },
    ...memoryOf(rewardTrainPhases(config, { ...sizesOf(config, model, assumed, counts.responses, judge), references: 0 })),
    minutesPerStep: minutes,
    minutes: minutes.total,
    assumed
  }
}

/** Updates of `ifrl sft` on as many conversations. */
export const sftSteps = ({ sft: { epochs, rowsPerStep }, train }: Config, examples: number): number =>
  epochs > 0 ? Math.ceil((epochs * examples) / rowsPerStep) : train.steps

/** Units of `ifrl sft` on as many conversations. */
export const sftUnits = (config: Config, model: ModelSize, assumed: Assumptions, examples: number): Units => {
  const length = Math.min(assumed.promptTokens + config.rollout.maxTokens, longestSequence(config, model))
  const trained = config.sft.rowsPerStep * length
  const steps = sftSteps(config, examples)
  const minutesPerStep = total({
    training: minutesOf(trained * passes(config, 0), model, length, assumed, trainEfficiency)
  })
  return {
    counts: {
      steps,
      rowsPerStep: config.sft.rowsPerStep,
      trainedTokensPerStep: trained,
      parameters: model.parameters
    },
    ...memoryOf(trainPhases(config, { policy: model, length, pairLength: 0, references: 0 })),
    minutesPerStep,
    minutes: minutesPerStep.total * steps,
    assumed
  }
}

/** Units of `ifrl eval`, for as many prompts. */
export const evalUnits = (config: Config, model: ModelSize, assumed: Assumptions, evaluated: number): Units => {
  const maxTokens = config.eval.maxTokens > 0 ? config.eval.maxTokens : config.rollout.maxTokens
  const { counts: { completionTokens, promptTokens, prompts }, length, minutes } = generationOf(config, model, assumed, evaluated, 1, maxTokens)
  const minutesPerStep = total({ rollout: minutes })
  return {
    counts: { prompts, promptTokens, completionTokens, parameters: model.parameters },
    memoryMB: megabytes({
      weights: model.parameters * bytesPerFloat,
      cache: cacheBytes(config, model, length, prompts)
    }),
    minutesPerStep,
    minutes: minutesPerStep.total,
    assumed
  }
}
