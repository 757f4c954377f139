/**
 * Losses as graphs. A loss is a sum over tokens (or rows) of weight * loss: masks and normalisation are in the weights, so that the
 * losses and gradients of micro-batches add up to those of the batch, however it is split and padded.
 */
import type { Graph, Shape, Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"
import { Emit } from "./Emit.ts"
import { lmHeadLogProbs } from "./LmHead.ts"
import type { TrainableGraph } from "./TrainableGraph.ts"

export interface LossInput {
  readonly name: string
  /** "float" is float32, also in half-precision models, or float64 in a float64 model. */
  readonly type: "float" | "int64"
  /** B rows, T tokens; [] for a scalar. */
  readonly shape: Shape
}

export interface LossSite {
  readonly graph: Graph
  readonly model: TrainableGraph
  /** The loss's own inputs by name. */
  readonly inputs: Readonly<Record<string, Value>>
}

export interface LossResult {
  /** A scalar. */
  readonly loss: Value
  /** Further outputs by name: per token or row, and `metrics`, which are scalars that add over micro-batches. */
  readonly outputs: Readonly<Record<string, Value>>
  readonly metrics: Readonly<Record<string, Value>>
}

export interface LossSpec {
  readonly name: string
  readonly inputs: ReadonlyArray<LossInput>
  readonly build: (site: LossSite) => LossResult
  /** What the evaluation model computes instead, with fewer inputs. */
  readonly evaluation?: Omit<LossSpec, "name" | "evaluation">
}

const needs = (value: Value | undefined, what: "hidden" | "head", loss: string): Value => {
  if (value !== undefined) return value
  throw artifactError(
    "BadOption",
    `Loss "${loss}" starts from the model's ${what}, which this model doesn't name`,
    "Give TrainableGraph.hidden and .head, or a LossSpec of your own"
  )
}

const grid: Shape = ["B", "T"]
const float = (name: string, shape: Shape): LossInput => ({ name, type: "float", shape })
const labels: LossInput = { name: "labels", type: "int64", shape: grid }
const weights = float("weights", grid)

interface Tokens {
  readonly g: Emit
  /** [B, T] each. */
  readonly logProbs: Value
  readonly entropy: Value
}

const tokensOf = ({ graph, inputs, model }: LossSite, loss: string): Tokens => {
  const g = new Emit(graph)
  const hidden = needs(model.hidden, "hidden", loss)
  const token = inputs.labels!
  const { entropy, logProbs } = lmHeadLogProbs(graph, {
    hidden: g.rows(hidden),
    weight: needs(model.head, "head", loss),
    labels: g.reshape(token, [-1])
  })
  return { g, logProbs: g.like(logProbs, token), entropy: g.like(entropy, token) }
}

const perToken = ({ entropy, logProbs }: Tokens) => ({ log_probs: logProbs, entropy })

/** loss = sum -weight log p(label). Metrics: `tokens`, those with weight. */
const crossEntropy = (name: string): Pick<LossSpec, "inputs" | "build"> => ({
  inputs: [labels, weights],
  build: (site) => {
    const tokens = tokensOf(site, name)
    const { g, logProbs } = tokens
    const weight = site.inputs.weights!
    const loss = g.neg(g.sumAll(g.mul(logProbs, weight)))
    return { loss, outputs: perToken(tokens), metrics: { tokens: g.sumAll(activeOf(g, weight)) } }
  }
})

/**
 * k3 = exp(d) - d - 1, an unbiased and never negative estimate of KL(policy || reference), d = log reference - log policy (Schulman
 * 2020). For |d| <= 1/2, where the difference would cancel, its series to d^14 / 14!. From d = 10 on its tangent there: the
 * value stays finite and the gradient neither vanishes, as it does under the usual clamp of the result, nor becomes NaN.
 */
export const k3 = (g: Emit, d: Value): Value => {
  const knee = 10
  const near = g.op("Clip", [d, g.scalar(-0.5, d), g.scalar(0.5, d)])
  let series = g.full(1, near)
  for (let n = 14; n >= 3; n--) series = g.shift(g.mul(series, g.scale(near, 1 / n)), 1)
  const bounded = g.op("Min", [d, g.scalar(knee, d)])
  const tangent = g.scale(g.sub(d, bounded), Math.exp(knee) - 1)
  const direct = g.add(g.sub(g.exp(bounded), g.shift(bounded, 1)), tangent)
  const small = g.compare("LessOrEqual", g.op("Abs", [d]), 0.5)
  return g.where(small, g.mul(g.scale(g.square(near), 0.5), series), direct)
}

/** Log-ratios beyond this many nats count as this many: exp stays finite, also for tokens that carry no weight. */
const longestLogRatio = 20

export interface PolicyObjective {
  /** Log-probabilities of the tokens now, when they were sampled, and under the reference model; any one shape. */
  readonly logProbs: Value
  readonly oldLogProbs: Value
  readonly refLogProbs?: Value | undefined
  readonly advantages: Value
  /** Mask and normalisation. */
  readonly weights: Value
  /** Scalars. */
  readonly clipLow: Value
  readonly clipHigh: Value
  readonly klCoefficient?: Value | undefined
}

/** 1 where a weight isn't 0. */
const activeOf = (g: Emit, weights: Value): Value =>
  g.cast(g.op("Not", [g.compare("Equal", weights, 0)]), weights.type)

/**
 * loss = sum -weight min(r A, clip(r, 1 - clip_low, 1 + clip_high) A), r = exp(log p - old log p) (PPO, Schulman et al. 2017; the
 * bounds apart as in DAPO), with reference log-probs plus kl_coefficient * weight * k3. Metrics are sums over tokens with
 * weight: `tokens`; `clipped_low` and `clipped_high`, tokens whose gradient the lower or upper bound took away; `ratio`, r;
 * `old_kl`, old log p - log p; `kl`, k3.
 */
export const policyObjective = (g: Emit, site: PolicyObjective): Pick<LossResult, "loss" | "metrics"> => {
  const { advantages, clipHigh, clipLow, klCoefficient, logProbs, oldLogProbs, refLogProbs, weights } = site
  const active = activeOf(g, weights)
  const change = g.sub(logProbs, oldLogProbs)
  const [least, most] = [g.scalar(-longestLogRatio, logProbs), g.scalar(longestLogRatio, logProbs)]
  const ratio = g.exp(g.op("Clip", [change, least, most]))
  const low = g.from(1, clipLow)
  const high = g.shift(clipHigh, 1)
  const clipped = g.op("Min", [g.op("Max", [ratio, low]), high])
  const objective = g.op("Min", [g.mul(ratio, advantages), g.mul(clipped, advantages)])
  const penalty = refLogProbs === undefined ? undefined : k3(g, g.sub(refLogProbs, logProbs))
  const reward = penalty === undefined ? objective : g.sub(objective, g.mul(penalty, klCoefficient!))
  const count = (...conditions: Array<Value>) =>
    g.sumAll(conditions.reduce((sum, condition) => g.mul(sum, g.cast(condition, active.type)), active))
  const total = (value: Value) => g.sumAll(g.mul(active, value))
  return {
    loss: g.neg(g.sumAll(g.mul(weights, reward))),
    metrics: {
      tokens: g.sumAll(active),
      clipped_low: count(g.compare("Less", ratio, low), g.compare("Less", advantages, 0)),
      clipped_high: count(g.compare("Greater", ratio, high), g.compare("Greater", advantages, 0)),
      ratio: total(ratio),
      old_kl: g.neg(total(change)),
      ...(penalty === undefined ? {} : { kl: total(penalty) })
    }
  }
}

const clippedObjective = (name: string, kl: boolean): Pick<LossSpec, "inputs" | "build"> => ({
  inputs: [
    labels, weights, float("advantages", grid), float("old_log_probs", grid),
    ...(kl ? [float("ref_log_probs", grid)] : []),
    float("clip_low", []), float("clip_high", []),
    ...(kl ? [float("kl_coefficient", [])] : [])
  ],
  build: (site) => {
    const tokens = tokensOf(site, name)
    const { inputs } = site
    const objective = policyObjective(tokens.g, {
      logProbs: tokens.logProbs,
      oldLogProbs: inputs.old_log_probs!,
      refLogProbs: inputs.ref_log_probs,
      advantages: inputs.advantages!,
      weights: inputs.weights!,
      clipLow: inputs.clip_low!,
      clipHigh: inputs.clip_high!,
      klCoefficient: inputs.kl_coefficient
    })
    return { ...objective, outputs: perToken(tokens) }
  }
})

/**
 * loss = sum -weight log p(label) over rows, of the classes of `head` [classes, D] at the token `positions` [B] of each row. Outputs
 * `logits` [B, classes]; metrics: `rows` with weight, `correct` among them.
 */
const classification: Pick<LossSpec, "inputs" | "build"> = {
  inputs: [
    { name: "positions", type: "int64", shape: ["B"] }, { name: "labels", type: "int64", shape: ["B"] }, float("weights", ["B"])
  ],
  build: ({ graph, inputs, model }) => {
    const g = new Emit(graph)
    const hidden = needs(model.hidden, "hidden", "classification")
    const head = needs(model.head, "head", "classification")
    const [rows, length] = [g.dim(hidden, 0), g.dim(hidden, 1)]
    const firsts = g.mul(g.op("Range", [g.int(0), g.squeeze(rows, [0]), g.int(1)]), length)
    const pooled = g.op("Gather", [g.rows(hidden), g.add(firsts, inputs.positions!)])
    const logits = g.wide(g.matmul(pooled, head, { transB: true }))
    const logProbs = g.op("LogSoftmax", [logits], { axis: -1 })
    const chosen = g.squeeze(g.op("GatherElements", [logProbs, g.unsqueeze(inputs.labels!, [1])], { axis: 1 }), [1])
    const weight = inputs.weights!
    const active = activeOf(g, weight)
    const best = g.op("Equal", [g.op("ArgMax", [logits], { axis: 1, keepdims: 0 }), inputs.labels!])
    return {
      loss: g.neg(g.sumAll(g.mul(weight, chosen))),
      outputs: { logits },
      metrics: { rows: g.sumAll(active), correct: g.sumAll(g.mul(active, g.cast(best, active.type))) }
    }
  }
}

/** The losses by name. "grpo+kl" is "grpo" with a k3 penalty towards reference log-probs. */
export const losses = {
  sft: { name: "sft", ...crossEntropy("sft") },
  grpo: { name: "grpo", ...clippedObjective("grpo", false), evaluation: crossEntropy("grpo") },
  "grpo+kl": { name: "grpo+kl", ...clippedObjective("grpo+kl", true), evaluation: crossEntropy("grpo+kl") },
  classification: { name: "classification", ...classification }
} satisfies Record<string, LossSpec>

export type LossName = keyof typeof losses
