import { Data } from "effect"

export type ArtifactReason =
  /** An operator on the path from a parameter to the loss has no gradient rule. */
  | "MissingGradient"
  /** A value that must be differentiated isn't reachable, isn't floating point, or has no usable shape. */
  | "NotDifferentiable"
  /** Two values bound to the same memory are not safe to bind so. */
  | "Alias"
  /** The caller's model, loss, optimizer or names don't fit together. */
  | "BadOption"
  /** A folder isn't one of ours, is damaged, or can't be read or written. */
  | "BadFolder"

/** Everything this package refuses. The message names the offender and ends with what to do about it. */
export class ArtifactError extends Data.TaggedError("ArtifactError")<{
  readonly reason: ArtifactReason
  readonly message: string
  readonly remedy: string
  readonly operator?: string
  readonly node?: string
  readonly tensor?: string
  readonly file?: string
  readonly cause?: unknown
}> {}

type Details = Omit<ConstructorParameters<typeof ArtifactError>[0], "reason" | "message" | "remedy">

export const artifactError = (reason: ArtifactReason, problem: string, remedy: string, details: Details = {}) =>
  new ArtifactError({ reason, message: `${problem}. ${remedy}`, remedy, ...details })
