// `ifrl doctor`: is this machine, and is this model folder, fit for a run?
import { loadConfig } from "@ifrl/models"
import { libraryPath, Runtime } from "@ifrl/runtime"
import { Effect, FileSystem, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { availableParallelism, freemem, totalmem } from "node:os"
import { CommandError } from "../CommandError.ts"
import { machineSpeed } from "../MachineSpeed.ts"
import { fetchModel, modelDirectory, readModelSize, readTokenizer, readWeightHeaders } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"

/** One thing that was looked at. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly remedy?: string
}

/** What a check finds wrong; errors of this project say it in `message` and `remedy`. */
interface Finding {
  readonly message: string
  readonly remedy?: string
}

const check = <E extends Finding, R>(name: string, detail: Effect.Effect<string, E, R>): Effect.Effect<Check, never, R> =>
  detail.pipe(
    Effect.map((found): Check => ({ name, ok: true, detail: found })),
    Effect.catch((error): Effect.Effect<Check> =>
      Effect.succeed({ name, ok: false, detail: error.message, ...(error.remedy !== undefined && { remedy: error.remedy }) })
    )
  )

const refuse = (subject: string, reason: string, remedy: string) =>
  new CommandError({ operation: "doctor", subject, reason, remedy })

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`

/** The oldest Node.js that is supported. */
const oldest = [20, 19] as const

const node = Effect.suspend(() => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  const detail = `${process.versions.node} on ${process.platform} ${process.arch}`
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
    ? Effect.succeed(detail)
    : Effect.fail(refuse("Node.js", detail, `install Node.js ${oldest.join(".")} or newer`))
})

const runtime = machineSpeed.pipe(
  Effect.provide(Runtime.layer()),
  Effect.map(({ gigaflops, version }) => `${version} at ${libraryPath()}, ${gigaflops.toFixed(0)} GFLOP/s in fp32`)
)

const memory = Effect.sync(() => `${gigabytes(freemem())} free of ${gigabytes(totalmem())}`)

const data = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const directory = process.env["IFRL_DATA_DIR"]
  if (directory === undefined || directory === "") return "IFRL_DATA_DIR is not set; only benchmarks need it"
  const names = yield* fs.readDirectory(directory).pipe(
    Effect.mapError((cause) => refuse(directory, cause.message, "point IFRL_DATA_DIR at the folder of benchmark data, or unset it"))
  )
  return `${names.length} entries in ${directory}`
})

/** What weights and tokenizer have to fit; that it can't be read is another check's finding. */
const knownConfig = (directory: string) => loadConfig(directory).pipe(Effect.orElseSucceed(() => undefined))

const modelChecks = (directory: string) => [
  check("model", readModelSize(directory).pipe(Effect.map((size) =>
    `${size.family}, ${(size.parameters / 1e6).toFixed(1)} M parameters, ${size.layers} layers, ${size.maxPositions} positions`
  ))),
  check("weights", Effect.gen(function*() {
    const { bytes, files, tensors, types } = yield* readWeightHeaders(directory, yield* knownConfig(directory))
    return `${tensors} tensors in ${files} ${files === 1 ? "file" : "files"}, ${gigabytes(bytes)}, ${types.join(" and ")}`
  })),
  check("tokenizer", Effect.gen(function*() {
    const { chat, eosIds, vocabSize } = yield* readTokenizer(directory, yield* knownConfig(directory))
    return `${vocabSize} tokens, answers end with ${eosIds.join(", ") || "nothing"}, ${chat ? "a" : "no"} chat template`
  }))
]

/** Every check; those of the model only when a folder is named. */
export const examine = (directory: string | undefined) =>
  Effect.all([
    check("node", node),
    check("onnxruntime", runtime),
    check("threads", Effect.sync(() => `${availableParallelism()}`)),
    check("memory", memory),
    check("data", data),
    ...(directory === undefined ? [] : modelChecks(directory))
  ])

const print = (checks: ReadonlyArray<Check>) =>
  checks.map(({ detail, name, ok }) => `${ok ? "ok    " : "FAILED"}  ${name.padEnd(12)} ${detail}`).join("\n")

export const doctor = Command.make("doctor", {
  model: Flag.String("model").pipe(Flag.withDescription("Model folder to look at, or owner/name[@revision] of the Hugging Face Hub"), Flag.optional)
}, ({ model }) =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    if (Option.isSome(model)) yield* fetchModel(model.value)
    const directory = Option.getOrUndefined(Option.map(model, (name) => path.resolve(modelDirectory(name))))
    const checks = yield* examine(directory)
    const failed = checks.filter(({ ok }) => !ok)
    yield* printResult({ ok: failed.length === 0, checks }, print(checks))
    if (failed.length > 0) {
      return yield* refuse(
        failed.map(({ name }) => name).join(", "),
        "not as it must be",
        failed.flatMap(({ remedy }) => remedy ?? []).join("; ") || "see above"
      )
    }
  })).pipe(Command.withDescription("Look at this machine, and at a model folder if one is named"))
