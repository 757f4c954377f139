// Datasets as streams of plain objects, whatever holds them: JSON lines, one JSON array, Parquet, or a dataset of the
// Hub.
import { Effect, FileSystem, Path, Stream } from "effect"
import type { HttpClient } from "effect/http"
import { readSize } from "../Dataset.ts"
import { PromptError } from "../PromptError.ts"
import { fetchDataset, isHubName } from "./Hub.ts"
import { parquetRecords } from "./Parquet.ts"

export type Plain = Readonly<Record<string, unknown>>

/** A record and where it stands. */
export interface DataRecord {
  readonly value: Plain
  readonly path: string
  /** 1-based line or row. */
  readonly line: number
}

export type Records = Stream.Stream<DataRecord, PromptError, FileSystem.FileSystem>

const isPlain = (value: unknown): value is Plain => value !== null && typeof value === "object" && !Array.isArray(value)

const fault = (path: string, line: number | undefined, problem: string, remedy: string, cause?: unknown) =>
  new PromptError({ path, line, problem, remedy, cause })

const parse = (path: string, line: number | undefined, text: string, remedy: string) =>
  Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) => fault(path, line, `not JSON: ${String(cause)}`, remedy, cause)
  })

const record = (path: string, line: number, value: unknown): Effect.Effect<DataRecord, PromptError> =>
  isPlain(value)
    ? Effect.succeed({ value, path, line })
    : Effect.fail(fault(path, line, "not an object", "give each record as an object of named fields"))

const jsonLines = (path: string): Records =>
  Stream.unwrap(
    Effect.map(FileSystem.FileSystem, (fs) =>
      fs.stream(path, { chunkSize: readSize }).pipe(
        Stream.mapError((cause) =>
          fault(path, undefined, `cannot be read: ${cause.message}`, "check the path and its rights", cause)
        ),
        Stream.decodeText(),
        Stream.splitLines,
        Stream.zipWithIndex,
        Stream.filter(([text]) => text.trim() !== ""),
        Stream.mapEffect(([text, index]) =>
          parse(path, index + 1, text, "write one JSON object a line").pipe(Effect.flatMap((value) => record(path, index + 1, value)))
        )
      )
    )
  )

const jsonArray = (path: string): Records =>
  Stream.unwrap(
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const text = yield* fs
        .readFileString(path)
        .pipe(
          Effect.mapError((cause) =>
            fault(path, undefined, `cannot be read: ${cause.message}`, "check the path and its rights", cause)
          )
        )
      const value = yield* parse(path, undefined, text, "write one array of objects, or name a file of one object a line .jsonl")
      const items = Array.isArray(value) ? (value as ReadonlyArray<unknown>) : [value]
      return Stream.fromIterable(items).pipe(
        Stream.zipWithIndex,
        Stream.mapEffect(([item, index]) => record(path, index + 1, item))
      )
    })
  )

const readers: Readonly<Record<string, (path: string) => Records>> = {
  ".jsonl": jsonLines,
  ".ndjson": jsonLines,
  ".json": jsonArray,
  ".parquet": (path) =>
    parquetRecords(path).pipe(
      Stream.zipWithIndex,
      Stream.mapEffect(([value, index]) => record(path, index + 1, value))
    )
}

/** Endings of the files that can be read. */
export const readable: ReadonlyArray<string> = Object.keys(readers)

/**
 * The records of a file, by its ending, or of a dataset of the Hub, `hub:owner/name`, `hub:owner/name@revision` or
 * `hub:owner/name/path/in/it.parquet`, whose files are kept in `cache`.
 */
export const readRecords = (
  source: string,
  cache: string
): Stream.Stream<DataRecord, PromptError, FileSystem.FileSystem | Path.Path | HttpClient.HttpClient> => {
  if (isHubName(source)) {
    return Stream.unwrap(
      fetchDataset(source, cache, readable).pipe(
        Effect.map((paths) => Stream.fromIterable(paths).pipe(Stream.flatMap((path) => readRecords(path, cache))))
      )
    )
  }
  const ending = Object.keys(readers).find((ending) => source.endsWith(ending))
  return ending === undefined
    ? Stream.fail(
        fault(
          source,
          undefined,
          "is no dataset that can be read",
          `give a file that ends with ${readable.join(", ")}, or hub:owner/name`
        )
      )
    : readers[ending]!(source)
}
