// JSON lines: one value a line, held against a schema. What is wrong is named by file and line.
import { Effect, FileSystem, Schema } from "effect"

/** What is wrong with a file or a line of it, for the error of whoever reads it. */
export interface LineFault {
  /** The file, or `file:line`, lines counted from 1. */
  readonly subject: string
  /** In one line. */
  readonly reason: string
  readonly cause: unknown
}

export const lineFault = (subject: string) => (cause: { readonly message: string }): LineFault => ({
  subject,
  reason: cause.message.replaceAll("\n", " "),
  cause
})

/** The values of a text, called `name`, and the lines they stand in; blank lines are passed over. */
export const decodeJsonLines = <A, E>(
  name: string,
  text: string,
  schema: Schema.Codec<A, unknown>,
  refuse: (fault: LineFault) => E
): Effect.Effect<ReadonlyArray<{ readonly value: A; readonly line: number }>, E> => {
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(schema))
  const lines = text.split("\n").map((text, i) => ({ text, line: i + 1 })).filter(({ text }) => text.trim() !== "")
  return Effect.forEach(lines, ({ line, text }) =>
    decode(text).pipe(
      Effect.map((value) => ({ value, line })),
      Effect.mapError((cause) => refuse(lineFault(`${name}:${line}`)(cause)))
    ))
}

/** A file's text, or the error that `refuse` makes. */
export const readText = <E>(
  file: string,
  refuse: (fault: LineFault) => E
): Effect.Effect<string, E, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) => fs.readFileString(file)).pipe(
    Effect.mapError((cause) => refuse(lineFault(file)(cause)))
  )

/** The values of a file, in order. */
export const readJsonLines = <A, E>(
  file: string,
  schema: Schema.Codec<A, unknown>,
  refuse: (fault: LineFault) => E
): Effect.Effect<ReadonlyArray<A>, E, FileSystem.FileSystem> =>
  readText(file, refuse).pipe(
    Effect.flatMap((text) => decodeJsonLines(file, text, schema, refuse)),
    Effect.map((entries) => entries.map(({ value }) => value))
  )
