// `ifrl curriculum build`: seeds and questions to a curriculum folder. Soft constraints are written by templates, by an
// OpenAI-compatible endpoint, or by a model that runs here, the policy itself.
import {
  buildCurriculum,
  BuildConfig,
  ChatEndpoint,
  ChatEndpointConfig,
  type ChatError,
  SoftWriter,
  SoftWriterError,
  taxonomy
} from "@ifrl/curriculum"
import { loadModel, type ModelError } from "@ifrl/models"
import { Rollout, type RolloutError } from "@ifrl/rollout"
import { Runtime, type RuntimeError } from "@ifrl/runtime"
import { Console, Effect, FileSystem, Layer, Option, type Path, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { FetchHttpClient } from "effect/http"
import { createHash } from "node:crypto"
import { parse as parseYaml } from "yaml"
import { CommandError } from "../CommandError.ts"
import { Json } from "../Flags.ts"
import { fetchModel, modelDirectory } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"
import { words } from "../PrintUnits.ts"

const writers = ["templates", "endpoint", "policy"] as const

const field = <S extends Schema.Top>(schema: S, value: S["Encoded"], description: string) =>
  schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(value))).annotate({ description })

/** What a build is told, in a file and by flags. */
export const CurriculumBuild = Schema.Struct({
  ...BuildConfig.fields,
  writer: field(
    Schema.Literals(writers),
    "templates",
    "Who writes soft constraints: templates, endpoint (see endpoint) or policy (see model)."
  ),
  endpoint: Schema.optionalKey(ChatEndpointConfig).annotate({
    description: "The OpenAI-compatible endpoint that writes soft constraints."
  }),
  model: field(Schema.String, "embedded", "Model folder of the policy that writes soft constraints."),
  cache: field(Schema.String, ".ifrl/datasets", "Folder that keeps datasets of the Hub.")
})
export type CurriculumBuild = typeof CurriculumBuild.Type

const operation = "curriculum build"
const refuse = (subject: string, reason: string, remedy: string, cause?: unknown) =>
  new CommandError({ operation, subject, reason, remedy, cause })

export const buildFlags = {
  out: Flag.String("out").pipe(Flag.withMetavar("folder"), Flag.withDescription("Folder of the curriculum")),
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withDescription("Build config, a JSON or YAML file; flags count over it"),
    Flag.optional
  ),
  seeds: Flag.String("seeds").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Seed instructions: .jsonl, .json, .parquet or hub:owner/name; may be repeated"),
    Flag.atLeast(0)
  ),
  questions: Flag.String("questions").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Questions with answers, or with options and an answer; may be repeated"),
    Flag.atLeast(0)
  ),
  seed: Flag.Int("seed").pipe(Flag.withDescription("Seed of everything that is drawn"), Flag.optional),
  constraints: Flag.Int("constraints").pipe(Flag.withDescription("Constraints of an instruction"), Flag.optional),
  perSeed: Flag.Int("per-seed").pipe(Flag.withDescription("Instructions made of one seed"), Flag.optional),
  hardShare: Flag.Finite("hard-share").pipe(Flag.withDescription("Share of hard constraints, 0 to 1"), Flag.optional),
  heldOut: Flag.Finite("held-out").pipe(
    Flag.withDescription("Share of the seeds that is held out, 0 to 1"),
    Flag.optional
  ),
  maxSeeds: Flag.Int("max-seeds").pipe(Flag.withDescription("Seeds used, the first ones"), Flag.optional),
  writer: Flag.Literals("writer", writers).pipe(Flag.withDescription("Who writes soft constraints"), Flag.optional),
  model: Flag.String("model").pipe(Flag.withDescription("Model folder of the policy that writes"), Flag.optional),
  overwrite: Flag.Boolean("overwrite").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Replace another curriculum in the folder")
  )
}
type BuildInput = Command.Command.Config.Infer<typeof buildFlags>

/** The file's config with the flags over it. */
export const readBuildConfig = Effect.fn("readBuildConfig")(function*(input: BuildInput) {
  const fs = yield* FileSystem.FileSystem
  const file = Option.getOrUndefined(input.config)
  const said: unknown =
    file === undefined
      ? {}
      : yield* fs.readFileString(file).pipe(
          Effect.mapError((cause) => refuse(file, cause.message, "give --config a JSON or YAML file", cause)),
          Effect.flatMap((text) =>
            Effect.try({
              try: (): unknown => parseYaml(text),
              catch: (cause) => refuse(file, String(cause), "correct the JSON or YAML there", cause)
            })
          )
        )
  const { config: _, out: __, overwrite: ___, ...flags } = input
  const given = Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]): ReadonlyArray<[string, unknown]> => {
      if (Array.isArray(value)) return value.length === 0 ? [] : [[name, value]]
      return Option.match(value as Option.Option<unknown>, { onNone: () => [], onSome: (found) => [[name, found]] })
    })
  )
  const merged = said !== null && typeof said === "object" ? { ...said, ...given } : said
  return yield* Schema.decodeUnknownEffect(CurriculumBuild)(merged, { onExcessProperty: "error" }).pipe(
    Effect.mapError((cause) =>
      refuse(file ?? "flags", cause.message.replaceAll("\n", " "), "see ifrl curriculum build --help", cause)
    )
  )
})

/** Longest constraint that the policy writes, in tokens. */
const longestReply = 160

/** The policy as a writer: a chunk's requests are one batch. Its replies depend on the prompt and the attempt alone. */
const policyWriter = ({ model: path, seed }: CurriculumBuild) =>
  Layer.unwrap(
    Effect.gen(function*() {
      yield* fetchModel(path)
      const model = yield* loadModel(modelDirectory(path))
      const maxLength = Math.min(model.config.maxPositions, 4096)
      // Of names, shapes and the beginnings of all tensors: trained models of one architecture differ in them.
      const weights = createHash("sha256")
      for (const [name, { bytes }] of model.parameters) weights.update(name).update(bytes.subarray(0, 4096))
      const keyOf = (text: string) => createHash("sha256").update(text).digest().readUInt32LE(0)
      return SoftWriter.layerModel({
        name: `policy ${weights.digest("hex").slice(0, 16)}`,
        taxonomy,
        ask: Effect.fnUntraced(function*(requests) {
          const rollout = yield* Rollout
          const encoded = requests.map(({ attempt, prompt }, i) => ({
            id: String(i),
            promptTokens: model.tokenizer.applyChatTemplate([{ role: "user", content: prompt }], {
              addGenerationPrompt: true
            }),
            count: 1,
            maxTokens: longestReply,
            key: { seed: keyOf(`${seed} ${prompt}`), step: attempt }
          }))
          // A prompt that leaves no room for a reply is left to the template.
          const fitting = encoded.filter(({ promptTokens }) => promptTokens.length + longestReply <= maxLength)
          const completions =
            fitting.length === 0
              ? []
              : yield* rollout
                  .generate(fitting, { temperature: 1, stopTokens: model.tokenizer.eosIds })
                  .pipe(
                    Effect.mapError(
                      (cause) =>
                        new SoftWriterError({
                          reason: cause.message,
                          remedy: "write with templates, or give another model",
                          cause
                        })
                    )
                  )
          const texts = new Map(
            completions.map(({ promptId, tokens }) => [promptId, model.tokenizer.decode(tokens, { skipSpecial: true })])
          )
          return encoded.map(({ id }) => texts.get(id) ?? "")
        })
      }).pipe(Layer.provide(Rollout.layer({ model, rows: 32, maxLength })), Layer.provide(Runtime.layer()))
    }).pipe(Effect.provide(Runtime.layer()))
  )

type Writer = Layer.Layer<
  SoftWriter,
  ChatError | CommandError | ModelError | RolloutError | RuntimeError,
  FileSystem.FileSystem | Path.Path
>

const writerOf: Readonly<Record<CurriculumBuild["writer"], (config: CurriculumBuild) => Writer>> = {
  templates: () => SoftWriter.layerTemplates,
  policy: policyWriter,
  endpoint: ({ endpoint, seed }) =>
    endpoint === undefined
      ? Layer.effect(
          SoftWriter,
          Effect.fail(
            refuse(
              "writer",
              "endpoint is to write, and none is named",
              "give a --config file with endpoint: { url, model }"
            )
          )
        )
      : SoftWriter.layerEndpoint(taxonomy, seed).pipe(Layer.provide(ChatEndpoint.layer(endpoint)))
}

export const build = Command.make("build", buildFlags, (input) =>
  Effect.gen(function*() {
    const config = yield* readBuildConfig(input)
    const { cache, endpoint: _, model: __, writer: ___, ...rest } = config
    const quiet = yield* Json
    const began = performance.now()
    const onProgress = (done: number, total: number) =>
      process.stderr.isTTY && !quiet
        ? Effect.sync(() => void process.stderr.write(`\r${done}/${total} seeds`))
        : Effect.void
    const { manifest, resumed, units } = yield* buildCurriculum(rest, {
      folder: input.out,
      cache,
      overwrite: input.overwrite,
      onProgress
    }).pipe(Effect.provide(writerOf[config.writer](config)), Effect.provide(FetchHttpClient.layer))
    if (process.stderr.isTTY && !quiet) yield* Console.error("")
    const seconds = (performance.now() - began) / 1000
    const peakMegabytes = process.resourceUsage().maxRSS / 1024
    const made = units - resumed
    const text = [
      resumed === units
        ? `${input.out} was there already`
        : `${made} seeds and questions${resumed > 0 ? `, after ${resumed} that were there,` : ""} in ${seconds.toFixed(1)} s, ${peakMegabytes.toFixed(0)} MB`,
      `${manifest.rows.rows} rows, sha256 ${manifest.rows.sha256.slice(0, 16)}${manifest.heldOut === undefined ? "" : `; ${manifest.heldOut.rows} held out`}`,
      Object.entries(manifest.counts)
        .map(([name, n]) => `${words(name)} ${n}`)
        .join(", ")
    ].join("\n")
    yield* printResult({ ...manifest, resumed, units, seconds, peakMegabytes }, text)
  })
).pipe(
  Command.withDescription(
    "Make a curriculum of seed instructions and sampled constraints; a build that was stopped goes on"
  )
)
