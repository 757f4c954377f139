// Data files of suites, held against a schema; what is wrong is named by file and line or position.
import { type LineFault, lineFault, readJsonLines, readText } from "@ifrl/curriculum"
import { Effect, Schema } from "effect"
import { BenchError } from "../BenchError.ts"

const refuse = (fault: LineFault) => new BenchError({ remedy: "fetch the file again", ...fault })

/** One value of `schema` a line. */
export const jsonLines = <A>(path: string, schema: Schema.Codec<A, unknown>) => readJsonLines(path, schema, refuse)

/** One value of `schema`. */
export const json = <A>(path: string, schema: Schema.Codec<A, unknown>) =>
  readText(path, refuse).pipe(
    Effect.flatMap((text) =>
      Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(text).pipe(
        Effect.mapError((cause) => refuse(lineFault(path)(cause)))
      )
    )
  )
