// Parquet through hyparquet, which is loaded when the first Parquet file is read. One row group is in memory at a time.
import { Effect, Stream } from "effect"
import * as zlib from "node:zlib"
import { PromptError } from "../PromptError.ts"

/**
 * Integers of 64 bits as numbers where they are safe, as decimal text where not; dates as ISO text; absent values as
 * null.
 */
const plain = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Date) return value.toISOString()
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number | bigint>, plain)
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
  }
  return value
}

// Node.js has zstd from 22.15 on.
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (input: Uint8Array) => Uint8Array }

const compressors = {
  GZIP: (input: Uint8Array) => zlib.gunzipSync(input),
  BROTLI: (input: Uint8Array) => zlib.brotliDecompressSync(input),
  ...(zstdDecompressSync !== undefined && { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) })
}

/** The rows of a Parquet file as plain objects. */
export const parquetRecords = (path: string): Stream.Stream<unknown, PromptError> => {
  const attempt = <A>(body: () => Promise<A>) =>
    Effect.tryPromise({
      try: body,
      catch: (cause) =>
        new PromptError({
          path,
          problem: `cannot be read as Parquet: ${cause instanceof Error ? cause.message : String(cause)}`,
          remedy: "check that the file is whole; convert codecs that are refused to snappy",
          cause
        })
    })
  return Stream.unwrap(
    attempt(async () => {
      const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import("hyparquet")
      const file = await asyncBufferFromFile(path)
      const metadata = await parquetMetadataAsync(file)
      let from = 0
      const groups = metadata.row_groups.map(({ num_rows }) => {
        const rowStart = from
        from += Number(num_rows)
        return { rowStart, rowEnd: from }
      })
      return Stream.fromIterable(groups).pipe(
        Stream.mapEffect((rows) => attempt(() => parquetReadObjects({ file, metadata, compressors, ...rows }))),
        Stream.flatMap((rows) => Stream.fromIterable(rows)),
        Stream.map(plain)
      )
    })
  )
}
