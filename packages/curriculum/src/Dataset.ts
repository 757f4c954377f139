// Prompts as JSON lines. Reading checks everything that training would otherwise trip over: the shape of each row, the
// keyword arguments of its constraints, ids that occur twice, and a file with no rows at all.
import { Effect, FileSystem, Result, Schema, Stream } from "effect"
import { prepare, VerifierError } from "@ifrl/verifiers"
import { contentId, isSoft, type Kwargs, PromptRow } from "./PromptRow.ts"
import { PromptError } from "./PromptError.ts"
import { answerProblem, isAnswer } from "./Reasoning.ts"

/** Bytes of a file that are read at once: on a busy machine the turns between reads take longer than the reads. */
export const readSize = 2 ** 20

/** A line of a file: everything that follows from the rest may be left out. */
const Line = Schema.Struct({
  prompt: Schema.NonEmptyString,
  instruction_id_list: Schema.Array(Schema.String),
  kwargs: Schema.Array(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))),
  id: Schema.optionalKey(Schema.Union([Schema.NonEmptyString, Schema.Int])),
  key: Schema.optionalKey(Schema.Union([Schema.NonEmptyString, Schema.Int])),
  instruction: Schema.optionalKey(Schema.String),
  constraints: Schema.optionalKey(Schema.Array(Schema.String)),
  level: Schema.optionalKey(PromptRow.fields.level),
  domain: Schema.optionalKey(Schema.String),
  subject: PromptRow.fields.subject,
  answer: PromptRow.fields.answer,
  soft: PromptRow.fields.soft,
  parent: PromptRow.fields.parent,
  source: PromptRow.fields.source
})
type Line = typeof Line.Type

const decodeLine = Schema.decodeUnknownResult(Line)

const withoutNulls = (object: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null))

const toRow = ({ constraints, domain, id, instruction, key, kwargs, level, prompt, ...rest }: Line): PromptRow => {
  const content = { prompt, instruction_id_list: rest.instruction_id_list, kwargs: kwargs.map((k) => withoutNulls(k ?? {})) }
  return {
    id: String(id ?? key ?? contentId(content)),
    instruction: instruction ?? prompt,
    constraints: constraints ?? [],
    level: level ?? content.instruction_id_list.length,
    domain: domain ?? "instruction",
    ...rest,
    ...content
  }
}

const problem = (problem: string, remedy: string, about: { row?: string; constraint?: string; cause?: unknown } = {}) =>
  Result.fail(new PromptError({ problem, remedy, ...about }))

const checkAligned = (row: PromptRow): Result.Result<PromptRow, PromptError> => {
  const count = row.instruction_id_list.length
  const lengths = { kwargs: row.kwargs.length, constraints: row.constraints.length || count, level: row.level }
  for (const [name, length] of Object.entries(lengths)) {
    if (length !== count) {
      const remedy = "give each constraint its id, its kwargs ({} when there are none) and, if at all, its text"
      return problem(`${count} constraint ids, but ${name} says ${length}`, remedy, { row: row.id })
    }
  }
  const stray = row.soft?.find(({ index }) => !isSoft(row.instruction_id_list[index] ?? ""))
  if (stray !== undefined) {
    const remedy = "let `soft` speak only of constraints whose ids begin with \"soft:\""
    return problem(`soft[].index ${stray.index} is not a soft constraint`, remedy, { row: row.id })
  }
  return Result.succeed(row)
}

const remedyOf = ({ kind }: VerifierError): string =>
  kind === "UnknownVerifier"
    ? "use the id of a verifier, or begin the ids of constraints that no rule checks with \"soft:\""
    : "give the constraint the arguments that its verifier requires"

const checkConstraint = (row: string, constraint: string, kwargs: Kwargs): Result.Result<void, PromptError> => {
  if (isSoft(constraint)) return Result.succeed(undefined)
  if (isAnswer(constraint)) {
    const wrong = answerProblem(constraint, kwargs)
    return wrong === undefined
      ? Result.succeed(undefined)
      : problem(wrong, "give kwargs { answer }, for answer:choice one of the letters A to J", { row, constraint })
  }
  const prepared = prepare({ id: constraint, kwargs })
  return prepared instanceof VerifierError
    ? problem(prepared.message, remedyOf(prepared), { row, constraint, cause: prepared })
    : Result.succeed(undefined)
}

/** One JSON value as a row whose lists align; its constraints are not looked at. */
export const decodeRow = (value: unknown): Result.Result<PromptRow, PromptError> => {
  const object = value !== null && typeof value === "object" && !Array.isArray(value) ? withoutNulls(value) : value
  const line = decodeLine(object)
  if (Result.isFailure(line)) {
    const remedy = "give prompt, instruction_id_list and kwargs as IFEval's input_data.jsonl does"
    return problem(line.failure.message.replaceAll("\n", " "), remedy, { cause: line.failure })
  }
  return checkAligned(toRow(line.success))
}

/**
 * What is wrong with the constraint at a place of a row: an id that nothing checks, or kwargs that its check refuses.
 */
export const constraintProblem = (row: PromptRow, index: number): Result.Result<void, PromptError> =>
  checkConstraint(row.id, row.instruction_id_list[index]!, row.kwargs[index]!)

/** One JSON value as a row; the error names the row and, where it is about one, the constraint. */
export const decodePrompt = (value: unknown): Result.Result<PromptRow, PromptError> =>
  decodeRow(value).pipe(Result.flatMap((row) =>
    Result.all(row.instruction_id_list.map((_, index) => constraintProblem(row, index))).pipe(Result.map(() => row))
  ))

const parse = (text: string): Result.Result<unknown, PromptError> => {
  try {
    return Result.succeed(JSON.parse(text))
  } catch (cause) {
    return problem(`not JSON: ${String(cause)}`, "write one JSON object a line", { cause })
  }
}

/**
 * The rows of a JSONL file, one line in memory at a time. Fails with the file and line of the first row that is
 * malformed, has kwargs that its verifier refuses, or repeats an id, and when there are no rows.
 */
export const readPrompts = (path: string): Stream.Stream<PromptRow, PromptError, FileSystem.FileSystem> =>
  Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => {
    const seen = new Map<string, number>()
    const row = (text: string, line: number): Result.Result<PromptRow, PromptError> =>
      parse(text).pipe(
        Result.flatMap(decodePrompt),
        Result.flatMap((row) => {
          const first = seen.get(row.id)
          if (first !== undefined) {
            return problem(`the id is that of line ${first}`, "remove one of the rows or give it another id", { row: row.id })
          }
          seen.set(row.id, line)
          return Result.succeed(row)
        }),
        Result.mapError(({ cause, constraint, problem, remedy, row }) =>
          new PromptError({ path, line, row, constraint, problem, remedy, cause })
        )
      )
    return fs.stream(path, { chunkSize: readSize }).pipe(
      Stream.mapError((cause) =>
        new PromptError({ path, problem: `cannot be read: ${cause.message}`, remedy: "check the path and its rights", cause })
      ),
      Stream.decodeText(),
      Stream.splitLines,
      Stream.zipWithIndex,
      Stream.filter(([text]) => text.trim() !== ""),
      Stream.mapEffect(([text, index]) => Effect.fromResult(row(text, index + 1))),
      Stream.orElseIfEmpty(() =>
        Stream.fail(
          new PromptError({ path, problem: "the file holds no prompts", remedy: "give a file with one JSON object a line" })
        )
      )
    )
  }))

/** All rows of a JSONL file. */
export const loadPrompts = (
  path: string
): Effect.Effect<ReadonlyArray<PromptRow>, PromptError, FileSystem.FileSystem> => Stream.runCollect(readPrompts(path))

/** A row as a line of JSONL, without the line end; `decodePrompt` reads it back equal. */
export const printPrompt = (row: PromptRow): string => JSON.stringify(row)
