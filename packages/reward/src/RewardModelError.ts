import { Data } from "effect"

/** What the reward model could not do, on what, and what to do about it. */
export class RewardModelError extends Data.TaggedError("RewardModelError")<{
  readonly operation: "template" | "pairs" | "train" | "load" | "score"
  /** The template, file, row or pair concerned. */
  readonly subject: string
  readonly reason: string
  readonly remedy: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `${this.operation}: ${this.subject}: ${this.reason}; ${this.remedy}`
  }
}
