// `ifrl reward eval`: how well judges of soft constraints agree with labels: the reward model, a chat model behind any
// OpenAI-compatible endpoint, the policy itself. Without labels of yours, on the embedded world, whose truth is known.
import {
  type Agreement, type AgreementGroup, chatJudge, measureAgreement, policyJudge, printAgreements, readGroups, rewardModelAsJudge
} from "@ifrl/bench"
import { ChatEndpoint, ChatEndpointConfig } from "@ifrl/curriculum"
import { loadModel } from "@ifrl/models"
import { RewardModel } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { CommandError } from "../CommandError.ts"
import type { Config } from "../Config.ts"
import { readConfig } from "../ConfigSource.ts"
import { configFlags, sourceOf } from "../Flags.ts"
import { embeddedConfig, fetchModel, modelDirectory, modelOptions } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"
import { maxLengthOf } from "../Session.ts"
import { policyGroups, writtenGroups } from "../SoftAgreement.ts"
import { measureThroughput, printThroughput } from "../Throughput.ts"
import { runtimeLayer } from "./RunCommand.ts"

const flags = {
  ...configFlags,
  "reward-model": Flag.String("reward-model").pipe(Flag.withDescription("Reward model folder to measure"), Flag.optional),
  labels: Flag.String("labels").pipe(
    Flag.withDescription("JSONL of groups { id, instruction, constraints, responses: [{ text, followed }] }"),
    Flag.optional
  ),
  groups: Flag.Int("groups").pipe(Flag.withDefault(50), Flag.withDescription("Groups of each kind from the embedded world, without --labels")),
  policy: Flag.Boolean("policy").pipe(Flag.withDefault(false), Flag.withDescription("Measure the model of --model as its own judge too")),
  url: Flag.String("url").pipe(Flag.withDescription("Base URL of a chat endpoint to measure as a judge, up to /v1"), Flag.optional),
  judge: Flag.String("judge").pipe(Flag.withDescription("Name of the endpoint's model"), Flag.optional),
  cache: Flag.String("cache").pipe(Flag.withDefault(""), Flag.withDescription("Folder that keeps the endpoint's replies")),
  "judge-tokens": Flag.Int("judge-tokens").pipe(
    Flag.withDefault(1024),
    Flag.withDescription("Longest reply of a judge that writes, its thought included, in tokens")
  ),
  throughput: Flag.Int("throughput").pipe(
    Flag.withDefault(0),
    Flag.withDescription("Time as many pairs in one phase against one request at a time over HTTP; 0 for no timing")
  )
}

type Input = Command.Command.Config.Infer<typeof flags>

const loadPolicy = Effect.fnUntraced(function*({ data, model: { path } }: Config) {
  yield* fetchModel(path)
  return yield* loadModel(modelDirectory(path), modelOptions(data.thinking))
})

const groupsOf = Effect.fnUntraced(function*(input: Input, config: Config) {
  if (Option.isSome(input.labels)) return { labels: yield* readGroups(input.labels.value) }
  const model = yield* loadPolicy(config)
  return {
    written: writtenGroups(input.groups, config.pairs.without),
    policy: yield* Effect.scoped(policyGroups(config, model, input.groups))
  }
})

const judgesOf = (input: Input, config: Config, groups: ReadonlyArray<AgreementGroup>) =>
  Effect.gen(function*() {
    const results: Array<Agreement> = []
    if (Option.isSome(input["reward-model"])) {
      results.push(
        yield* rewardModelAsJudge.pipe(
          Effect.flatMap((judge) => measureAgreement(groups, { ...judge, name: "reward model" })),
          // Nothing is remembered, so that the seconds are those of reading.
          Effect.provide(RewardModel.layer(input["reward-model"].value, { cacheSize: 0 }))
        )
      )
    }
    if (Option.isSome(input.url)) {
      const endpoint = yield* Schema.decodeUnknownEffect(ChatEndpointConfig)({
        url: input.url.value,
        model: Option.getOrElse(input.judge, () => "default"),
        cache: input.cache
      }).pipe(Effect.mapError((cause) =>
        new CommandError({ operation: "reward eval", subject: "--url", reason: cause.message, remedy: "give the endpoint's base URL", cause })
      ))
      results.push(
        yield* chatJudge({ maxTokens: input["judge-tokens"] }).pipe(
          Effect.flatMap((judge) => measureAgreement(groups, judge)),
          Effect.provide(ChatEndpoint.layer(endpoint))
        )
      )
    }
    if (input.policy) {
      const model = yield* loadPolicy(config)
      const encode = (content: string) =>
        Effect.sync(() => model.tokenizer.applyChatTemplate([{ role: "user", content }], { addGenerationPrompt: true }))
      results.push(
        yield* policyJudge({
          name: "policy",
          maxTokens: Math.min(input["judge-tokens"], config.rollout.maxTokens),
          encode,
          decode: (tokens) => model.tokenizer.decode(tokens, { skipSpecial: true }),
          sampling: { stopTokens: model.tokenizer.eosIds }
        }).pipe(
          Effect.flatMap((judge) => measureAgreement(groups, judge)),
          Effect.provide(Rollout.layer({ model, rows: config.rollout.rows, maxLength: maxLengthOf(config, model) }))
        )
      )
    }
    return results
  })

const configOf = (input: Input) => {
  const source = sourceOf(input)
  return readConfig({ ...source, file: source.file ?? embeddedConfig() })
}

/** The first thing wrong with the flags: nothing to measure, or one that says nothing as it stands. */
const fault = ({ cache, groups, judge, labels, policy, "reward-model": rewardModel, throughput, url }: Input): CommandError | undefined => {
  const checks: ReadonlyArray<readonly [fails: boolean, subject: string, reason: string, remedy: string]> = [
    [
      Option.isNone(rewardModel) && Option.isNone(url) && !policy,
      "judges",
      "there is none to measure",
      "name a reward model (--reward-model), an endpoint (--url) or the policy (--policy)"
    ],
    [Option.isNone(labels) && groups < 1, `--groups ${groups}`, "leaves nothing to measure on", "give a number from 1 on, or --labels"],
    [throughput < 0, `--throughput ${throughput}`, "is no number of pairs", "give a number from 1 on, or 0 for no timing"],
    [throughput > 0 && Option.isNone(rewardModel), "--throughput", "times a reward model, and none is named", "add --reward-model"],
    [Option.isSome(judge) && Option.isNone(url), "--judge", "is about an endpoint, and none is named", "add --url"],
    [cache !== "" && Option.isNone(url), "--cache", "is about an endpoint, and none is named", "add --url"]
  ]
  const found = checks.find(([fails]) => fails)
  if (found === undefined) return undefined
  const [, subject, reason, remedy] = found
  return new CommandError({ operation: "reward eval", subject, reason, remedy })
}

const measure = (input: Input, config: Config) =>
  Effect.gen(function*() {
    const wrong = fault(input)
    if (wrong !== undefined) return yield* wrong
    const sets = Object.entries(yield* groupsOf(input, config)) as ReadonlyArray<readonly [string, ReadonlyArray<AgreementGroup>]>
    const results = yield* Effect.forEach(sets, ([name, groups]) =>
      Effect.scoped(judgesOf(input, config, groups)).pipe(Effect.map((agreements) => [name, agreements] as const)))
    const throughput = input.throughput > 0 && Option.isSome(input["reward-model"])
      ? yield* Effect.scoped(measureThroughput(input["reward-model"].value, sets.flatMap(([, groups]) => groups), input.throughput))
      : undefined
    const text = [
      ...results.map(([name, agreements]) => `${name}\n${printAgreements(agreements)}`),
      ...(throughput === undefined ? [] : [printThroughput(throughput)])
    ].join("\n\n")
    yield* printResult({ ...Object.fromEntries(results), ...(throughput !== undefined && { throughput }) }, text)
  })

export const rewardEval = Command.make("eval", flags, Effect.fnUntraced(function*(input) {
  const config = yield* configOf(input)
  yield* measure(input, config).pipe(Effect.provide(runtimeLayer(config)))
})).pipe(Command.withDescription("Agreement of judges of soft constraints with labels"))
