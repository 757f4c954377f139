/**
 * Losses as graphs. A loss is a sum over tokens (or rows) of weight * loss: masks and normalisation are in the weights,
 * so that the losses and gradients of micro-batches add up to those of the batch, however it is split and padded.
 */
import type { Graph, Shape, Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"
import { Emit } from "./Emit.ts"
import { lmHeadLogProbs, type TokenValues } from "./LmHead.ts"
import { lmHeadLoss, type LmHeadLoss } from "./LmHeadLoss.ts"
import { activeOf, isPerToken, objectiveOf, policyInputs, type PolicySpec } from "./PolicyObjective.ts"
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
  /** Gradient buffers of the parameters to train, in a training graph, whose `loss` is then what is differentiated. */
  readonly buffers?: ReadonlyMap<Value, Value> | undefined
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

interface TokenLoss {
  readonly name: string
  readonly temperature: number
  /** Of the loss's inputs those with a value per token. */
  readonly fields: ReadonlyArray<string>
  /** Whether a token's part depends on that token alone. */
  readonly perToken: boolean
  readonly objective: LmHeadLoss["objective"]
}

/** A loss of log-probabilities and entropies, both outputs [B, T] as well. */
const tokenLoss = (site: LossSite, { fields, name, objective, perToken, temperature }: TokenLoss): LossResult => {
  const { buffers, graph, inputs, model } = site
  const g = new Emit(graph)
  const token = inputs.labels!
  const weight = needs(model.head, "head", name)
  const head = {
    // The head is linear: scaled logits are those of scaled hidden states.
    hidden: g.scale(g.rows(needs(model.hidden, "hidden", name)), 1 / temperature),
    weight,
    labels: g.reshape(token, [-1])
  }
  const grids = (of: (value: Value) => Value) => Object.fromEntries(fields.map((field) => [field, of(inputs[field]!)]))
  const outputs = ({ entropy, logProbs }: TokenValues) => ({
    log_probs: g.like(logProbs, token),
    entropy: g.like(entropy, token)
  })
  if (buffers === undefined || !perToken) {
    const named = outputs(lmHeadLogProbs(graph, head))
    return { ...objective(g, { logProbs: named.log_probs, entropy: named.entropy }, grids((value) => value)), outputs: named }
  }
  const { loss, metrics, ...tokens } = lmHeadLoss(graph, {
    ...head,
    objective,
    fields: grids((value) => g.reshape(value, [-1])),
    buffer: buffers.get(weight),
    needsHidden: buffers.size > (buffers.has(weight) ? 1 : 0)
  })
  return { loss, metrics, outputs: outputs(tokens) }
}

/** loss = sum -weight log p(label). Metrics: `tokens`, those with weight. */
const crossEntropy = (name: string, temperature = 1): Pick<LossSpec, "inputs" | "build"> => ({
  inputs: [labels, weights],
  build: (site) =>
    tokenLoss(site, {
      name,
      temperature,
      fields: ["weights"],
      perToken: true,
      objective: (g, { logProbs }, { weights }) => ({
        loss: g.neg(g.sumAll(g.mul(logProbs, weights!))),
        metrics: { tokens: g.sumAll(activeOf(g, weights!)) }
      })
    })
})

/**
 * A policy objective (`policyObjective`) of a model's log-probs. At another temperature than 1 all log-probs and
 * entropies are those of softmax(logits / temperature), which is what a sampler at that temperature draws from: give
 * old, reference and sampler log-probs at the same. The evaluation model takes the labels alone and gives such
 * log-probs.
 */
export const policyLoss = (name: string, spec: PolicySpec = {}, temperature = 1): LossSpec => {
  const inputs = policyInputs(spec)
  return {
    name,
    inputs: [labels, ...inputs],
    build: (site) =>
      tokenLoss(site, {
        name,
        temperature,
        fields: inputs.filter(({ shape }) => shape.length > 0).map((input) => input.name),
        perToken: isPerToken(spec),
        objective: (g, tokens, fields) => objectiveOf(g, tokens, { ...site.inputs, ...fields }, spec)
      }),
    evaluation: crossEntropy(name, temperature)
  }
}

/**
 * loss = sum -weight log p(label) over rows, of the classes of `head` [classes, D] at the token `positions` [B] of each
 * row. Outputs `logits` [B, classes]; metrics: `rows` with weight, `correct` among them.
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

/**
 * The losses by name. "grpo+kl" is "grpo" with a k3 penalty towards reference log-probs; `policyLoss` makes the others.
 */
export const losses = {
  sft: { name: "sft", ...crossEntropy("sft") },
  grpo: policyLoss("grpo"),
  "grpo+kl": policyLoss("grpo+kl", { kl: {} }),
  classification: { name: "classification", ...classification }
} satisfies Record<string, LossSpec>

export type LossName = keyof typeof losses
