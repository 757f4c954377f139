import { Data } from "effect"

/** What is wrong with a dataset, a row of it or a cursor into it, and what to do about it. */
export class PromptError extends Data.TaggedError("PromptError")<{
  readonly problem: string
  readonly remedy: string
  readonly path?: string | undefined
  /** 1-based line of the file. */
  readonly line?: number | undefined
  /** Id of the row. */
  readonly row?: string | undefined
  /** Constraint id. */
  readonly constraint?: string | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const where = [
      this.path && (this.line === undefined ? this.path : `${this.path}:${this.line}`),
      this.row && `row "${this.row}"`,
      this.constraint && `constraint "${this.constraint}"`
    ].filter(Boolean)
    return `${where.join(", ")}${where.length > 0 ? ": " : ""}${this.problem}. ${this.remedy}.`
  }
}
