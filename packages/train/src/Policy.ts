import type { Runtime } from "@ifrl/runtime"
import { Context, type FileSystem, Layer, type Path } from "effect"
import { makeTrainable, type Trainable, type TrainableOptions } from "./Trainable.ts"
import type { TrainError } from "./TrainError.ts"

/** The model that a run trains. */
export class Policy extends Context.Service<Policy, Trainable>()("@ifrl/train/Policy") {
  /** Resident weights trained in place. */
  static readonly layer = (
    options: TrainableOptions
  ): Layer.Layer<Policy, TrainError, Runtime | FileSystem.FileSystem | Path.Path> =>
    Layer.effect(Policy, makeTrainable(options))
}
