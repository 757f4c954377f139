// What `train`, `sft` and `eval` have in common: a config, a dry run that costs nothing, a run folder, a display, and a
// summary at the end.
import type { PromptError } from "@ifrl/curriculum"
import type { ModelError } from "@ifrl/models"
import { Runtime } from "@ifrl/runtime"
import type { Checkpoint } from "@ifrl/train"
import { Console, Effect, FileSystem, Layer, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { CommandError } from "../CommandError.ts"
import type { Config } from "../Config.ts"
import { readConfig } from "../ConfigSource.ts"
import { Display } from "../Display.ts"
import { configFlags, Json, sourceOf } from "../Flags.ts"
import { machineSpeed } from "../MachineSpeed.ts"
import { embeddedConfig, fetchModel, modelDirectory, readModelSize, saysNothing } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"
import { printUnits, unitsJson } from "../PrintUnits.ts"
import { RunFolder } from "../RunFolder.ts"
import { rewardBase } from "../SoftModel.ts"
import { assumedPromptTokens, type Assumptions, type ModelSize, type Units } from "../Units.ts"

/** What a run has come to: `summary` is written to summary.json and printed under --json, `text` is for a person. */
export interface RunResult {
  readonly summary: object
  readonly text: string
}

export interface RunOptions {
  /** The run goes on from the newest checkpoint of its folder. */
  readonly resumed: boolean
}

export interface RunCommandOptions<E, R, W> {
  readonly description: string
  /** Without a config file and a model, the run is that of the embedded model, under the config that was made for it. */
  readonly embedded?: boolean
  /** Flags without which the run could not go on, ` --suite ifeval`. */
  readonly resumeWith?: string
  /** Whether the run trains a reward model, and so reads its base. */
  readonly makesPairs?: (config: Config) => boolean
  /** The sizes of a model that is not in the folder that the config names. */
  readonly newModel?: (config: Config) => Effect.Effect<ModelSize, ModelError> | undefined
  /** What a dry run counts in the run's data. */
  readonly work?: (config: Config) => Effect.Effect<W, CommandError | ModelError | PromptError, FileSystem.FileSystem | Path.Path>
  /** What the run would ask for. */
  readonly units: (config: Config, model: ModelSize, assumed: Assumptions, work: W) => Units
  readonly program: (config: Config, options: RunOptions) => Effect.Effect<RunResult, E, R>
}

/** ONNX Runtime with the config's threads; 0 are as many as this process may use. */
export const runtimeLayer = ({ model: { threads } }: Config) => Runtime.layer(threads === 0 ? {} : { threads })

/** What a checkpoint says of the run of `command` that it belongs to; one of another command is refused. */
export const stateOf = <S>(
  command: string,
  is: (state: unknown) => state is S,
  checkpoint: Checkpoint | undefined
): Effect.Effect<S | undefined, CommandError> => {
  if (checkpoint === undefined) return Effect.undefined
  const { directory, state } = checkpoint
  return is(state) ? Effect.succeed(state) : Effect.fail(
    new CommandError({
      operation: "resume",
      subject: directory,
      reason: `is not a checkpoint of ifrl ${command}`,
      remedy: "resume with the command that made the run"
    })
  )
}

const dryRun = Effect.fnUntraced(function*<W>(config: Config, { newModel, units: unitsOf, work: workOf }: Pick<RunCommandOptions<never, never, W>, "newModel" | "units" | "work">) {
  const model = yield* newModel?.(config) ?? readModelSize(modelDirectory(config.model.path))
  const { gigaflops } = yield* machineSpeed.pipe(Effect.provide(runtimeLayer(config)))
  const work = workOf === undefined ? undefined as W : yield* workOf(config)
  const units = unitsOf(config, model, { promptTokens: assumedPromptTokens, gigaflops }, work)
  yield* printResult(unitsJson(units), printUnits(units))
})

/** Names of the models that a run reads. */
const modelsOf = (config: Config, { makesPairs }: Pick<RunCommandOptions<never, never, never>, "makesPairs">): ReadonlySet<string> =>
  new Set([config.model.path, ...(makesPairs?.(config) === true ? [rewardBase(config)] : [])])

/** Flags of every run. */
export const runFlags = {
  ...configFlags,
  resume: Flag.String("resume").pipe(
    Flag.withMetavar("folder"),
    Flag.withDescription("Go on with the run in this folder, under its own config"),
    Flag.optional
  ),
  "dry-run": Flag.Boolean("dry-run").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Print what the run would ask for, and end; no weights are read")
  )
}

/** What a run does with its flags. */
export const runHandler =
  <E, R, W = undefined>(name: string, options: Omit<RunCommandOptions<E, R, W>, "description">) => (input: Command.Command.Config.Infer<typeof runFlags>) =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const resume = Option.getOrUndefined(input.resume)
      const source = sourceOf(input)
      if (resume !== undefined && (source.file ?? source.preset) !== undefined) {
        return yield* new CommandError({
          operation: name,
          subject: source.file !== undefined ? `--config ${source.file}` : `--preset ${source.preset}`,
          reason: `a resumed run has a config, ${path.join(resume, "config.json")}`,
          remedy: "leave --config and --preset out; --set and named flags still count"
        })
      }
      const saved = resume === undefined ? undefined : path.join(resume, "config.json")
      if (saved !== undefined && !(yield* (yield* FileSystem.FileSystem).exists(saved))) {
        return yield* new CommandError({
          operation: name,
          subject: `--resume ${resume}`,
          reason: `there is no run, for want of ${saved}`,
          remedy: "give the folder of a run, which is the first thing that a run prints"
        })
      }
      const shipped = options.embedded === true && saysNothing(source) ? embeddedConfig() : undefined
      const file = saved ?? source.file ?? shipped
      const config = yield* readConfig({ ...source, file })
      yield* Effect.forEach(modelsOf(config, options), (model) => fetchModel(model, { weights: !input["dry-run"] }), { discard: true })
      if (input["dry-run"]) return yield* dryRun(config, options)

      const run = Effect.gen(function*() {
        const folder = yield* RunFolder
        const display = yield* Display
        yield* display.line(`run ${folder.directory}`)
        const result = yield* options.program(config, { resumed: resume !== undefined }).pipe(
          // A live view wipes out what is printed under it.
          Effect.onInterrupt(() =>
            Effect.andThen(display.end, Console.error(`ifrl: go on with: ifrl ${name}${options.resumeWith ?? ""} --resume ${folder.directory}`))
          )
        )
        yield* display.end
        yield* folder.keepConfig
        yield* folder.writeSummary(result.summary)
        yield* printResult(result.summary, result.text)
      })
      yield* run.pipe(Effect.provide(Layer.mergeAll(RunFolder.layer(name, config, resume), Display.layer({ json: yield* Json }))))
    })

export const runCommand = <const Name extends string, E, R, W = undefined>(name: Name, options: RunCommandOptions<E, R, W>) =>
  Command.make(name, runFlags, runHandler(name, options)).pipe(Command.withDescription(options.description))
