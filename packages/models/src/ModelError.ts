import { Data } from "effect"

/**
 * What went wrong with a model folder, a config or a weight file, by the name of the offender, and what to do about it.
 */
export class ModelError extends Data.TaggedError("ModelError")<{
  readonly problem: string
  readonly remedy: string
  readonly file?: string | undefined
  readonly tensor?: string | undefined
  readonly key?: string | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const where = [this.file, this.tensor && `tensor "${this.tensor}"`, this.key && `key "${this.key}"`].filter(Boolean)
    return `${where.join(", ")}${where.length > 0 ? ": " : ""}${this.problem}. ${this.remedy}.`
  }
}

/** A copy of the error that also names the file, for errors raised where only the contents are known. */
export const inFile =
  (file: string) =>
  (error: ModelError): ModelError =>
    new ModelError({
      problem: error.problem,
      remedy: error.remedy,
      file: error.file ?? file,
      tensor: error.tensor,
      key: error.key,
      cause: error.cause
    })
