/**
 * Policy objectives as graphs: a surrogate, and around it importance weights, a KL penalty, an entropy bonus,
 * off-policy masking.
 */
import { Graph, type Shape, type Value } from "@ifrl/onnx"
import { detach } from "./Detach.ts"
import { differentiate } from "./Differentiate.ts"
import { Emit } from "./Emit.ts"
import { type ImportanceName, importanceWeights } from "./ImportanceWeights.ts"
import { type KlClamp, type KlEstimator, klPenalty } from "./KlPenalty.ts"
import { rowMean } from "./Rows.ts"
import { type SurrogateName, surrogates } from "./Surrogates.ts"

/**
 * The structure of an objective; what may change from update to update (bounds, coefficients) is an input of its graph.
 */
export interface PolicySpec {
  /** Default "clip". */
  readonly surrogate?: SurrogateName
  /** c of the dual clip: a token with A < 0 costs at most c |A|. None by default. */
  readonly dualClip?: number | undefined
  /** Largest ratio that counts, whatever the sign of A (TRL's delta). None by default. */
  readonly ratioCap?: number | undefined
  /** tau of SAPO for A > 0 and A <= 0. */
  readonly positiveTemperature?: number | undefined
  readonly negativeTemperature?: number | undefined
  /**
   * Penalty towards reference log-probs. `corrected` multiplies it by the ratio: right for tokens of the old policy
   * too.
   */
  readonly kl?: { readonly estimator?: KlEstimator; readonly clamp?: KlClamp; readonly corrected?: boolean } | undefined
  /** Whether there is an entropy bonus. */
  readonly entropy?: boolean
  /** Bounded weights for what the sampler's distribution and the trainer's differ by. */
  readonly importance?: { readonly name: ImportanceName; readonly low: number; readonly high: number } | undefined
  /**
   * Rows with A < 0 teach nothing where the policy's log-probs have fallen below the sampler's by more than this, on
   * average over the tokens, in nats (off-policy sequence masking, DeepSeek-V3.2, arXiv 2512.02556).
   */
  readonly offPolicyLimit?: number | undefined
}

export interface PolicyInputs {
  /** Log-probabilities [B, T] of the tokens now, before the update, under the reference model, and as sampled. */
  readonly logProbs: Value
  readonly oldLogProbs: Value
  readonly refLogProbs?: Value | undefined
  readonly samplerLogProbs?: Value | undefined
  /** [B, T], in nats. */
  readonly entropy?: Value | undefined
  readonly advantages: Value
  /** Mask and normalisation: 0 where a token doesn't count. */
  readonly weights: Value
  /** Scalars, as far as the spec needs them (`policyInputs`). */
  readonly clipLow?: Value | undefined
  readonly clipHigh?: Value | undefined
  readonly klCoefficient?: Value | undefined
  readonly entropyCoefficient?: Value | undefined
}

export interface PolicyResult {
  readonly loss: Value
  readonly metrics: Readonly<Record<string, Value>>
}

/** 1 where a weight isn't 0. */
export const activeOf = (g: Emit, weights: Value): Value =>
  g.cast(g.op("Not", [g.compare("Equal", weights, 0)]), weights.type)

/**
 * loss = sum over tokens of -weight (w keep S - kl_coefficient KL + entropy_coefficient H), S the surrogate, w the
 * importance weight, keep the off-policy mask. Metrics are sums over tokens with weight: `tokens`; `clipped_low` and
 * `clipped_high`, tokens that the bound took the gradient from (for CISPO: whose weight it bounded); `ratio`; `old_kl`,
 * old log p - log p; `kl`; `importance`, w; `off_policy`, tokens of masked rows.
 */
export const policyObjective = (g: Emit, inputs: PolicyInputs, spec: PolicySpec = {}): PolicyResult => {
  const { advantages, logProbs, oldLogProbs, refLogProbs, samplerLogProbs, weights } = inputs
  const active = activeOf(g, weights)
  const change = g.sub(logProbs, oldLogProbs)
  const {
    high,
    low,
    objective: surrogate,
    ratio
  } = surrogates[spec.surrogate ?? "clip"].build({
    ...spec,
    g,
    logProbs,
    oldLogProbs,
    change,
    advantages,
    mask: active,
    clipLow: inputs.clipLow!,
    clipHigh: inputs.clipHigh!
  })
  const count = (conditions: ReadonlyArray<Value>) =>
    g.sumAll(conditions.reduce((sum, condition) => g.mul(sum, g.cast(condition, active.type)), active))
  const total = (value: Value) => g.sumAll(g.mul(active, value))
  const metrics: Record<string, Value> = {
    tokens: g.sumAll(active),
    ...(low === undefined ? {} : { clipped_low: count(low) }),
    ...(high === undefined ? {} : { clipped_high: count(high) }),
    ratio: total(ratio),
    old_kl: g.neg(total(change))
  }

  let reward = surrogate
  if (spec.importance !== undefined) {
    const { high, low, name } = spec.importance
    const w = importanceWeights[name].build({ g, gap: g.sub(oldLogProbs, samplerLogProbs!), mask: active, low, high })
    metrics.importance = total(w)
    reward = g.mul(reward, w)
  }
  if (spec.offPolicyLimit !== undefined) {
    const drift = rowMean(g, g.sub(samplerLogProbs!, detach(g, logProbs)), active)
    const masked = g.op("And", [g.compare("Less", advantages, 0), g.compare("Greater", drift, spec.offPolicyLimit)])
    metrics.off_policy = count([masked])
    reward = g.where(masked, g.scalar(0, reward), reward)
  }
  if (spec.kl !== undefined) {
    const { clamp, corrected = false, estimator } = spec.kl
    const plain = klPenalty(g, g.sub(refLogProbs!, logProbs), estimator, clamp)
    const penalty = corrected ? g.mul(ratio, plain) : plain
    metrics.kl = total(penalty)
    reward = g.sub(reward, g.mul(penalty, inputs.klCoefficient!))
  }
  if (spec.entropy === true) reward = g.add(reward, g.mul(inputs.entropy!, inputs.entropyCoefficient!))
  return { loss: g.neg(g.sumAll(g.mul(weights, reward))), metrics }
}

export interface PolicyInput {
  readonly name: string
  readonly type: "float"
  readonly shape: Shape
}

/** The inputs that an objective has beside the policy's own log-probs and entropy: per token [B, T], then scalars. */
export const policyInputs = (spec: PolicySpec): ReadonlyArray<PolicyInput> => {
  const grids = [
    "weights",
    "advantages",
    "old_log_probs",
    ...(spec.kl === undefined ? [] : ["ref_log_probs"]),
    ...(spec.importance === undefined && spec.offPolicyLimit === undefined ? [] : ["sampler_log_probs"])
  ]
  const scalars = [
    ...(surrogates[spec.surrogate ?? "clip"].clips ? ["clip_low", "clip_high"] : []),
    ...(spec.kl === undefined ? [] : ["kl_coefficient"]),
    ...(spec.entropy === true ? ["entropy_coefficient"] : [])
  ]
  const input = (shape: Shape) => (name: string) => ({ name, type: "float" as const, shape })
  return [...grids.map(input(["B", "T"])), ...scalars.map(input([]))]
}

/** Whether a token's part of the objective depends on that token alone, not on its row. */
export const isPerToken = ({ importance, offPolicyLimit, surrogate = "clip" }: PolicySpec): boolean =>
  surrogates[surrogate].perToken && (importance === undefined || importanceWeights[importance.name].perToken) && offPolicyLimit === undefined

/** The objective between the inputs of `policyInputs`, by their names, and a policy's log-probs and entropy [B, T]. */
export const objectiveOf = (
  g: Emit,
  policy: { readonly logProbs: Value; readonly entropy?: Value | undefined },
  inputs: Readonly<Record<string, Value>>,
  spec: PolicySpec
): PolicyResult => {
  return policyObjective(
    g,
    {
      ...policy,
      oldLogProbs: inputs.old_log_probs!,
      refLogProbs: inputs.ref_log_probs,
      samplerLogProbs: inputs.sampler_log_probs,
      advantages: inputs.advantages!,
      weights: inputs.weights!,
      clipLow: inputs.clip_low,
      clipHigh: inputs.clip_high,
      klCoefficient: inputs.kl_coefficient,
      entropyCoefficient: inputs.entropy_coefficient
    },
    spec
  )
}

/**
 * The objective by itself, with the policy's log-probs as an input: `log_probs` [B, T], `entropy` [B, T] where there is
 * a bonus, and `policyInputs` -> `loss`, `gradient` with respect to log_probs [B, T], and the metrics. Training emits
 * the same nodes behind a model.
 */
export const policyObjectiveGraph = (spec: PolicySpec, type: "float32" | "float64"): Graph => {
  const graph = new Graph("policy_objective")
  const g = new Emit(graph)
  const grid: Shape = ["B", "T"]
  const logProbs = graph.input("log_probs", type, grid)
  const entropy = spec.entropy === true ? graph.input("entropy", type, grid) : undefined
  const inputs = Object.fromEntries(policyInputs(spec).map(({ name, shape }) => [name, graph.input(name, type, shape)]))
  const { loss, metrics } = objectiveOf(g, { logProbs, entropy }, inputs, spec)
  graph.output(differentiate(graph, { loss, wrt: [logProbs] }).get(logProbs)!, "gradient")
  graph.output(loss, "loss")
  for (const [name, value] of Object.entries(metrics)) graph.output(value, name)
  return graph
}
