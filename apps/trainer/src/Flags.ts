// Flags that commands share. A named flag is a short way to say one key of the config.
import { presetNames } from "@ifrl/grpo"
import { Option } from "effect"
import { Flag, GlobalFlag } from "effect/cli"
import type { ConfigSource } from "./ConfigSource.ts"

/** --json: one JSON object on standard output, everything else on the error stream. */
export const Json = GlobalFlag.Setting("json")({
  flag: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Print one JSON object on standard output, the rest on the error stream")
  )
})

/** --debug: stack traces. `reportFailure` has to know it also when parsing failed, so main.ts looks for it itself. */
export const Debug = GlobalFlag.Setting("debug")({
  flag: Flag.Boolean("debug").pipe(Flag.withDefault(false), Flag.withDescription("Show stack traces of failures"))
})

const named = {
  name: Flag.String("name").pipe(Flag.withDescription("Name of the run's folder"), Flag.optional),
  model: Flag.String("model").pipe(Flag.withDescription("Model folder, or owner/name[@revision] of the Hugging Face Hub"), Flag.optional),
  prompts: Flag.String("prompts").pipe(Flag.withDescription("Training prompts, JSONL"), Flag.optional),
  steps: Flag.Int("steps").pipe(Flag.withDescription("Steps of the run"), Flag.optional),
  seed: Flag.Int("seed").pipe(Flag.withDescription("Seed of everything random"), Flag.optional),
  "learning-rate": Flag.Finite("learning-rate").pipe(Flag.withDescription("Base learning rate"), Flag.optional),
  "group-size": Flag.Int("group-size").pipe(Flag.withDescription("Responses to each prompt"), Flag.optional),
  "prompts-per-step": Flag.Int("prompts-per-step").pipe(Flag.withDescription("Prompts of one step"), Flag.optional),
  "max-tokens": Flag.Int("max-tokens").pipe(Flag.withDescription("Longest completion in tokens"), Flag.optional),
  temperature: Flag.Finite("temperature").pipe(Flag.withDescription("Sampling temperature"), Flag.optional),
  "max-minutes": Flag.Finite("max-minutes").pipe(Flag.withDescription("Minutes after which the run ends"), Flag.optional)
}

/** The key of the config that each named flag sets. */
const paths: Readonly<Record<keyof typeof named, string>> = {
  name: "run.name",
  model: "model.path",
  prompts: "data.prompts",
  steps: "train.steps",
  seed: "train.seed",
  "learning-rate": "optimizer.learningRate",
  "group-size": "rollout.groupSize",
  "prompts-per-step": "rollout.promptsPerStep",
  "max-tokens": "rollout.maxTokens",
  temperature: "rollout.temperature",
  "max-minutes": "run.maxMinutes"
}

/** Flags of every command that is told by a config. */
export const configFlags = {
  preset: Flag.Literals("preset", presetNames).pipe(
    Flag.withDescription("Begin with the settings of a paper or a system, under the config file"),
    Flag.optional
  ),
  config: Flag.String("config").pipe(Flag.withAlias("c"), Flag.withDescription("Config, a JSON or YAML file"), Flag.optional),
  set: Flag.String("set").pipe(
    Flag.withMetavar("section.field=value"),
    Flag.withDescription("Set one key of the config, over the file"),
    Flag.atLeast(0)
  ),
  ...named
}

type Named = { readonly [Name in keyof typeof named]: Option.Option<string | number> }

/** What the flags of `configFlags` say about the config. */
export const sourceOf = (
  input: Named & {
    readonly config: Option.Option<string>
    readonly preset: Option.Option<string>
    readonly set: ReadonlyArray<string>
  }
): ConfigSource => ({
  preset: Option.getOrUndefined(input.preset),
  file: Option.getOrUndefined(input.config),
  assignments: input.set,
  flags: (Object.keys(named) as Array<keyof typeof named>).flatMap((flag) =>
    Option.match(input[flag], { onNone: () => [], onSome: (value) => [{ flag, path: paths[flag], value }] })
  )
})
