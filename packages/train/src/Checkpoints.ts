// Checkpoints are folders `step-000010`, written beside their place and renamed into it when whole. A checkpoint holds
// an ordinary Hugging Face model folder, the optimizer's moments, and `trainer_state.json`, which carries the hash of
// every other file: what is loaded is what was written.
import { createHash } from "node:crypto"
import { Context, Effect, FileSystem, Layer, Path, Schema, Stream } from "effect"
import { TrainError } from "./TrainError.ts"

const stateFile = "trainer_state.json"
const folderPattern = /^step-(\d+)$/

/** Of `trainer_state.json`. A folder written by a later version is refused by its number, not by what it lacks. */
const version = 1

const State = Schema.Struct({
  version: Schema.Literal(version),
  step: Schema.Int,
  /** What the evaluation after this step came to, the greater the better. */
  score: Schema.optionalKey(Schema.Finite),
  /** SHA-256 of each file, by its path within the folder. */
  files: Schema.Record(Schema.String, Schema.String),
  /** What the loop needs to go on: data cursor, seeds, schedule. */
  state: Schema.Unknown
})

/** A checkpoint that was found and verified. */
export interface Checkpoint {
  readonly directory: string
  readonly step: number
  /** What the evaluation after this step came to, where there was one. */
  readonly score?: number
  readonly state: unknown
}

export class Checkpoints extends Context.Service<Checkpoints, {
  /**
   * Write the checkpoint of `step`: `write` puts its files into the folder it is given. Older checkpoints beyond
   * the number to keep are removed only after the new one is in place; the one with the best score stays. A failure
   * leaves the older ones as they were.
   */
  readonly save: <E, R>(
    step: number,
    state: unknown,
    write: (directory: string) => Effect.Effect<void, E, R>,
    score?: number
  ) => Effect.Effect<string, E | TrainError, R>
  /** The newest checkpoint, its files verified against their hashes; undefined when there is none. */
  readonly latest: Effect.Effect<Checkpoint | undefined, TrainError>
  /** The checkpoint with the best score, the earliest among equals, verified; undefined when none has a score. */
  readonly best: Effect.Effect<Checkpoint | undefined, TrainError>
  /** Verify and open one checkpoint folder. */
  readonly open: (directory: string) => Effect.Effect<Checkpoint, TrainError>
}>()("@ifrl/train/Checkpoints") {
  /** Checkpoints under `directory`, the newest `keep` of them kept (0 keeps all) and the one with the best score. */
  static readonly layer = (
    directory: string,
    keep: number
  ): Layer.Layer<Checkpoints, never, FileSystem.FileSystem | Path.Path> =>
    Layer.effect(Checkpoints, make(directory, keep))
}

const make = Effect.fnUntraced(function*(directory: string, keep: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  const fail = (subject: string, remedy: string) => (cause: unknown) =>
    cause instanceof TrainError
      ? cause
      : new TrainError({ operation: "checkpoint", subject, reason: String(cause), remedy, cause })

  const hash = (file: string) =>
    Effect.suspend(() => {
      const digest = createHash("sha256")
      return fs.stream(file).pipe(
        Stream.runForEach((chunk) => Effect.sync(() => digest.update(chunk))),
        Effect.map(() => digest.digest("hex"))
      )
    })

  const flush = (file: string) => Effect.scoped(fs.open(file, { flag: "r+" }).pipe(Effect.flatMap((handle) => handle.sync)))

  const filesUnder = (folder: string) =>
    fs.readDirectory(folder, { recursive: true }).pipe(
      Effect.flatMap(Effect.filter((name) =>
        fs.stat(path.join(folder, name)).pipe(Effect.map((info) => info.type === "File"))
      )),
      Effect.map((names) => names.filter((name) => name !== stateFile).toSorted())
    )

  const steps = fs.exists(directory).pipe(
    Effect.flatMap((exists) => exists ? fs.readDirectory(directory) : Effect.succeed([])),
    Effect.map((names) =>
      names.flatMap((name) => {
        const match = folderPattern.exec(name)
        return match === null ? [] : [{ name, step: Number(match[1]) }]
      }).toSorted((a, b) => b.step - a.step)
    )
  )

  const describe = (folder: string) =>
    Effect.gen(function*() {
      const file = path.join(folder, stateFile)
      const text = yield* fs.readFileString(file)
      const Versioned = Schema.fromJsonString(Schema.Struct({ version: Schema.Int }))
      const found = yield* Schema.decodeUnknownEffect(Versioned)(text)
      if (found.version !== version) {
        return yield* new TrainError({
          operation: "checkpoint",
          subject: file,
          reason: `is of version ${found.version}, this program reads version ${version}`,
          remedy: "resume with the version of ifrl that wrote it"
        })
      }
      return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(State))(text)
    }).pipe(Effect.mapError(fail(path.join(folder, stateFile), "delete this folder to resume from the one before it")))

  /** The folder with the best score. One that cannot be read has none: `open` says why when it is asked for. */
  const bestOf = (folders: ReadonlyArray<{ readonly name: string; readonly step: number }>) =>
    Effect.forEach(folders, ({ name, step }) =>
      describe(path.join(directory, name)).pipe(
        Effect.map(({ score }) => ({ name, step, score })),
        Effect.orElseSucceed(() => ({ name, step, score: undefined }))
      )).pipe(
        Effect.map((all) =>
          all.flatMap(({ name, score, step }) => score === undefined ? [] : [{ name, score, step }])
            .toSorted((a, b) => b.score - a.score || a.step - b.step)[0]
        )
      )

  const save = Effect.fnUntraced(function*<E, R>(
    step: number,
    state: unknown,
    write: (directory: string) => Effect.Effect<void, E, R>,
    score?: number
  ) {
    const target = path.join(directory, `step-${String(step).padStart(6, "0")}`)
    const guard = Effect.mapError(fail(target, "free disk space or choose another run folder, then resume"))
    const temporary = path.join(directory, `.writing-${step}`)
    const clean = fs.remove(temporary, { recursive: true, force: true })
    yield* fs.makeDirectory(directory, { recursive: true }).pipe(
      Effect.andThen(clean),
      Effect.andThen(fs.makeDirectory(temporary)),
      guard
    )
    yield* write(temporary).pipe(Effect.onError(() => Effect.ignore(clean)))
    yield* Effect.gen(function*() {
      const files: Record<string, string> = {}
      for (const name of yield* filesUnder(temporary)) {
        yield* flush(path.join(temporary, name))
        files[name] = yield* hash(path.join(temporary, name))
      }
      const record: typeof State.Type = { version, step, ...(score !== undefined && { score }), files, state }
      const text = JSON.stringify(record, null, 2)
      yield* fs.writeFileString(path.join(temporary, stateFile), `${text}\n`)
      yield* flush(path.join(temporary, stateFile))
      yield* fs.remove(target, { recursive: true, force: true })
      yield* fs.rename(temporary, target)
      const all = yield* steps
      const best = yield* bestOf(all)
      const old = keep > 0 ? all.slice(keep).filter(({ name }) => name !== best?.name) : []
      yield* Effect.forEach(old, ({ name }) => fs.remove(path.join(directory, name), { recursive: true }))
    }).pipe(guard, Effect.onError(() => Effect.ignore(clean)))
    return target
  })

  const open = Effect.fnUntraced(function*(folder: string) {
    const remedy = "delete this folder to resume from the one before it"
    const decoded = yield* describe(folder)
    for (const [name, expected] of Object.entries(decoded.files)) {
      const part = path.join(folder, name)
      const found = yield* hash(part).pipe(Effect.mapError(fail(part, remedy)))
      if (found !== expected) {
        return yield* new TrainError({
          operation: "checkpoint",
          subject: part,
          reason: `SHA-256 is ${found}, was ${expected} when written`,
          remedy
        })
      }
    }
    const { score, state, step } = decoded
    return { directory: folder, step, ...(score !== undefined && { score }), state } satisfies Checkpoint
  })

  const latest = steps.pipe(
    Effect.mapError(fail(directory, "make the run folder readable")),
    Effect.flatMap(([newest]) => newest === undefined ? Effect.undefined : open(path.join(directory, newest.name)))
  )

  const best = steps.pipe(
    Effect.mapError(fail(directory, "make the run folder readable")),
    Effect.flatMap(bestOf),
    Effect.flatMap((found) => found === undefined ? Effect.undefined : open(path.join(directory, found.name)))
  )

  return Checkpoints.of({ save, latest, best, open })
})
