// A run is a folder: run.json (the command, and the process that writes here), config.json (what it was told, complete),
// metrics.jsonl, completions.jsonl, rollout.safetensors (what the step in progress learns from), checkpoints/, tensorboard/
// where asked for and, when it has ended, summary.json.
import { Cause, Context, DateTime, Effect, Exit, FileSystem, Layer, Option, Path, Schema, Stream } from "effect"
import { randomUUID } from "node:crypto"
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
  /** Nothing, or a failure when another process has begun to write to this run. Whatever writes here asks before each step. */
  readonly own: Effect.Effect<void, CommandError>
  /** Append records to completions.jsonl. */
  readonly appendCompletions: (records: ReadonlyArray<{ readonly step: number }>) => Effect.Effect<void, CommandError>
  /** Drop the records of steps after `step`, which a resumed run makes again. */
  readonly rewindCompletions: (step: number) => Effect.Effect<void, CommandError>
  /** Write summary.json, whole or not at all. */
  readonly writeSummary: (summary: unknown) => Effect.Effect<void, CommandError>
}>()("@ifrl/trainer/RunFolder") {
  /**
   * The folder of a run of `command` under `config`. A new run refuses a folder that already holds one; a resumed run
   * goes on in the folder it is given, unless that is one of another command.
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

/** What a folder is a run of, and who writes there: the process that began or resumed it last. */
const Run = Schema.Struct({ command: Schema.String, writer: Schema.String })
const decodeRun = Schema.decodeEffect(Schema.fromJsonString(Run))

const make = Effect.fnUntraced(function*(command: string, config: Config, resume: string | undefined) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const stamp = DateTime.formatIso(yield* DateTime.now).slice(0, 19).replace("T", "-").replaceAll(":", "")
  const name = config.run.name === "" ? `${command.replaceAll(" ", "-")}-${stamp}` : config.run.name
  const directory = resume ?? path.join(config.run.folder, name)

  const write = (file: string, value: unknown) => replaceJson(file, value).pipe(Effect.provideService(FileSystem.FileSystem, fs))
  const configFile = path.join(directory, "config.json")
  const runFile = path.join(directory, "run.json")
  // Folders that were made before there was a run.json have no command.
  const readRun = fs.readFileString(runFile).pipe(Effect.flatMap(decodeRun), Effect.option, Effect.map(Option.getOrUndefined))
  const by = (yield* readRun)?.command
  if (resume === undefined && (yield* fs.exists(configFile).pipe(inFolder(directory)))) {
    return yield* new CommandError({
      operation: "run folder",
      subject: directory,
      reason: by === undefined ? "already holds a run" : `already holds a run of ifrl ${by}`,
      remedy: by === undefined || by === command ? `go on with --resume ${directory}, or choose another --name` : "choose another --name"
    })
  }
  if (resume !== undefined && by !== undefined && by !== command) {
    return yield* new CommandError({
      operation: "run folder",
      subject: directory,
      reason: `holds a run of ifrl ${by}, which ifrl ${command} would write over`,
      remedy: `go on with ifrl ${by} --resume ${directory}, or leave out --resume`
    })
  }
  yield* fs.makeDirectory(path.join(directory, "checkpoints"), { recursive: true }).pipe(inFolder(directory))
  // What fails before it has left anything, for a path that was mistyped say, keeps neither the folder nor its name.
  const withdraw = Effect.gen(function*() {
    const names = [...yield* fs.readDirectory(directory), ...yield* fs.readDirectory(path.join(directory, "checkpoints"))]
    if (names.every((found) => ["checkpoints", "config.json", "run.json"].includes(found))) yield* fs.remove(directory, { recursive: true })
  }).pipe(Effect.ignore)
  if (resume === undefined) {
    yield* Effect.addFinalizer((exit) => Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause) ? withdraw : Effect.void)
  }
  const writer = `process ${process.pid}, ${DateTime.formatIso(yield* DateTime.now)}, ${randomUUID()}`
  let claimed = false
  // Two processes that write to one run would mix its steps: the one that has begun to write later goes on.
  const own = Effect.gen(function*() {
    if (!claimed) {
      claimed = true
      return yield* write(runFile, { command, writer } satisfies typeof Run.Type)
    }
    const found = yield* readRun
    if (found === undefined || found.writer === writer) return
    return yield* new CommandError({
      operation: "run folder",
      subject: directory,
      reason: `another process has gone on with the run: ${found.writer.replace(/, [^,]*$/, "")}`,
      remedy: "let one process at a time write to a run"
    })
  })
  const keepConfig = Effect.andThen(own, write(configFile, config))
  if (resume === undefined) yield* keepConfig

  const completions = path.join(directory, "completions.jsonl")
  return RunFolder.of({
    directory,
    metrics: path.join(directory, "metrics.jsonl"),
    checkpoints: path.join(directory, "checkpoints"),
    tensorBoard: path.join(directory, "tensorboard"),
    rollout: path.join(directory, "rollout.safetensors"),
    own,
    keepConfig,
    appendCompletions: (records) =>
      Effect.andThen(
        own,
        fs.writeFileString(completions, records.map((record) => `${JSON.stringify(record)}\n`).join(""), { flag: "a" }).pipe(inFolder(completions))
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
    writeSummary: (summary) => Effect.andThen(own, write(path.join(directory, "summary.json"), summary))
  })
})
