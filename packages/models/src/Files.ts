/** File access with errors that name the file, and files that appear under their name only when they are whole. */
import { Effect, FileSystem, type PlatformError } from "effect"
import { inFile, ModelError } from "./ModelError.ts"

/** Reports a failure of the file system by the file's name. */
export const fileError =
  (file: string, remedy: string) =>
  (cause: PlatformError.PlatformError): ModelError =>
    new ModelError({
      file,
      problem: cause.reason._tag === "NotFound" ? "does not exist" : cause.message,
      remedy,
      cause
    })

const named = (path: string, remedy: string) => (error: ModelError | PlatformError.PlatformError) =>
  error instanceof ModelError ? inFile(path)(error) : fileError(path, remedy)(error)

type Use<A> = (file: FileSystem.File) => Effect.Effect<A, ModelError | PlatformError.PlatformError>

/** Opens a file for reading for as long as `use` runs. */
export const opened = <A>(path: string, use: Use<A>): Effect.Effect<A, ModelError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => Effect.scoped(Effect.flatMap(fs.open(path, { flag: "r" }), use))),
    Effect.mapError(named(path, "Check the path and its permissions"))
  )

/** Writes `path` through a file beside it that is renamed when `use` has ended and the data are on the disk. */
export const writeAtomically = Effect.fnUntraced(function*(path: string, use: Use<void>) {
  const fs = yield* FileSystem.FileSystem
  const partial = `${path}.partial`
  yield* fs.open(partial, { flag: "w" }).pipe(
    Effect.flatMap((file) => Effect.andThen(use(file), file.sync)),
    Effect.scoped,
    Effect.andThen(fs.rename(partial, path)),
    Effect.onError(() => Effect.ignore(fs.remove(partial, { force: true }))),
    Effect.mapError(named(path, "Free disk space or choose another folder; what was there before is untouched"))
  )
})

/** The text of a file. */
export const readText = (path: string, remedy: string): Effect.Effect<string, ModelError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFileString(path)),
    Effect.mapError(fileError(path, remedy))
  )

/** The JSON value of a file. */
export const readJson = (path: string, remedy: string): Effect.Effect<unknown, ModelError, FileSystem.FileSystem> =>
  readText(path, remedy).pipe(
    Effect.flatMap((text) =>
      Effect.try({
        try: () => JSON.parse(text) as unknown,
        catch: (cause) => new ModelError({ file: path, problem: "is not JSON", remedy, cause })
      })
    )
  )

/** The bytes of a file. */
export const readBytes = (path: string, remedy: string): Effect.Effect<Uint8Array, ModelError, FileSystem.FileSystem> =>
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.readFile(path)),
    Effect.mapError(fileError(path, remedy))
  )

export const writeBytesAtomically = (path: string, bytes: Uint8Array) =>
  writeAtomically(path, (file) => file.writeAll(bytes))

export const writeTextAtomically = (path: string, text: string) =>
  writeBytesAtomically(path, new TextEncoder().encode(text))

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
