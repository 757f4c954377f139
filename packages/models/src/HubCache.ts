/**
 * The cache of Python's huggingface_hub: `models--{owner}--{name}` with `blobs/{etag}`, the contents once each;
 * `snapshots/{commit}/{file}`, links to them; and `refs/{branch or tag}`, the commit that it was last seen at.
 */
import { Clock, Effect, FileSystem, Option, Path } from "effect"
import { fileError, isRecord, readJson, writeTextAtomically } from "./Files.ts"
import { ModelError } from "./ModelError.ts"

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)

export const singleFile = "model.safetensors"
export const indexFile = "model.safetensors.index.json"

/** Names of the shards that an index lists, in order. */
export const shardsOf = (index: unknown): ReadonlyArray<string> =>
  isRecord(index) && isRecord(index["weight_map"])
    ? [...new Set(Object.values(index["weight_map"]).map(String))].sort()
    : []

/** Milliseconds. */
const abandonedAfter = 60_000

const remedy = "Check the permissions of the cache, or set HF_HUB_CACHE to another folder"

export class HubCache {
  /** The model's folder in the cache. */
  readonly folder: string
  readonly #fs: FileSystem.FileSystem
  readonly #path: Path.Path

  private constructor(folder: string, fs: FileSystem.FileSystem, path: Path.Path) {
    this.folder = folder
    this.#fs = fs
    this.#path = path
  }

  static readonly make = Effect.fnUntraced(function*(cache: string, id: string) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    return new HubCache(path.join(cache, `models--${id.replaceAll("/", "--")}`), fs, path)
  })

  snapshot(commit: string): string {
    return this.#path.join(this.folder, "snapshots", commit)
  }
  get blobs(): string {
    return this.#path.join(this.folder, "blobs")
  }
  blob(etag: string): string {
    return this.#path.join(this.blobs, etag)
  }
  #ref(revision: string): string {
    return this.#path.join(this.folder, "refs", ...revision.split("/"))
  }

  /** Whether there is such a file; a link that leads nowhere is none. */
  has(file: string): Effect.Effect<boolean, ModelError> {
    return this.#fs.exists(file).pipe(Effect.mapError(fileError(file, remedy)))
  }

  /** Bytes of a file; 0 if there is none. */
  bytes(file: string): Effect.Effect<number> {
    return this.#fs.stat(file).pipe(
      Effect.map(({ size }) => Number(size)),
      Effect.orElseSucceed(() => 0)
    )
  }

  /** The commit that a revision stood at when it was last fetched. */
  commitOf(revision: string): Effect.Effect<string | undefined> {
    if (isCommit(revision)) return Effect.succeed(revision)
    return this.#fs.readFileString(this.#ref(revision)).pipe(
      Effect.map((text) => (isCommit(text.trim()) ? text.trim() : undefined)),
      Effect.orElseSucceed(() => undefined)
    )
  }

  /**
   * Runs with a blob to oneself. A lock is a file that its holder touches; one that nobody has touched for a minute was
   * left by a process that ended.
   */
  readonly alone = <A, E, R>(etag: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | ModelError, R> => {
    const file = `${this.blob(etag)}.incomplete.lock`
    const fs = this.#fs
    const io = Effect.mapError(fileError(file, remedy))
    const touch = Effect.flatMap(Clock.currentTimeMillis, (now) => fs.utimes(file, new Date(now), new Date(now)))
    const isLeft = Effect.gen(function*() {
      const { mtime } = yield* fs.stat(file)
      return Option.isSome(mtime) && (yield* Clock.currentTimeMillis) - mtime.value.getTime() > abandonedAfter
    }).pipe(Effect.orElseSucceed(() => false))
    const take = Effect.scoped(fs.open(file, { flag: "wx" })).pipe(
      Effect.as(true),
      Effect.catchIf(
        (error) => error.reason._tag === "AlreadyExists",
        () => Effect.succeed(false)
      ),
      io
    )
    const acquire = Effect.gen(function*() {
      while (!(yield* take)) {
        if (yield* isLeft) yield* io(fs.remove(file, { force: true }))
        else yield* Effect.sleep("200 millis")
      }
    })
    return Effect.acquireUseRelease(
      // Waiting for another process can take long; it may be interrupted.
      Effect.interruptible(acquire),
      () => Effect.raceFirst(effect, Effect.forever(Effect.delay(Effect.ignore(touch), "10 seconds"))),
      () => Effect.ignore(fs.remove(file, { force: true }))
    )
  }

  /** Makes folders. */
  prepare(...folders: ReadonlyArray<string>): Effect.Effect<void, ModelError> {
    return Effect.forEach(
      folders,
      (folder) => this.#fs.makeDirectory(folder, { recursive: true }).pipe(Effect.mapError(fileError(folder, remedy))),
      { discard: true }
    )
  }

  /** Makes a file of a snapshot a link to a blob, or a copy where the file system has no links. */
  link(etag: string, commit: string, name: string): Effect.Effect<void, ModelError> {
    const file = this.#path.join(this.snapshot(commit), name)
    const target = this.#path.relative(this.#path.dirname(file), this.blob(etag))
    return this.#fs
      .remove(file, { force: true })
      .pipe(
        Effect.andThen(
          this.#fs.symlink(target, file).pipe(Effect.catch(() => this.#fs.copyFile(this.blob(etag), file)))
        ),
        Effect.mapError(fileError(file, remedy))
      )
  }

  /** Remembers the commit of a branch or tag. */
  remember(revision: string, commit: string): Effect.Effect<void, ModelError> {
    if (isCommit(revision)) return Effect.void
    const file = this.#ref(revision)
    return this.prepare(this.#path.dirname(file)).pipe(
      Effect.andThen(writeTextAtomically(file, commit)),
      Effect.provideService(FileSystem.FileSystem, this.#fs)
    )
  }

  /** The folder of a snapshot if it holds a whole model (or all but its weights), else the name of the first file that it lacks. */
  readonly whole = Effect.fnUntraced({ self: this as HubCache }, function*(commit: string, weights: boolean) {
    const folder = this.snapshot(commit)
    const has = (name: string) => this.has(this.#path.join(folder, name))
    const needed = ["config.json", "tokenizer.json", "tokenizer_config.json"]
    if (weights && !(yield* has(singleFile))) {
      if (!(yield* has(indexFile))) needed.push(singleFile)
      else {
        const index = readJson(this.#path.join(folder, indexFile), "Remove it from the cache and fetch it again")
        needed.push(...shardsOf(yield* index.pipe(Effect.provideService(FileSystem.FileSystem, this.#fs))))
      }
    }
    for (const name of needed) if (!(yield* has(name))) return { missing: name }
    return { folder }
  })
}
