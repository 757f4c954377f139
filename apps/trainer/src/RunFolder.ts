// A run is a folder: config.json (what it was told, complete), metrics.jsonl, completions.jsonl, rollout.safetensors (what the
// step in progress learns from), checkpoints/, tensorboard/ where asked for and, when it has ended, summary.json.
import { Context, DateTime, Effect, FileSystem, Layer, Path, Stream } from "effect"
import { CommandError } from "./CommandError.ts"
import type { Config } from "./Config.ts"

export class RunFolder extends Context.Service<RunFolder, {
  readonly directory: string
  readonly metrics: string
  readonly checkpoints: string
  /** TensorBoard's event files. */
  readonly tensorBoard: string
  /** The rollout that the step in progress learns from. */
  readonly rollout: string
  /** Where the finished model is saved. */
  readonly model: string
  /** Where a finished adapter is saved, besides the model that it is merged into. */
  readonly adapter: string
  /** Write the config of a resumed run, once nothing refuses it: until then the folder keeps what the run was told before. */
  readonly keepConfig: Effect.Effect<void, CommandError>
  /** Append records to completions.jsonl. */
  readonly appendCompletions: (records: ReadonlyArray<{ readonly step: number }>) => Effect.Effect<void, CommandError>
  /** Drop the records of steps after `step`, which a resumed run makes again. */
  readonly rewindCompletions: (step: number) => Effect.Effect<void, CommandError>
  /** Write summary.json, whole or not at all. */
  readonly writeSummary: (summary: unknown) => Effect.Effect<void, CommandError>
}>()("@ifrl/trainer/RunFolder") {
  /**
   * The folder of a run of `command` under `config`. A new run refuses a folder that already holds one; a resumed run
   * goes on in the folder it is given.
   */
  static readonly layer = (
    command: string,
    config: Config,
    resume?: string
  ): Layer.Layer<RunFolder, CommandError, FileSystem.FileSystem | Path.Path> => Layer.effect(RunFolder, make(command, config, resume))
}

/** A line that a crash cut short belongs to no step. */
const stepOf = (line: string): number => {
  try {
    return (JSON.parse(line) as { readonly step: number }).step
  } catch {
    return Infinity
  }
}

/** What keeps a file of a run from being written or read. */
export const inFolder = (subject: string) => <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>) =>
  effect.pipe(Effect.mapError((cause) =>
    new CommandError({ operation: "run folder", subject, reason: cause.message, remedy: "make the folder writable and free disk space", cause })
  ))

/** Writes a file as JSON, whole or not at all. */
export const replaceJson = Effect.fnUntraced(function*(file: string, value: unknown) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(`${file}.tmp`, `${JSON.stringify(value, null, 2)}\n`).pipe(
    Effect.andThen(fs.rename(`${file}.tmp`, file)),
    inFolder(file)
  )
})

const make = Effect.fnUntraced(function*(command: string, config: Config, resume: string | undefined) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const stamp = DateTime.formatIso(yield* DateTime.now).slice(0, 19).replace("T", "-").replaceAll(":", "")
  const name = config.run.name === "" ? `${command}-${stamp}` : config.run.name
  const directory = resume ?? path.join(config.run.folder, name)

  const configFile = path.join(directory, "config.json")
  if (resume === undefined && (yield* fs.exists(configFile).pipe(inFolder(directory)))) {
    return yield* new CommandError({
      operation: "run folder",
      subject: directory,
      reason: "already holds a run",
      remedy: `go on with --resume ${directory}, or choose another --name`
    })
  }
  yield* fs.makeDirectory(path.join(directory, "checkpoints"), { recursive: true }).pipe(inFolder(directory))
  const keepConfig = replaceJson(configFile, config).pipe(Effect.provideService(FileSystem.FileSystem, fs))
  if (resume === undefined) yield* keepConfig

  const completions = path.join(directory, "completions.jsonl")
  return RunFolder.of({
    directory,
    metrics: path.join(directory, "metrics.jsonl"),
    checkpoints: path.join(directory, "checkpoints"),
    tensorBoard: path.join(directory, "tensorboard"),
    rollout: path.join(directory, "rollout.safetensors"),
    keepConfig,
    appendCompletions: (records) =>
      fs.writeFileString(completions, records.map((record) => `${JSON.stringify(record)}\n`).join(""), { flag: "a" }).pipe(
        inFolder(completions)
      ),
    model: path.join(directory, "model"),
    adapter: path.join(directory, "adapter"),
    rewindCompletions: Effect.fnUntraced(function*(step: number) {
      if (!(yield* fs.exists(completions))) return
      yield* fs.stream(completions).pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.filter((line) => stepOf(line) <= step),
        Stream.map((line) => `${line}\n`),
        Stream.encodeText,
        Stream.run(fs.sink(`${completions}.tmp`))
      )
      yield* fs.rename(`${completions}.tmp`, completions)
    }, inFolder(completions)),
    writeSummary: (summary) => replaceJson(path.join(directory, "summary.json"), summary).pipe(Effect.provideService(FileSystem.FileSystem, fs))
  })
})
