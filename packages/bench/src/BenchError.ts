import { Data } from "effect"

/** What a benchmark cannot be run on, why, and what to do about it. */
export class BenchError extends Data.TaggedError("BenchError")<{
  /** The file (`path:line` where one line is at fault) or the record concerned. */
  readonly subject: string
  readonly reason: string
  readonly remedy: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.subject}: ${this.reason}; ${this.remedy}`
  }
}
