import { Data } from "effect"

/** What a command could not do, with what, why, and what to do about it. */
export class CommandError extends Data.TaggedError("CommandError")<{
  /** What was being done, `read config`. */
  readonly operation: string
  /** The file, key, flag or folder concerned. */
  readonly subject: string
  readonly reason: string
  readonly remedy: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.operation}: ${this.subject}: ${this.reason}; ${this.remedy}`
  }
}
