/**
 * What a training run will hold in memory at its peak, from sizes alone. Weights, gradients, moments, reference and cache
 * are exact; activations and the head's working set are counted from the graphs and calibrated on measured peaks
 * (benchmarks/: within 20%). `checkMemory` refuses a run that can't fit before anything is loaded.
 */
import { lmHeadChunk } from "@ifrl/artifacts"
import { type DecoderConfig, loraParameters, type LoraShape, loraShape, parameterCount } from "@ifrl/models"
import { Effect, Result } from "effect"
import { TrainError } from "./TrainError.ts"

/** What is trained, and on how much at a time. */
export interface MemoryPlan {
  readonly config: DecoderConfig
  /** B, rows of one training run. */
  readonly rows: number
  /** T, tokens of the longest of them. */
  readonly length: number
  /** Activations are computed again in backward. */
  readonly recompute: boolean
  /** The adapter that is trained in place of the weights. */
  readonly lora?: LoraShape | undefined
  /** Frozen copies of the weights besides: 1 for a reference model, which an adapter doesn't need. */
  readonly references?: number
  /** Cache of generation: rows, and tokens of the longest. */
  readonly cache?: { readonly rows: number; readonly length: number } | undefined
  /** Bytes of what the process holds besides: another model, what an earlier phase leaves in the arena. */
  readonly beside?: number
}

/** Bytes by what holds them. */
export interface MemoryEstimate {
  readonly weights: number
  readonly references: number
  readonly gradients: number
  readonly moments: number
  /** What forward keeps for backward, and a layer's own gradients. */
  readonly activations: number
  /** Logits of a chunk of tokens with their gradient, and the head's running gradient where the head is trained. */
  readonly head: number
  readonly cache: number
  readonly beside: number
  /** Node.js with ONNX Runtime and the graphs. */
  readonly process: number
  readonly total: number
}

const bytes = 4

/** Of Node.js, ONNX Runtime, its sessions and graphs. */
const processBytes = 250e6

/** Floats a token that a layer keeps for backward: block inputs, norms and products; attention keeps no scores. */
const layerFloats = ({ headDim, heads, hiddenSize, intermediateSize, kvHeads }: DecoderConfig): number =>
  8 * hiddenSize + 3 * (heads + 2 * kvHeads) * headDim + 4 * intermediateSize

/** Copies of a chunk's logits [chunk, V] at the head's peak, and of its gradient [V, D]. */
const logitCopies = 4
const headGradientCopies = 3

const sizeOf = (specs: ReadonlyArray<{ readonly shape: ReadonlyArray<number> }>) =>
  specs.reduce((sum, { shape }) => sum + shape.reduce((size, dim) => size * dim, 1), 0)

/** The memory that a plan asks for at its peak, in bytes of float32. */
export const memoryEstimate = (plan: MemoryPlan): MemoryEstimate => {
  const { beside = 0, cache, config, length, lora, recompute, references = 0, rows } = plan
  const { headDim, hiddenSize, kvHeads, layers, vocabSize } = config
  const parameters = parameterCount(config)
  const trained = lora === undefined ? parameters : sizeOf(loraParameters(config, lora))
  const tokens = rows * length
  const kept = recompute ? layers * hiddenSize + layerFloats(config) : layers * layerFloats(config)
  const chunk = Math.min(tokens, lmHeadChunk(vocabSize))
  const parts = {
    weights: parameters * bytes,
    references: references * parameters * bytes,
    gradients: trained * bytes,
    moments: 2 * trained * bytes,
    activations: tokens * kept * bytes,
    head: (logitCopies * chunk * vocabSize + (lora === undefined ? headGradientCopies * vocabSize * hiddenSize : 0)) * bytes,
    cache: cache === undefined ? 0 : cache.rows * cache.length * layers * 2 * kvHeads * headDim * bytes,
    beside,
    process: processBytes
  }
  return { ...parts, total: Object.values(parts).reduce((sum, part) => sum + part, 0) }
}

/** A change of a plan, and what it would then ask for. */
export interface Alternative {
  readonly change: string
  readonly plan: MemoryPlan
  readonly estimate: MemoryEstimate
}

const adapterRank = 16

/** An adapter of every projection. */
const adapterOf = (config: DecoderConfig): LoraShape =>
  Result.getOrThrow(loraShape(config, { rank: adapterRank, alpha: 2 * adapterRank, targets: "all-linear" }))

/** Changes to try, each on top of those before it: what costs least comes first. */
const changes: ReadonlyArray<readonly [change: string, apply: (plan: MemoryPlan) => MemoryPlan | undefined]> = [
  ["recomputed activations", (plan) => (plan.recompute ? undefined : { ...plan, recompute: true })],
  ["one row at a time", (plan) => (plan.rows === 1 ? undefined : { ...plan, rows: 1 })],
  [
    `an adapter of rank ${adapterRank} in place of the model`,
    (plan) => (plan.lora === undefined ? { ...plan, lora: adapterOf(plan.config), references: 0 } : undefined)
  ],
  ["rows of 512 tokens", (plan) => (plan.length <= 512 ? undefined : { ...plan, length: 512 })]
]

/** The changes of a plan that bring it within `limit` bytes: each by itself where that does, else as many as it takes. */
export const whatFits = (plan: MemoryPlan, limit: number): ReadonlyArray<Alternative> => {
  const of = (change: string, changed: MemoryPlan) => ({ change, plan: changed, estimate: memoryEstimate(changed) })
  const single = changes.flatMap(([change, apply]) => {
    const changed = apply(plan)
    return changed === undefined ? [] : [of(change, changed)]
  }).filter(({ estimate }) => estimate.total <= limit)
  if (single.length > 0) return single
  let [changed, made] = [plan, [] as ReadonlyArray<string>]
  for (const [change, apply] of changes) {
    const next = apply(changed)
    if (next === undefined) continue
    changed = next
    made = [...made, change]
    const found = of(made.join(", "), changed)
    if (found.estimate.total <= limit) return [found]
  }
  return []
}

const gigabytes = (value: number) => `${(value / 1e9).toFixed(1)} GB`

/** Why something does not fit: the bytes that it needs, with the parts that matter, largest first, and those that there are. */
export const memoryShortage = (parts: Readonly<Record<string, number>>, total: number, available: number): string => {
  const named = Object.entries(parts).filter(([, value]) => value > 0.02 * total).toSorted(([, a], [, b]) => b - a)
    .map(([name, value]) => `${name} ${gigabytes(value)}`)
  return `needs about ${gigabytes(total)} (${named.join(", ")}) of ${gigabytes(available)} available`
}

/**
 * Refuses a plan that is estimated to need more than `limit` bytes, by default what the system says is available to this
 * process, with the parts of the estimate and with what would fit.
 */
export const checkMemory = (plan: MemoryPlan, limit?: number): Effect.Effect<MemoryEstimate, TrainError> =>
  Effect.suspend(() => {
    const available = limit ?? process.availableMemory()
    const estimate = memoryEstimate(plan)
    if (estimate.total <= available) return Effect.succeed(estimate)
    const { total, ...parts } = estimate
    const fitting = whatFits(plan, available).map(({ change, estimate }) => `${change} (${gigabytes(estimate.total)})`)
    const trained = plan.lora === undefined ? "full fine-tuning" : `an adapter of rank ${plan.lora.rank}`
    return Effect.fail(
      new TrainError({
        operation: "memory",
        subject: `${trained} of ${(parameterCount(plan.config) / 1e6).toFixed(0)} M parameters on ${plan.rows} x ${plan.length} tokens`,
        reason: memoryShortage(parts, total, available),
        remedy: fitting.length > 0
          ? `what fits: ${fitting.join("; or ")}`
          : "no change of settings fits: take a smaller model or a machine with more memory"
      })
    )
  })
