import { Data } from "effect"

/** Why nothing (more) is generated, about what, and what to do. */
export class RolloutError extends Data.TaggedError("RolloutError")<{
  /** `request`, `sampling`, `layer` or `run`. */
  readonly operation: string
  /** The request's id, the sampling parameter, the tensor or the session concerned. */
  readonly subject: string
  readonly reason: string
  readonly remedy: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.operation} ${this.subject}: ${this.reason}; ${this.remedy}`
  }
}
