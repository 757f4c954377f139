import { Data } from "effect"

/** What went wrong in training, to what, and what to do about it. */
export class TrainError extends Data.TaggedError("TrainError")<{
  readonly operation: string
  /** The row, tensor, file or key concerned. */
  readonly subject: string
  readonly reason: string
  readonly remedy: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.operation}: ${this.subject}: ${this.reason}; ${this.remedy}`
  }
}
