// A built curriculum is a folder: rows.jsonl (what is trained on, levels included), heldout.jsonl (whole rows of seeds
// that nothing is trained on) and curriculum.json, which is written last and says what the others must be.
import { createHash } from "node:crypto"
import { Effect, FileSystem, Option, Path, Schema, Stream } from "effect"
import { loadPrompts, printPrompt, readSize } from "./Dataset.ts"
import { PromptError } from "./PromptError.ts"
import type { PromptRow } from "./PromptRow.ts"

export const files = {
  manifest: "curriculum.json",
  rows: "rows.jsonl",
  heldOut: "heldout.jsonl",
  progress: "unfinished.json"
} as const

const FileInfo = Schema.Struct({ rows: Schema.Int, sha256: Schema.String })

/** What a folder holds and what it was made from. It has no times and no paths: equal builds are equal bytes. */
export const Manifest = Schema.Struct({
  format: Schema.Literal(1),
  /** Of everything that the rows follow from. */
  fingerprint: Schema.String,
  config: Schema.Record(Schema.String, Schema.Unknown),
  sources: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)),
  counts: Schema.Record(Schema.String, Schema.Int),
  rows: FileInfo,
  heldOut: Schema.optionalKey(FileInfo)
})
export type Manifest = typeof Manifest.Type

const ManifestText = Schema.fromJsonString(Manifest)

export const printManifest = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`

/** SHA-256 and lines of a file, read as a stream. */
export const digestFile = Effect.fnUntraced(
  function*(path: string) {
    const fs = yield* FileSystem.FileSystem
    const hash = createHash("sha256")
    let rows = 0
    yield* fs.stream(path, { chunkSize: readSize }).pipe(
      Stream.runForEach((bytes) =>
        Effect.sync(() => {
          hash.update(bytes)
          for (const byte of bytes) if (byte === 10) rows++
        })
      )
    )
    return { rows, sha256: hash.digest("hex") }
  },
  Effect.mapError(
    (cause) =>
      new PromptError({ problem: `cannot be read: ${cause.message}`, remedy: "build the curriculum again", cause })
  )
)

/** Whether a path is a folder that holds a curriculum, finished or not. */
export const isCurriculum = Effect.fnUntraced(
  function*(path: string) {
    const fs = yield* FileSystem.FileSystem
    const { join } = yield* Path.Path
    return (yield* fs.exists(join(path, files.manifest))) || (yield* fs.exists(join(path, files.progress)))
  },
  Effect.orElseSucceed(() => false)
)

/** The manifest of a finished curriculum. */
export const readManifest = Effect.fn("readManifest")(function*(folder: string) {
  const fs = yield* FileSystem.FileSystem
  const { join } = yield* Path.Path
  const path = join(folder, files.manifest)
  const exists = (name: string) => fs.exists(join(folder, name)).pipe(Effect.orElseSucceed(() => false))
  if (!(yield* exists(files.manifest))) {
    return yield* (yield* exists(files.progress))
      ? new PromptError({
          path: folder,
          problem: "the build of this curriculum was not finished",
          remedy: "run `ifrl curriculum build` again, it goes on where it was"
        })
      : new PromptError({
          path: folder,
          problem: "is no curriculum: it has no curriculum.json",
          remedy: "give a folder that `ifrl curriculum build` made"
        })
  }
  return yield* fs.readFileString(path).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(ManifestText)),
    Effect.mapError(
      (cause) =>
        new PromptError({
          path,
          problem: `cannot be read: ${cause.message}`,
          remedy: "build the curriculum again",
          cause
        })
    )
  )
})

const parts = { rows: files.rows, heldOut: files.heldOut } as const

/** Compares a part of a folder with what the manifest says of it, and gives its path. */
const checkPart = Effect.fnUntraced(function*(folder: string, part: keyof typeof parts, wanted: typeof FileInfo.Type) {
  const { join } = yield* Path.Path
  const path = join(folder, parts[part])
  if ((yield* digestFile(path)).sha256 === wanted.sha256) return path
  return yield* new PromptError({
    path,
    problem: "is not the file that was built: its SHA-256 differs from curriculum.json",
    remedy: "build the curriculum again"
  })
})

/** Compares all files of a finished curriculum with its manifest. */
export const checkCurriculum = Effect.fn("checkCurriculum")(function*(folder: string) {
  const { heldOut, rows } = yield* readManifest(folder)
  yield* checkPart(folder, "rows", rows)
  if (heldOut !== undefined) yield* checkPart(folder, "heldOut", heldOut)
})

/** The rows of a built curriculum, or those that it holds out, after comparing the file with the manifest. */
export const loadCurriculum = Effect.fn("loadCurriculum")(function*(folder: string, part: keyof typeof parts) {
  const wanted = (yield* readManifest(folder))[part]
  if (wanted === undefined) {
    return yield* new PromptError({
      path: folder,
      problem: "nothing is held out in this curriculum",
      remedy: "build it with a heldOut share, or name other held-out prompts"
    })
  }
  return yield* loadPrompts(yield* checkPart(folder, part, wanted))
})

const counters = Schema.Record(Schema.String, Schema.Int)

/** What is finished of a build: written whole after each chunk. */
const Progress = Schema.fromJsonString(
  Schema.Struct({
    fingerprint: Schema.String,
    /** Units whose rows are in the files. */
    done: Schema.Int,
    /** Lengths of the files with these rows, in bytes. */
    rowsBytes: Schema.Int,
    heldOutBytes: Schema.Int,
    counts: counters
  })
)
type Progress = typeof Progress.Type

/**
 * A build in a folder: begun anew, or taken up where the progress file says it was, with what was written after that
 * cut off. `finished` is the manifest of a build of the same fingerprint that has nothing left to do and whose files are
 * whole.
 */
export const openBuild = Effect.fn("openBuild")(function* <C extends Record<string, number>>(
  folder: string,
  {
    counts,
    fingerprint,
    heldOut,
    overwrite
  }: {
    readonly fingerprint: string
    readonly counts: C
    /** Whether rows are held out. */
    readonly heldOut: boolean
    readonly overwrite: boolean
  }
) {
  const fs = yield* FileSystem.FileSystem
  const { join } = yield* Path.Path
  const at = (name: string) => join(folder, name)
  const io = <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>) =>
    effect.pipe(
      Effect.mapError(
        (cause) =>
          new PromptError({
            path: folder,
            problem: `cannot be written: ${cause.message}`,
            remedy: "check the folder and the space on its disk",
            cause
          })
      )
    )
  const replace = (name: string, text: string) =>
    io(fs.writeFileString(at(`${name}.part`), text).pipe(Effect.andThen(fs.rename(at(`${name}.part`), at(name)))))
  const refuse = (state: string) =>
    new PromptError({
      path: folder,
      problem: `holds ${state} curriculum of other seeds or another config`,
      remedy: "give another folder, or overwrite this one"
    })
  const save = (progress: Progress) => replace(files.progress, JSON.stringify(progress))

  const saved = yield* fs
    .readFileString(at(files.progress))
    .pipe(Effect.flatMap(Schema.decodeUnknownEffect(Progress)), Effect.option, Effect.map(Option.getOrUndefined))
  const unfinished = yield* io(fs.exists(at(files.progress)))
  const manifest = (yield* io(fs.exists(at(files.manifest)))) ? yield* readManifest(folder) : undefined
  const same = manifest?.fingerprint === fingerprint
  // One whose files are no longer what was built is built again.
  if (same && (yield* checkCurriculum(folder).pipe(Effect.as(true), Effect.orElseSucceed(() => false)))) {
    yield* io(fs.remove(at(files.progress), { force: true }))
    return {
      finished: manifest,
      done: 0,
      counts,
      ids: [],
      append: () => Effect.void,
      finish: () => Effect.succeed(manifest)
    }
  }
  if (manifest !== undefined && !same && !overwrite) return yield* refuse("a finished")
  if (unfinished && saved?.fingerprint !== fingerprint && !overwrite) return yield* refuse("an unfinished")
  // Files of the same names, perhaps the very dataset that is to be imported.
  const foreign = manifest === undefined && !unfinished && !overwrite
    ? yield* Effect.filter([files.rows, files.heldOut], (name) => io(fs.exists(at(name))))
    : []
  if (foreign.length > 0) {
    return yield* new PromptError({
      path: folder,
      problem: `holds ${foreign.join(" and ")} of no curriculum, which would be lost`,
      remedy: "give another folder, or overwrite this one"
    })
  }

  const sizeOf = (name: string) =>
    fs.stat(at(name)).pipe(
      Effect.map(({ size }) => Number(size)),
      Effect.orElseSucceed(() => -1)
    )
  const usable =
    !same &&
    saved?.fingerprint === fingerprint &&
    (yield* sizeOf(files.rows)) >= saved.rowsBytes &&
    (!heldOut || (yield* sizeOf(files.heldOut)) >= saved.heldOutBytes)
  const written = heldOut ? [files.rows, files.heldOut] : [files.rows]
  let progress: Progress = usable ? saved! : { fingerprint, done: 0, rowsBytes: 0, heldOutBytes: 0, counts }
  if (!usable) {
    yield* io(fs.makeDirectory(folder, { recursive: true }))
    yield* io(fs.remove(at(files.manifest), { force: true }))
    yield* save(progress)
    yield* io(fs.remove(at(files.heldOut), { force: true }))
    for (const name of written) yield* io(fs.writeFile(at(name), new Uint8Array()))
  } else {
    yield* io(fs.truncate(at(files.rows), progress.rowsBytes))
    if (heldOut) yield* io(fs.truncate(at(files.heldOut), progress.heldOutBytes))
  }
  const ids = yield* Effect.forEach(written, (name) =>
    io(
      fs.stream(at(name), { chunkSize: readSize }).pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.filter((line) => line !== ""),
        Stream.map((line) => (JSON.parse(line) as PromptRow).id),
        Stream.runCollect
      )
    )
  )

  const appendTo = (name: string, rows: ReadonlyArray<PromptRow>) => {
    const bytes = new TextEncoder().encode(rows.map((row) => `${printPrompt(row)}\n`).join(""))
    return io(fs.writeFile(at(name), bytes, { flag: "a" })).pipe(Effect.as(bytes.length))
  }
  const append = Effect.fnUntraced(function*(chunk: {
    readonly rows: ReadonlyArray<PromptRow>
    readonly heldOut: ReadonlyArray<PromptRow>
    readonly done: number
    readonly counts: C
  }) {
    const rowsBytes = progress.rowsBytes + (yield* appendTo(files.rows, chunk.rows))
    const heldOutBytes = progress.heldOutBytes + (heldOut ? yield* appendTo(files.heldOut, chunk.heldOut) : 0)
    progress = { fingerprint, done: chunk.done, rowsBytes, heldOutBytes, counts: chunk.counts }
    yield* save(progress)
  })
  const finish = Effect.fnUntraced(function*(about: {
    readonly config: Readonly<Record<string, unknown>>
    readonly sources: ReadonlyArray<object>
  }) {
    const manifest: Manifest = {
      format: 1,
      fingerprint,
      config: about.config,
      sources: about.sources.map((source) => ({ ...source })),
      counts: progress.counts,
      rows: yield* digestFile(at(files.rows)),
      ...(heldOut && { heldOut: yield* digestFile(at(files.heldOut)) })
    }
    yield* replace(files.manifest, printManifest(manifest))
    yield* io(fs.remove(at(files.progress)))
    return manifest
  })
  return { finished: undefined, done: progress.done, counts: progress.counts as C, ids: ids.flat(), append, finish }
})
