export interface OnnxErrorDetails {
  /** What is wrong, naming the offender. */
  readonly problem: string
  /** What the caller can do about it. */
  readonly remedy: string
  readonly operator?: string | undefined
  readonly node?: string | undefined
  readonly tensor?: string | undefined
  readonly file?: string | undefined
  readonly cause?: unknown
}

/** Everything that this package refuses: it names the operator, node, tensor or file, and the remedy. */
export class OnnxError extends Error {
  readonly _tag = "OnnxError"
  override readonly name = "OnnxError"
  readonly problem: string
  readonly remedy: string
  readonly operator: string | undefined
  readonly node: string | undefined
  readonly tensor: string | undefined
  readonly file: string | undefined

  constructor(details: OnnxErrorDetails) {
    const where = [
      details.operator === undefined ? "" : `${details.operator} `,
      details.node === undefined ? "" : `(node ${details.node}) `
    ].join("")
    super(
      `${where === "" ? "" : `${where.trim()}: `}${details.problem}. ${details.remedy}`,
      details.cause === undefined ? undefined : { cause: details.cause }
    )
    this.problem = details.problem
    this.remedy = details.remedy
    this.operator = details.operator
    this.node = details.node
    this.tensor = details.tensor
    this.file = details.file
  }
}
