// An objective on given log-probs: the very nodes that training puts behind the model, so that anyone can compare.
import { policyObjectiveGraph } from "@ifrl/artifacts"
import { encodeModel, toModel } from "@ifrl/onnx"
import { Runtime, type RuntimeError, Tensor } from "@ifrl/runtime"
import { Data, Effect, type Scope } from "effect"
import { type ObjectiveConfig, objectiveScalars, policySpec, tokenMetricNames } from "./Objective.ts"
import { rowWeights } from "./TokenWeights.ts"

/** Rows x tokens; rows may differ in length. */
export type Grid = ReadonlyArray<ArrayLike<number>>

export interface ObjectiveBatch {
  /** Log-probs of the sampled tokens: now, when the update began, under the reference model, and as sampled. */
  readonly newLogProbs: Grid
  readonly oldLogProbs: Grid
  /** Needed with a KL penalty. */
  readonly refLogProbs?: Grid
  /** Needed with importance weights or an off-policy limit. */
  readonly samplerLogProbs?: Grid
  /** Needed with an entropy bonus, in nats; here a constant, in training a function of the weights. */
  readonly entropy?: Grid
  /** 1 where a token counts, 0 elsewhere. */
  readonly mask: Grid
  readonly advantages: Grid
  /** The longest completion allowed, for fixed-length; by default the tokens of the longest row. */
  readonly maxTokens?: number
  /**
   * What each token's loss is multiplied by before the sum; by default what the aggregation makes of this batch. Give
   * those of a whole optimizer step to evaluate a micro-batch of it: losses and gradients then add up.
   */
  readonly weights?: Grid
}

export interface ObjectiveValue {
  readonly loss: number
  /** d loss / d newLogProbs, rows x tokens. */
  readonly gradient: ReadonlyArray<ReadonlyArray<number>>
  /** Means over tokens, under the names of training. */
  readonly metrics: Readonly<Record<string, number>>
}

export interface EvaluateOptions {
  /** What the graph computes in. Training on CPU does so in float32. Default float64. */
  readonly precision?: "float32" | "float64"
}

/** A batch that an objective cannot be evaluated on. */
export class ObjectiveError extends Data.TaggedError("ObjectiveError")<{
  readonly objective: string
  readonly subject: string
  readonly reason: string
  readonly remedy: string
}> {
  override get message(): string {
    return `${this.objective}: ${this.subject}: ${this.reason}; ${this.remedy}`
  }
}

/** The weights of a batch that is a whole optimizer step: mask and aggregation. */
export const weightsOf = (
  { mask, maxTokens }: Pick<ObjectiveBatch, "mask" | "maxTokens">,
  { aggregation, aggregationRows }: Pick<ObjectiveConfig, "aggregation" | "aggregationRows">
): ReadonlyArray<ReadonlyArray<number>> => {
  const lengths = mask.map((row) => Array.from(row).filter((m) => m !== 0).length)
  const weights = rowWeights(lengths, aggregation, {
    maxTokens: maxTokens ?? Math.max(...mask.map((row) => row.length)),
    rows: aggregationRows
  })
  return mask.map((row, b) => Array.from(row, (m) => (m === 0 ? 0 : weights[b]!)))
}

/** An objective ready to be evaluated on many batches, for as long as the scope lives. */
export const makeObjective = Effect.fnUntraced(function* (
  config: ObjectiveConfig,
  { precision = "float64" }: EvaluateOptions = {}
): Effect.fn.Return<
  (batch: ObjectiveBatch) => Effect.Effect<ObjectiveValue, RuntimeError | ObjectiveError>,
  RuntimeError,
  Runtime | Scope.Scope
> {
  const runtime = yield* Runtime
  const session = yield* runtime.session(encodeModel(toModel(policyObjectiveGraph(policySpec(config), precision))), {
    name: `objective ${config.name}`,
    threads: 1
  })
  const scalars = objectiveScalars(config)

  return Effect.fnUntraced(function* (
    batch: ObjectiveBatch
  ): Effect.fn.Return<ObjectiveValue, RuntimeError | ObjectiveError> {
    const T = Math.max(1, ...batch.mask.map((row) => row.length))
    const dims = [batch.mask.length, T]
    const grids: Readonly<Record<string, readonly [key: string, rows: Grid | undefined]>> = {
      log_probs: ["newLogProbs", batch.newLogProbs],
      entropy: ["entropy", batch.entropy],
      weights: ["weights", batch.weights ?? weightsOf(batch, config)],
      advantages: ["advantages", batch.advantages],
      old_log_probs: ["oldLogProbs", batch.oldLogProbs],
      ref_log_probs: ["refLogProbs", batch.refLogProbs],
      sampler_log_probs: ["samplerLogProbs", batch.samplerLogProbs]
    }
    const inputs: Record<string, Tensor> = {}
    for (const { name } of session.inputs) {
      if (name in scalars) {
        inputs[name] = Tensor.scalar(precision, scalars[name]!)
        continue
      }
      const [subject, rows] = grids[name]!
      const fits =
        rows !== undefined && rows.length === dims[0] && rows.every((row, b) => row.length === batch.mask[b]!.length)
      if (!fits) {
        return yield* new ObjectiveError({
          objective: config.name,
          subject,
          reason:
            rows === undefined ? "is missing, and the objective reads it" : "has not the rows and tokens of the mask",
          remedy: "give one number for each element of the mask"
        })
      }
      const values = new Float64Array(dims[0]! * T)
      rows.forEach((row, b) => values.set(row, b * T))
      inputs[name] = Tensor.from(precision, dims, values)
    }
    const { gradient, loss, tokens, ...sums } = yield* session.run(inputs)
    const numbers = Array.from(gradient!.data, Number)
    const count = Number(tokens!.data[0])
    const means = Object.entries(sums).map(
      ([name, sum]) => [tokenMetricNames[name] ?? name, Number(sum.data[0]) / count] as const
    )
    return {
      loss: Number(loss!.data[0]),
      gradient: batch.mask.map((row, b) => numbers.slice(b * T, b * T + row.length)),
      metrics: { tokens: count, ...Object.fromEntries(means) }
    }
  })
})

/**
 * Loss of a batch under an objective, its gradient with respect to the policy's log-probs, and metrics: what one
 * optimizer step computes, by the graph that training uses.
 */
export const evaluateObjective = (
  config: ObjectiveConfig,
  batch: ObjectiveBatch,
  options?: EvaluateOptions
): Effect.Effect<ObjectiveValue, RuntimeError | ObjectiveError, Runtime> =>
  Effect.scoped(Effect.flatMap(makeObjective(config, options), (evaluate) => evaluate(batch)))
