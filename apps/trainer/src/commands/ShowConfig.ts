import { Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { stringify } from "yaml"
import { Config } from "../Config.ts"
import { configKeys } from "../ConfigKeys.ts"
import { readConfig, valueAt } from "../ConfigSource.ts"
import { configFlags, sourceOf } from "../Flags.ts"
import { embeddedNote, saysNothing } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"

const flow = (value: unknown) => stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trim()

/** The config as YAML, every key under the sentence that documents it. */
export const printConfig = (config: Config): string =>
  configKeys(Config).map(({ description, path, section }) => {
    const keys = path.split(".")
    const depth = keys.length - 1
    const indent = "  ".repeat(depth)
    const name = path.slice(path.lastIndexOf(".") + 1)
    const value = valueAt(config, keys)
    // A key without a value has no default; it stands there as a comment.
    const line = section ? `${name}:` : value === undefined ? `# ${name}:` : `${name}: ${flow(value)}`
    return `${depth === 0 ? "\n" : ""}${indent}# ${description}\n${indent}${line}`
  }).join("\n").trimStart()

export const showConfig = Command.make("config", configFlags, (input) =>
  Effect.gen(function*() {
    const source = sourceOf(input)
    const config = yield* readConfig(source)
    const note = saysNothing(source) ? [`# ${embeddedNote("config")}`, ""] : []
    yield* printResult(yield* Schema.encodeEffect(Config)(config), [...note, printConfig(config)].join("\n"))
  })).pipe(Command.withDescription("Print the config that the flags and the file come to, with a sentence on every key"))
