// Data files of suites, held against a schema; what is wrong is named by file and line or position.
import { Effect, FileSystem, Schema } from "effect"
import { BenchError } from "../BenchError.ts"

const refuse = (subject: string, cause: { readonly message: string }) =>
  new BenchError({ subject, reason: cause.message.replaceAll("\n", " "), remedy: "fetch the file again", cause })

const read = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(Effect.mapError((cause) => refuse(path, cause)))

/** One value of `schema` a line. */
export const jsonLines = <A>(path: string, schema: Schema.Codec<A, unknown>) =>
  read(path).pipe(Effect.flatMap((text) => {
    const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(schema))
    const lines = text.split("\n").map((line, i) => ({ line, number: i + 1 })).filter(({ line }) => line !== "")
    return Effect.forEach(lines, ({ line, number }) =>
      decode(line).pipe(Effect.mapError((cause) => refuse(`${path}:${number}`, cause))))
  }))

/** One value of `schema`. */
export const json = <A>(path: string, schema: Schema.Codec<A, unknown>) =>
  read(path).pipe(
    Effect.flatMap((text) =>
      Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(text).pipe(Effect.mapError((cause) => refuse(path, cause)))
    )
  )
