// Where a config comes from: a preset, a JSON or YAML file over it, `--set a.b=c` over that, named flags over all; under
// them the objective's own defaults and the schema's. Each source is held against the schema by itself, so that an
// error names the source it came from.
import { type ObjectiveName, objectives, type PresetName, presetNames, presets } from "@ifrl/grpo"
import { Effect, FileSystem, Schema, SchemaIssue } from "effect"
import { parse as parseYaml, YAMLParseError } from "yaml"
import { CommandError } from "./CommandError.ts"
import { Config } from "./Config.ts"
import { configKeys, nearestKey, unknownKeys } from "./ConfigKeys.ts"

type Json = Record<string, unknown>

/** What the command line says about the config. */
export interface ConfigSource {
  /** A name of `presets`. */
  readonly preset?: string | undefined
  /** JSON or YAML file. */
  readonly file?: string | undefined
  /** Assignments `a.b=c`, the value read as YAML. */
  readonly assignments?: ReadonlyArray<string>
  /** Named flags that were given: flag, config path and value. */
  readonly flags?: ReadonlyArray<{ readonly flag: string; readonly path: string; readonly value: unknown }>
}

interface Layer {
  readonly origin: string
  readonly values: Json
}

const operation = "config"
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const nested = (path: string, value: unknown): Json =>
  path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Json

const merge = (under: Json, over: Json): Json => {
  const result: Json = { ...under }
  for (const [name, value] of Object.entries(over)) {
    const below = result[name]
    result[name] = isObject(below) && isObject(value) ? merge(below, value) : value
  }
  return result
}

const yaml = (text: string, subject: string, remedy: string) =>
  Effect.try({
    try: (): unknown => parseYaml(text),
    catch: (cause) =>
      new CommandError({
        operation,
        subject,
        reason: cause instanceof YAMLParseError ? cause.message.split("\n")[0]!.replace(/:$/, "") : String(cause),
        remedy,
        cause
      })
  })

const readFile = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(file).pipe(
    Effect.mapError((cause) =>
      new CommandError({
        operation,
        subject: file,
        reason: cause.reason._tag === "NotFound" ? "no such file" : cause.message,
        remedy: "give --config a JSON or YAML file",
        cause
      })
    )
  )
  const values = yield* yaml(text, file, "correct the JSON or YAML there")
  if (isObject(values)) return { origin: file, values } satisfies Layer
  return yield* new CommandError({
    operation,
    subject: file,
    reason: "is not an object of sections",
    remedy: "begin with a section such as rollout: (ifrl config prints all of them)"
  })
})

const readAssignment = Effect.fnUntraced(function*(assignment: string) {
  const at = assignment.indexOf("=")
  if (at <= 0) {
    return yield* new CommandError({
      operation,
      subject: `--set ${assignment}`,
      reason: "is not an assignment",
      remedy: "write --set section.field=value, such as --set rollout.groupSize=4"
    })
  }
  const origin = `--set ${assignment}`
  const value = yield* yaml(assignment.slice(at + 1), origin, "quote the value as YAML does")
  return { origin, values: nested(assignment.slice(0, at), value) } satisfies Layer
})

const refuseUnknown = (layer: Layer) =>
  Effect.suspend(() => {
    const [unknown] = unknownKeys(Config, layer.values)
    if (unknown === undefined) return Effect.void
    const near = nearestKey(unknown, configKeys(Config).map((key) => key.path))
    return Effect.fail(
      new CommandError({
        operation,
        subject: layer.origin,
        reason: `unknown key ${unknown}`,
        remedy: near === undefined ? "ifrl config prints the known keys" : `did you mean ${near}?`
      })
    )
  })

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/** What stands under a path of keys; undefined where there is nothing. */
export const valueAt = (values: unknown, path: ReadonlyArray<PropertyKey>): unknown =>
  path.reduce<unknown>((node, name) => isObject(node) || Array.isArray(node) ? (node as Json)[name as string] : undefined, values)

/** The layer that has the last word on `path`, or else on the nearest that holds it: what is missing stands in no layer. */
const originOf = (layers: ReadonlyArray<Layer>, path: ReadonlyArray<PropertyKey>): string =>
  layers.findLast((layer) => valueAt(layer.values, path) !== undefined)?.origin ??
    (path.length > 1 ? originOf(layers, path.slice(0, -1)) : layers.at(-1)?.origin ?? "config")

/** JSON has no word for numbers that are not finite. */
const shown = (value: unknown) => typeof value === "number" ? String(value) : JSON.stringify(value)

const presetLayer = Effect.fnUntraced(function*(name: string) {
  if (Object.hasOwn(presets, name)) {
    return { origin: `preset ${name}`, values: presets[name as PresetName].config as Json } satisfies Layer
  }
  return yield* new CommandError({
    operation,
    subject: `--preset ${name}`,
    reason: "is not a preset",
    remedy: `choose one of ${presetNames.join(", ")}`
  })
})

/** What the authors of the objective that the sources name have set, under everything that the sources say themselves. */
const objectiveLayer = (merged: Json): Array<Layer> => {
  const name = valueAt(merged, ["objective", "name"]) ?? "grpo"
  return typeof name === "string" && Object.hasOwn(objectives, name)
    ? [{ origin: `objective ${name}`, values: { objective: objectives[name as ObjectiveName].defaults } }]
    : []
}

/** A config, and where each of its values is from. */
export interface ResolvedConfig {
  readonly config: Config
  /** By dotted path: `default`, or the source that has the last word. */
  readonly origins: ReadonlyMap<string, string>
}

/** Decode all sources into one config; the first fault is reported with its source, key and remedy. */
export const resolveConfig = Effect.fn("resolveConfig")(function*(source: ConfigSource) {
  const layers: Array<Layer> = []
  if (source.preset !== undefined) layers.push(yield* presetLayer(source.preset))
  if (source.file !== undefined) layers.push(yield* readFile(source.file))
  for (const assignment of source.assignments ?? []) layers.push(yield* readAssignment(assignment))
  for (const { flag, path, value } of source.flags ?? []) layers.push({ origin: `--${flag}`, values: nested(path, value) })
  yield* Effect.forEach(layers, refuseUnknown, { discard: true })

  const said = layers.reduce<Json>((under, { values }) => merge(under, values), {})
  const under = objectiveLayer(said)
  const merged = under.reduceRight<Json>((over, { values }) => merge(values, over), said)
  const all = [...under, ...layers]
  const config = yield* Schema.decodeUnknownEffect(Config)(merged, { errors: "all" }).pipe(
    Effect.mapError((error) => {
      const [issue] = formatIssues(error.issue).issues
      const path = (issue?.path ?? []).map((part) => typeof part === "object" ? part.key : part)
      const key = path.map(String).join(".")
      const found = shown(valueAt(merged, path))
      return new CommandError({
        operation,
        subject: originOf(layers, path),
        reason: `${key} is ${found}`,
        remedy: `${(issue?.message ?? error.message).replace(/^Expected /, "expected ")}: ${
          configKeys(Config).find((known) => known.path === key)?.description ?? "see ifrl config"
        }`,
        cause: error
      })
    })
  )
  const origins = new Map(configKeys(Config).filter((key) => !key.section).map(({ path }) => {
    const found = all.findLast(({ values }) => valueAt(values, path.split(".")) !== undefined)
    return [path, found?.origin ?? "default"]
  }))
  return { config, origins } satisfies ResolvedConfig
})

/** The config that the sources come to. */
export const readConfig = (source: ConfigSource) => Effect.map(resolveConfig(source), ({ config }) => config)
