// One instruction with its constraints: the keys of IFEval's JSONL (key, prompt, instruction_id_list, kwargs) and what
// decomposition and self-supervision need beside them (the bare instruction and the constraints' texts).
import { createHash } from "node:crypto"
import { Schema } from "effect"

export type Kwargs = Readonly<Record<string, unknown>>

/** What a generator knows of a soft constraint: the truth that a reward model's opinion can be measured against. */
export const SoftTruth = Schema.Struct({
  /** Position in `instruction_id_list`. */
  index: Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0))),
  type: Schema.String,
  value: Schema.String
})
export type SoftTruth = typeof SoftTruth.Type

const levels = Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

export const PromptRow = Schema.Struct({
  /** The file's `id` or `key`; without them `contentId`. Unique within a dataset. */
  id: Schema.NonEmptyString,
  /** The text that the policy is given. */
  prompt: Schema.NonEmptyString,
  /** The prompt without its constraints; equal to `prompt` where the dataset does not tell them apart. */
  instruction: Schema.String,
  /** Constraint ids; those of soft constraints begin with `soft:`. */
  instruction_id_list: Schema.Array(Schema.String),
  /** One object a constraint, without null members. */
  kwargs: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)),
  /** One text a constraint, without the final stop; empty where the dataset gives none. */
  constraints: Schema.Array(Schema.String),
  /** How many constraints the row has: L1..Ln of the paper. */
  level: levels,
  /** What kind of work the instruction asks for. */
  domain: Schema.String,
  /** What the answer has to be about. */
  subject: Schema.optionalKey(Schema.String),
  /** The right final answer, for instructions that have one. */
  answer: Schema.optionalKey(Schema.String),
  soft: Schema.optionalKey(Schema.Array(SoftTruth)),
  /** Id of the row that this one is a level of. */
  parent: Schema.optionalKey(Schema.String),
  /** Where the instruction is from: the id of its seed. */
  source: Schema.optionalKey(Schema.String)
}).annotate({ title: "PromptRow" })
export type PromptRow = typeof PromptRow.Type

/** One constraint of a row. */
export interface Constraint {
  readonly id: string
  readonly kwargs: Kwargs
  readonly text: string
  readonly truth?: { readonly type: string; readonly value: string }
}

export const isSoft = (constraintId: string): boolean => constraintId.startsWith("soft:")

/**
 * The prompt of an instruction under constraints: the instruction, a blank, then each constraint followed by ". "
 * (the rule of the paper's data), except that no stop is doubled and nothing trails.
 */
export const renderPrompt = (instruction: string, constraints: ReadonlyArray<string>): string =>
  [instruction, ...constraints.map((text) => /[.!?]$/.test(text) ? text : `${text}.`)].join(" ")

/** 64 bits (16 hexadecimal digits) of the SHA-256 of what a model sees of a row and is judged by. */
export const contentId = (row: Pick<PromptRow, "prompt" | "instruction_id_list" | "kwargs">): string =>
  createHash("sha256").update(JSON.stringify([row.prompt, row.instruction_id_list, row.kwargs.map(sorted)])).digest("hex")
    .slice(0, 16)

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : value !== null && typeof value === "object"
    ? Object.entries(value).map(([key, member]) => [key, sorted(member)] as const).toSorted(([a], [b]) => a < b ? -1 : 1)
    : value

/** What a row is made from; the rest follows. */
export interface PromptParts {
  readonly instruction: string
  readonly constraints: ReadonlyArray<Constraint>
  readonly domain: string
  readonly subject?: string | undefined
  readonly answer?: string | undefined
  readonly parent?: string | undefined
  readonly source?: string | undefined
}

/** The row of an instruction under constraints, named by its content. */
export const promptRow = (parts: PromptParts): PromptRow => {
  const { answer, constraints, domain, instruction, parent, source, subject } = parts
  const content = {
    prompt: renderPrompt(instruction, constraints.map((constraint) => constraint.text)),
    instruction_id_list: constraints.map((constraint) => constraint.id),
    kwargs: constraints.map((constraint) => constraint.kwargs)
  }
  const soft = constraints.flatMap(({ truth }, index) => truth === undefined ? [] : [{ index, ...truth }])
  return {
    id: contentId(content),
    ...content,
    instruction,
    constraints: constraints.map((constraint) => constraint.text),
    level: constraints.length,
    domain,
    ...(subject !== undefined && { subject }),
    ...(answer !== undefined && { answer }),
    ...(soft.length > 0 && { soft }),
    ...(parent !== undefined && { parent }),
    ...(source !== undefined && { source })
  }
}

/** The constraints of a row, in order; their texts are empty where the dataset gives none. */
export const constraintsOf = (row: PromptRow): ReadonlyArray<Constraint> =>
  row.instruction_id_list.map((id, index) => {
    const truth = row.soft?.find((entry) => entry.index === index)
    return {
      id,
      kwargs: row.kwargs[index]!,
      text: row.constraints[index] ?? "",
      ...(truth !== undefined && { truth: { type: truth.type, value: truth.value } })
    }
  })
