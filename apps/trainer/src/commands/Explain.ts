// `ifrl explain`: every value that a run would have, what it is counted in, and where it is from.
import { type PresetName, presets } from "@ifrl/grpo"
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { stringify } from "yaml"
import { Config } from "../Config.ts"
import { configKeys } from "../ConfigKeys.ts"
import { resolveConfig, type ResolvedConfig, valueAt } from "../ConfigSource.ts"
import { configFlags, sourceOf } from "../Flags.ts"
import { embeddedNote, saysNothing } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"

/** One value of a config. */
export interface Explained {
  readonly key: string
  /** Undefined for an optional key that nothing sets. */
  readonly value: unknown
  readonly unit: string
  readonly origin: string
}

/** Every value of a config in the order of the schema. */
export const explainConfig = ({ config, origins }: ResolvedConfig): ReadonlyArray<Explained> =>
  configKeys(Config).filter((key) => !key.section).map(({ path, unit }) => ({
    key: path,
    value: valueAt(config, path.split(".")),
    unit: unit ?? "",
    origin: origins.get(path)!
  }))

const shown = (value: unknown) =>
  value === undefined ? "-" : value === "" ? "\"\"" : stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trim()

/** The values as columns for a person; units that list what a value may be are left to `ifrl config`. */
export const printExplained = (values: ReadonlyArray<Explained>): string => {
  const rows = [
    ["key", "value", "unit", "origin"],
    ...values.map(({ key, origin, unit, value }) => [key, shown(value), unit.includes(", ") ? "a name" : unit, origin])
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()).join("\n")
}

const printPreset = (name: PresetName): Array<string> => {
  const { about, departures, origin } = presets[name]
  return [`preset ${name}: ${about}`, `from ${origin}`, ...departures.map((line) => `  departs: ${line}`), ""]
}

/** The options table of the docs: every key with its default, unit and meaning. */
export const printOptions = (): string => {
  const defaults = Schema.decodeUnknownSync(Config)({})
  const cell = (text: string) => text.replaceAll("|", "\\|")
  const sections = configKeys(Config).map(({ description, path, section, unit }) =>
    section && !path.includes(".")
      ? `\n## ${path}\n\n${description}\n\n| key | default | unit | meaning |\n|---|---|---|---|`
      : section
      ? undefined
      : `| \`${path}\` | \`${shown(valueAt(defaults, path.split(".")))}\` | ${cell(unit ?? "")} | ${cell(description)} |`
  )
  const named = Object.entries(presets).map(([name, { about, departures, origin }]) =>
    [
      `### ${name}`,
      "",
      about,
      `From: ${origin}.`,
      "",
      "Where it departs from there:",
      "",
      ...departures.map((line) => `- ${line}`),
      ""
    ].join("\n")
  )
  return [
    "# Options",
    "",
    "Every key of a run's config. This file is made from the schema, by `ifrl explain --options > OPTIONS.md`.",
    "The defaults of `objective` are those of its `name` where the objective's authors have others: `ifrl explain` says which.",
    ...sections.filter((line) => line !== undefined),
    "\n## Presets\n\n`--preset NAME` lies under the config file. `ifrl explain --preset NAME` prints all of its values.\n",
    ...named
  ].join("\n")
}

export const explain = Command.make("explain", {
  ...configFlags,
  options: Flag.Boolean("options").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Print the table of all keys with their defaults and meanings instead, as Markdown")
  )
}, ({ options, ...input }) =>
  Effect.gen(function*() {
    if (options) return yield* printResult(configKeys(Config), printOptions().trimEnd())
    const source = sourceOf(input)
    const values = explainConfig(yield* resolveConfig(source))
    const about = Option.match(input.preset, { onNone: () => [], onSome: printPreset })
    const note = saysNothing(source) ? ["", embeddedNote("explain")] : []
    yield* printResult(values, [...about, printExplained(values), ...note].join("\n"))
  })).pipe(Command.withDescription("Print every value that the preset, the file and the flags come to, its unit and its origin"))
