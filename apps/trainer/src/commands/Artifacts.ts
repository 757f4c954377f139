// `ifrl artifacts`: the graphs of a model as files, for any ONNX Runtime in any language.
import { losses, type LossName, modelFiles, writeArtifacts } from "@ifrl/artifacts"
import { initializeAdapter, loadConfig, loadModel, saveAdapter, saveModel } from "@ifrl/models"
import { Effect, FileSystem, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { readConfig } from "../ConfigSource.ts"
import { configFlags, sourceOf } from "../Flags.ts"
import { loraOptions } from "../Lora.ts"
import { fetchModel, modelDirectory } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"
import { baseOf } from "../PolicyModel.ts"
import { folderArtifacts, policyLoss } from "../TrainingArtifacts.ts"

const lossNames = ["objective", ...Object.keys(losses) as Array<LossName>] as const

const bytesOf = Effect.fnUntraced(function*(directory: string, names: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return yield* Effect.forEach(names, (name) =>
    fs.stat(path.join(directory, name)).pipe(Effect.map(({ size }) => ({ name, bytes: Number(size) }))))
})

export const artifacts = Command.make("artifacts", {
  ...configFlags,
  out: Flag.String("out").pipe(Flag.withMetavar("folder"), Flag.withDescription("Folder to write, made where it is missing")),
  loss: Flag.Literals("loss", lossNames).pipe(
    Flag.withDefault("objective"),
    Flag.withDescription("Loss of the training graph; objective is what the config trains towards")
  ),
  checkpoint: Flag.Boolean("checkpoint").pipe(
    Flag.withDefault(true),
    Flag.withDescription("Also write the weights, to checkpoint/ (on unless --no-checkpoint)")
  )
}, ({ checkpoint, loss, out, ...input }) =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const config = yield* readConfig(sourceOf(input))
    yield* fetchModel(config.model.path, { weights: checkpoint })
    const directory = modelDirectory(config.model.path)
    const decoder = yield* loadConfig(directory)
    const options = loraOptions(config)
    const adapter = options === undefined
      ? undefined
      : yield* Effect.fromResult(initializeAdapter(decoder, options, config.train.seed))
    const made = folderArtifacts(config, decoder, loss === "objective" ? policyLoss(config) : loss, adapter?.shape)
    yield* writeArtifacts(out, made)
    if (checkpoint) yield* saveModel(path.join(out, "checkpoint"), yield* loadModel(directory))
    if (checkpoint && adapter !== undefined) {
      yield* saveAdapter(path.join(out, "adapter"), adapter, { base: baseOf(config) })
    }
    const files = yield* bytesOf(out, Object.values(modelFiles))
    const lines = files.map(({ bytes, name }) => `${name.padEnd(24)} ${(bytes / 1e3).toFixed(0).padStart(8)} kB`)
    yield* printResult(
      { directory: out, loss: made.manifest.loss, files, checkpoint },
      [`written to ${out}, loss ${made.manifest.loss}`, ...lines, ...(checkpoint ? ["checkpoint/"] : [])].join("\n")
    )
  })).pipe(Command.withDescription("Write the training, evaluation, optimizer and decode graphs of a model"))
