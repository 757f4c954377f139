// What a run holds in memory, phase by phase: answers for the pairs of a reward model, that model's training, and the policy's
// training with the reward model beside it. ONNX Runtime's arena belongs to the process and gives nothing back, so a phase
// also has what an earlier one took for its runs and it does not need itself.
import { type DecoderConfig, loraShape, parameterCount } from "@ifrl/models"
import { checkMemory, memoryEstimate, type MemoryPlan, memoryShortage } from "@ifrl/train"
import { Effect, Result } from "effect"
import { CommandError } from "./CommandError.ts"
import type { Config } from "./Config.ts"
import { loraOptions } from "./Lora.ts"

/** The reward model that judges soft constraints. */
export interface Judge {
  readonly config: DecoderConfig
  /** It is trained first, from a model of this config. */
  readonly trained: boolean
}

/** Sizes that the config leaves open. Lengths are in tokens. */
export interface RunSizes {
  /** The policy's decoder. */
  readonly policy: DecoderConfig
  /** Of a row that the policy is trained on. */
  readonly length: number
  /** Of a row of the reward model. */
  readonly pairLength: number
  /** Frozen copies of the policy's weights. */
  readonly references: number
  /** Of generation. */
  readonly cache?: MemoryPlan["cache"] | undefined
  readonly judge?: Judge | undefined
}

/** What is resident together at the peak of a phase, in bytes by what holds it. */
export interface MemoryPhase {
  readonly name: string
  readonly parts: Readonly<Record<string, number>>
  readonly total: number
  /** Of a training whose plan can be changed. */
  readonly plan?: MemoryPlan
  /** What to change where there is no plan. */
  readonly remedy: string
}

const bytesPerFloat = 4
const weightsOf = (config: DecoderConfig) => parameterCount(config) * bytesPerFloat

/** A classifier has next to no head, and of an untied one the decoder's is left out. */
const classifier = (config: DecoderConfig): DecoderConfig => ({ ...config, tiedEmbeddings: true })

/** Tokens of one run of prompts, and of the runs of a reward model that scores on two lanes. */
const prefillTokens = 2048
const scoringTokens = 2 * 4096

/** Tokens of a constraint in its template. */
const constraintTokens = 48

/** Tokens that the reward model reads at once, at most: a response with its constraint, or with all of the prompt. */
export const pairTokens = ({ rewardModel: { maxLength, template }, rollout }: Config, base: DecoderConfig, promptTokens: number): number =>
  Math.min(rollout.maxTokens + (template === "constraint" ? constraintTokens : promptTokens), maxLength, base.maxPositions)

/** What a run of `tokens` tokens forward takes of the arena: less than a training that keeps nothing but blocks' inputs. */
const forwardBytes = (config: DecoderConfig, tokens: number) =>
  memoryEstimate({ config, rows: 1, length: tokens, recompute: true }).activations

/** Copies of the gradient of a classifier's embedding in a run, beside the buffer that it is added to. */
const embeddingCopies = 3

/** Copies of a reward model's weights while it scores: ours, the graph that they are written into, and what the session packs for its products. */
const scoringCopies = 3
/** Larger ones are inputs of the graph, and not copied. */
const constantBytes = 2 ** 30

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
  const { microBatchRows, microBatchTokens } = config.train
  return {
    config: model,
    rows: Math.max(1, Math.min(Math.floor(microBatchTokens / length), microBatchRows > 0 ? microBatchRows : Infinity)),
    length,
    recompute: config.train.recompute,
    lora,
    references: lora === undefined ? references : 0,
    cache
  }
}

/** The arena's share of an estimate. */
const workingOf = ({ activations, head }: { readonly activations: number; readonly head: number }) => activations + head

const phase = (name: string, parts: Readonly<Record<string, number>>, rest: Pick<MemoryPhase, "plan" | "remedy">): MemoryPhase => ({
  name,
  parts,
  total: Object.values(parts).reduce((sum, part) => sum + part, 0),
  ...rest
})

/** Pairs of answers: the policy and its cache, all rows of it. */
const generationPhase = ({ rollout }: Config, { cache, policy, references }: RunSizes) => {
  const all = cache && { ...cache, rows: rollout.rows }
  const { cache: cached, process } = memoryEstimate({ config: policy, rows: 1, length: 1, recompute: true, cache: all })
  const activations = forwardBytes(policy, prefillTokens)
  const parts = { weights: weightsOf(policy), references: references * weightsOf(policy), activations, cache: cached, process }
  return { working: activations, phase: phase("pair generation", parts, { remedy: "lower rollout.rows or rollout.maxTokens, or take a smaller model" }) }
}

/** The reward model's training; `held` are bytes of a policy that waits. */
const rewardModelPhase = (config: Config, base: DecoderConfig, length: number, held: number, earlier: number) => {
  const { loraAlpha: alpha, loraRank: rank, microBatchTokens, pairsPerStep } = config.rewardModel
  const own = classifier(base)
  const lora = rank === 0 ? undefined : Result.getOrUndefined(loraShape(own, { rank, alpha, targets: "all-linear" }))
  // Shorter rows fill a run as well, up to all of an update.
  const tokens = Math.min(Math.max(microBatchTokens, length), 2 * pairsPerStep * length)
  const { activations, gradients, moments, process, weights } = memoryEstimate({ config: own, rows: 1, length: tokens, recompute: false, lora })
  const embedding = lora === undefined ? embeddingCopies * own.vocabSize * own.hiddenSize * bytesPerFloat : 0
  const working = activations + embedding
  const parts = {
    weights, gradients, moments, bestWeights: gradients, activations, embedding, policy: held, process, earlierPhases: Math.max(0, earlier - working)
  }
  const remedy = "lower rewardModel.microBatchTokens, set rewardModel.loraRank, or take a smaller rewardModel.base"
  return { working, phase: phase("reward model", parts, { remedy }) }
}

/** The phases of `ifrl reward train`. */
export const rewardTrainPhases = (config: Config, sizes: RunSizes): ReadonlyArray<MemoryPhase> => {
  const answers = generationPhase(config, sizes)
  return [answers.phase, rewardModelPhase(config, sizes.judge?.config ?? sizes.policy, sizes.pairLength, 0, answers.working).phase]
}

/** The phases of a run that trains the policy; without a reward model there is one. */
export const trainPhases = (config: Config, sizes: RunSizes): ReadonlyArray<MemoryPhase> => {
  const { cache, judge, length, pairLength, policy } = sizes
  const plan = memoryPlan(config, policy, length, sizes.references, cache)
  const estimate = memoryEstimate(plan)
  const { beside: _, total: __, ...parts } = estimate
  const remedy = "take a smaller model or a machine with more memory"
  if (judge === undefined) return [phase("training", parts, { plan, remedy })]
  const answers = generationPhase(config, { ...sizes, references: plan.references ?? 0 })
  const made = rewardModelPhase(config, judge.config, pairLength, estimate.weights + estimate.references, answers.working)
  const before = judge.trained ? [answers, made] : []
  const scoring = classifier(judge.config)
  const weights = weightsOf(scoring)
  const earlier = Math.max(...before.map(({ working }) => working), forwardBytes(scoring, scoringTokens)) - workingOf(estimate)
  const beside = { rewardModel: weights * (weights > constantBytes ? 1 : scoringCopies), earlierPhases: Math.max(0, earlier) }
  return [
    ...before.map((one) => one.phase),
    phase("training", { ...parts, ...beside }, { plan: { ...plan, beside: beside.rewardModel + beside.earlierPhases }, remedy })
  ]
}

/** The phase that asks for most. */
export const peakOf = (phases: ReadonlyArray<MemoryPhase>): MemoryPhase => phases.reduce((most, one) => (one.total > most.total ? one : most))

/** Refuses a run one of whose phases can't fit into train.memoryGB, or else into what the system has available. */
export const checkPhases = Effect.fnUntraced(function*({ train }: Config, phases: ReadonlyArray<MemoryPhase>) {
  const available = train.memoryGB > 0 ? train.memoryGB * 1e9 : process.availableMemory()
  const { name, parts, plan, remedy, total } = peakOf(phases)
  if (total <= available) return
  if (plan !== undefined) return yield* checkMemory(plan, available)
  return yield* new CommandError({ operation: "memory", subject: name, reason: memoryShortage(parts, total, available), remedy })
})
