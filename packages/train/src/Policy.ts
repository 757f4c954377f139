import type { Model } from "@ifrl/models"
import { Context, type Effect } from "effect"
import type { MicroBatch } from "./MicroBatch.ts"
import type { TrainError } from "./TrainError.ts"

/** What one run of the training or evaluation graph says about a micro-batch. B rows, T positions. */
export interface BatchOutputs {
  /** Sum over the batch of weight * loss. */
  readonly loss: number
  /** B x T log-probs of the labels, in nats; without meaning where there is no loss. */
  readonly logProbs: Float32Array
  /** B x T entropy of the next-token distribution, in nats. */
  readonly entropy: Float32Array
  /** Further sums of the loss: clip fractions, KL, each weighted like the loss. */
  readonly metrics: Readonly<Record<string, number>>
}

/** One optimizer update. */
export interface UpdateOptions {
  readonly learningRate: number
  /** Longest global L2 norm of the gradient; longer ones are scaled down to it. 0 for no limit. */
  readonly maxGradNorm: number
}

export interface UpdateResult {
  /** Global L2 norm of the accumulated gradient before clipping. */
  readonly gradNorm: number
  /** False when the gradient was not finite: nothing was changed, and the gradient is forgotten. */
  readonly applied: boolean
}

/** Resident weights that can be evaluated and trained; gradients accumulate until the next `update`. */
export interface Trainable {
  readonly model: Model
  /** Add the gradient of a micro-batch's loss to the accumulated one. Scalars are the loss's own (clip_low, ...). */
  readonly accumulate: (
    batch: MicroBatch,
    scalars?: Readonly<Record<string, number>>
  ) => Effect.Effect<BatchOutputs, TrainError>
  /** Forward only; under the frozen copy of the initial weights when `reference` is set. */
  readonly evaluate: (
    batch: MicroBatch,
    options?: { readonly reference?: boolean }
  ) => Effect.Effect<BatchOutputs, TrainError>
  /** Clip, step the optimizer in place, and clear the accumulated gradient. */
  readonly update: (options: UpdateOptions) => Effect.Effect<UpdateResult, TrainError>
  /** Write model and optimizer state into a checkpoint folder. */
  readonly save: (directory: string) => Effect.Effect<void, TrainError>
  /** Take weights and optimizer state from a checkpoint folder, bit for bit. */
  readonly restore: (directory: string) => Effect.Effect<void, TrainError>
}

/** The model that a run trains. */
export class Policy extends Context.Service<Policy, Trainable>()("@ifrl/train/Policy") {}
