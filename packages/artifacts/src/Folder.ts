/** Artifact folders: a manifest beside the models. A folder is enough to train from. */
import { decodeModel } from "@ifrl/onnx"
import { Effect, FileSystem, Schema } from "effect"
import { type ArtifactError, artifactError } from "./ArtifactError.ts"
import type { Artifacts } from "./Artifacts.ts"
import { Manifest, manifestFile, modelFiles, type ModelName } from "./Manifest.ts"

const required: ReadonlyArray<Exclude<ModelName, "generate">> = ["training", "evaluation", "optimizer", "gradientNorm"]

const join = (directory: string, file: string) => `${directory.replace(/[/\\]+$/, "")}/${file}`

const decodeManifest = Schema.decodeUnknownEffect(Schema.fromJsonString(Manifest))

/**
 * Writes a folder, which is made where it is missing. Models of earlier artifacts are replaced or removed; the manifest goes
 * first and comes last, so that a folder with a manifest is whole.
 */
export const writeArtifacts = Effect.fn("writeArtifacts")(function*(directory: string, artifacts: Artifacts) {
  const fs = yield* FileSystem.FileSystem
  const failed = (file: string) =>
    Effect.mapError((cause: { readonly message: string }) =>
      artifactError("BadFolder", `Can't write "${file}": ${cause.message}`, "Check the path, its permissions and free disk space", {
        file,
        cause
      })
    )
  yield* fs.makeDirectory(directory, { recursive: true }).pipe(failed(directory))
  const file = join(directory, manifestFile)
  yield* fs.remove(file, { force: true }).pipe(failed(file))
  for (const name of [...required, "generate"] as const) {
    const bytes = artifacts[name]
    const model = join(directory, modelFiles[name])
    yield* (bytes === undefined ? fs.remove(model, { force: true }) : fs.writeFile(model, bytes)).pipe(failed(model))
  }
  yield* fs.writeFileString(file, `${JSON.stringify(artifacts.manifest, null, 2)}\n`).pipe(failed(file))
})

/** Reads a folder that `writeArtifacts` made. One made by ONNX Runtime's training builds is refused, as they are not ours to run. */
export const readArtifacts = Effect.fn("readArtifacts")(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const read = (file: string) =>
    fs.readFile(file).pipe(Effect.mapError((cause) =>
      artifactError("BadFolder", `Can't read "${file}": ${cause.message}`, "Make the folder with writeArtifacts", { file, cause })
    ))
  const file = join(directory, manifestFile)
  const present = yield* fs.exists(file).pipe(Effect.orElseSucceed(() => false))
  if (!present) yield* refuseTrainingBuild(directory)
  const text = new TextDecoder().decode(yield* read(file))
  const manifest = yield* decodeManifest(text).pipe(Effect.mapError((cause) =>
    artifactError("BadFolder", `"${file}" is no manifest of version 1: ${cause.message}`, "Make the folder again with writeArtifacts", {
      file,
      cause
    })
  ))
  const models = yield* Effect.forEach(required, (name) => read(join(directory, modelFiles[name])))
  const generate = join(directory, modelFiles.generate)
  const more = (yield* fs.exists(generate).pipe(Effect.orElseSucceed(() => false))) ? { generate: yield* read(generate) } : {}
  const [training, evaluation, optimizer, gradientNorm] = models as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  return { manifest, training, evaluation, optimizer, gradientNorm, ...more } satisfies Artifacts
})

/** Operators that only ONNX Runtime's training builds (up to 1.19) have. */
const trainingOperator = /Grad(_\d+)?$|^(InPlaceAccumulator(V2)?|AdamWOptimizer|SGDOptimizerV2|ReduceSumTraining|ConcatTraining|SplitTraining|YieldOp)$/

/** A flatbuffer checkpoint of ONNX Runtime's on-device training has this at its fifth byte. */
const checkpointMark = "ODTC"

const refuseTrainingBuild = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const refuse = (what: string, file: string, operator?: string): ArtifactError =>
    artifactError(
      "BadFolder",
      `"${directory}" was made by the training build of ONNX Runtime (${what}), whose operators today's builds lack`,
      "Make artifacts from the model itself, with generateArtifacts",
      { file, ...(operator === undefined ? {} : { operator }) }
    )
  for (const name of [modelFiles.training, modelFiles.optimizer]) {
    const file = join(directory, name)
    const model = yield* fs.readFile(file).pipe(
      Effect.flatMap((bytes) => Effect.try({ try: () => decodeModel(bytes), catch: (cause) => cause })),
      Effect.option
    )
    if (model._tag === "None") continue
    const node = model.value.graph?.node.find(({ domain, opType }) => domain === "com.microsoft" && trainingOperator.test(opType))
    if (node !== undefined) return yield* refuse(`its ${name} has ${node.opType} "${node.name}"`, file, node.opType)
  }
  const file = join(directory, "checkpoint")
  const head = yield* fs.readFile(file).pipe(Effect.map((bytes) => new TextDecoder().decode(bytes.subarray(4, 8))), Effect.option)
  if (head._tag === "Some" && head.value === checkpointMark) return yield* refuse("its checkpoint is a flatbuffer", file)
})
