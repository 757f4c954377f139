// Rows of different lengths, packed into right-padded micro-batches. The weight of a token is final before packing
// (mask, normalisation and all), so that micro-batches add up: loss and gradient do not depend on the split.
import { TrainError } from "./TrainError.ts"

/** One sequence to learn from: prompt and completion, with one value per completion token for each field. */
export interface TrainingRow {
  readonly id: string
  /** Prompt followed by completion. */
  readonly tokens: Int32Array
  /** Tokens before this position carry no loss; at least 1, because the first token is predicted by nothing. */
  readonly promptLength: number
  /** Per-token inputs of the loss, each with `tokens.length - promptLength` values: `weights`, `advantages`, ... */
  readonly fields: Readonly<Record<string, Float32Array>>
}

/** Dense inputs of one training run. B rows, T positions; position t predicts token t + 1. */
export interface MicroBatch {
  /** Indices into the packed rows, in the order of the batch dimension. */
  readonly rows: ReadonlyArray<number>
  readonly B: number
  readonly T: number
  /** B x T, zero where padded. */
  readonly inputIds: BigInt64Array
  /** B x T, the token predicted at each position; zero where there is no loss. Of a classification B, the class of each row. */
  readonly labels: BigInt64Array
  /** B x T each, zero where there is no loss; of a classification B each. */
  readonly fields: Readonly<Record<string, Float32Array>>
  /** B, the token of each row that is classified; in classifications only. */
  readonly positions?: BigInt64Array
}

/** Limits of one micro-batch. */
export interface PackOptions {
  /** Rows of one micro-batch at most. */
  readonly maxRows?: number
  /** B * T of one micro-batch at most; a single longer row still makes a batch of its own. */
  readonly maxTokens?: number
  /** T is rounded up to a multiple of this. */
  readonly multipleOf?: number
}

/** Number of tokens of a row that carry loss. */
export const completionLength = (row: TrainingRow): number => row.tokens.length - row.promptLength

const check = (row: TrainingRow): void => {
  if (row.promptLength < 1 || row.promptLength > row.tokens.length) {
    throw new TrainError({
      operation: "packMicroBatches",
      subject: row.id,
      reason: `prompt length ${row.promptLength} of a row with ${row.tokens.length} tokens`,
      remedy: "give every row at least one prompt token (a beginning-of-sequence token will do)"
    })
  }
  for (const [name, values] of Object.entries(row.fields)) {
    if (values.length !== completionLength(row)) {
      throw new TrainError({
        operation: "packMicroBatches",
        subject: row.id,
        reason: `field ${name} has ${values.length} values for ${completionLength(row)} completion tokens`,
        remedy: "give one value for each completion token"
      })
    }
  }
}

const fill = (rows: ReadonlyArray<TrainingRow>, members: ReadonlyArray<number>, multipleOf: number): MicroBatch => {
  const B = members.length
  const longest = Math.max(...members.map((i) => rows[i]!.tokens.length - 1), 1)
  const T = Math.ceil(longest / multipleOf) * multipleOf
  const inputIds = new BigInt64Array(B * T)
  const labels = new BigInt64Array(B * T)
  const names = Object.keys(rows[members[0]!]!.fields)
  const fields: Record<string, Float32Array> = Object.fromEntries(names.map((name) => [name, new Float32Array(B * T)]))
  members.forEach((index, b) => {
    const row = rows[index]!
    for (let t = 0; t + 1 < row.tokens.length; t++) {
      inputIds[b * T + t] = BigInt(row.tokens[t]!)
    }
    const first = row.promptLength - 1
    for (let k = 0; k < completionLength(row); k++) {
      labels[b * T + first + k] = BigInt(row.tokens[row.promptLength + k]!)
    }
    for (const name of names) {
      const values = row.fields[name]
      if (values === undefined) {
        throw new TrainError({
          operation: "packMicroBatches",
          subject: row.id,
          reason: `field ${name} is missing`,
          remedy: "give every row of a batch the same fields"
        })
      }
      fields[name]!.set(values, b * T + first)
    }
  })
  return { rows: members, B, T, inputIds, labels, fields }
}

/**
 * Pack rows into micro-batches, longest first so that little is padded. The order is a function of the rows alone
 * (length, then position), so the same rows give the same batches.
 *
 * @throws TrainError naming the row, when a field's length differs from the completion's
 */
export const packMicroBatches = (rows: ReadonlyArray<TrainingRow>, options: PackOptions = {}): Array<MicroBatch> => {
  const { maxRows = Infinity, maxTokens = Infinity, multipleOf = 1 } = options
  rows.forEach(check)
  const order = rows.map((_, i) => i).toSorted((a, b) => rows[b]!.tokens.length - rows[a]!.tokens.length || a - b)
  const batches: Array<MicroBatch> = []
  let members: Array<number> = []
  let width = 0
  for (const index of order) {
    const length = Math.ceil(Math.max(rows[index]!.tokens.length - 1, 1) / multipleOf) * multipleOf
    if (members.length > 0 && (members.length >= maxRows || (members.length + 1) * width > maxTokens)) {
      batches.push(fill(rows, members, multipleOf))
      members = []
    }
    if (members.length === 0) width = length
    members.push(index)
  }
  if (members.length > 0) batches.push(fill(rows, members, multipleOf))
  return batches
}

/**
 * The completion tokens' values of one output [B, T] of the training or evaluation graph, one array for each packed
 * row, in the order of `rows` as given to `packMicroBatches`.
 */
export const unpackCompletions = (
  rows: ReadonlyArray<TrainingRow>,
  batches: ReadonlyArray<MicroBatch>,
  outputs: ReadonlyArray<ArrayLike<number>>
): Array<Float32Array> => {
  const result: Array<Float32Array> = rows.map((row) => new Float32Array(completionLength(row)))
  batches.forEach((batch, m) => {
    batch.rows.forEach((index, b) => {
      const from = b * batch.T + rows[index]!.promptLength - 1
      const target = result[index]!
      for (let k = 0; k < target.length; k++) target[k] = outputs[m]![from + k]!
    })
  })
  return result
}
