// `ifrl generate`: one completion of one prompt.
import { loadModel, type Model, ModelError } from "@ifrl/models"
import { type Completion, Rollout } from "@ifrl/rollout"
import { Runtime } from "@ifrl/runtime"
import { Effect, Stream, Terminal } from "effect"
import { Command, Flag } from "effect/cli"
import { CommandError } from "../CommandError.ts"
import { embedded } from "../Config.ts"
import { Json } from "../Flags.ts"
import { fetchModel, hasChatTemplate, modelDirectory, modelOptions } from "../ModelFolder.ts"
import { printResult } from "../Output.ts"

const flags = {
  model: Flag.String("model").pipe(Flag.withDefault(embedded), Flag.withDescription("Model folder, or owner/name[@revision] of the Hugging Face Hub")),
  prompt: Flag.String("prompt").pipe(Flag.withDescription("The user's message, or the text to go on from under --raw")),
  system: Flag.String("system").pipe(Flag.withDefault(""), Flag.withDescription("System message")),
  raw: Flag.Boolean("raw").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Give the model the prompt as it is; otherwise its chat template is applied where it has one")
  ),
  temperature: Flag.Finite("temperature").pipe(Flag.withDefault(1), Flag.withDescription("0 takes the likeliest token")),
  topP: Flag.Finite("top-p").pipe(Flag.withDefault(1), Flag.withDescription("Share of probability that is kept")),
  topK: Flag.Int("top-k").pipe(Flag.withDefault(0), Flag.withDescription("Likeliest tokens that are kept; 0 for all")),
  minP: Flag.Finite("min-p").pipe(Flag.withDefault(0), Flag.withDescription("Least share of the likeliest token's probability")),
  maxTokens: Flag.Int("max-tokens").pipe(Flag.withDefault(256), Flag.withDescription("Longest completion in tokens")),
  seed: Flag.Int("seed").pipe(Flag.withDefault(0), Flag.withDescription("Seed of the sampling")),
  thinking: Flag.Literals("thinking", ["template", "on", "off"]).pipe(
    Flag.withDefault("template"),
    Flag.withDescription("Whether the chat template is told to let the model think, by its variable enable_thinking")
  ),
  threads: Flag.Int("threads").pipe(Flag.withDefault(0), Flag.withDescription("Threads of ONNX Runtime; 0 for one a core"))
}

const encodePrompt = Effect.fnUntraced(function*(
  model: Model,
  input: { readonly prompt: string; readonly system: string; readonly raw: boolean }
) {
  const chat = !input.raw && (yield* hasChatTemplate(model.directory!))
  if (!chat && input.system !== "") {
    return yield* new CommandError({
      operation: "generate",
      subject: "--system",
      reason: "only a chat template has a place for a system message",
      remedy: input.raw ? "leave out --raw, or put the message into --prompt" : "put the message into --prompt"
    })
  }
  const system = input.system === "" ? [] : [{ role: "system", content: input.system }]
  const { tokenizer } = model
  return yield* Effect.try({
    try: () =>
      chat
        ? tokenizer.applyChatTemplate([...system, { role: "user", content: input.prompt }], { addGenerationPrompt: true })
        : tokenizer.encode(input.prompt),
    catch: (error) => error
  }).pipe(Effect.catch((error) => error instanceof ModelError ? Effect.fail(error) : Effect.die(error)))
})

/** Text that can be shown of the tokens so far: an unfinished character is held back. */
const settled = (text: string) => text.replace(/\uFFFD+$/, "")

export const generate = Command.make("generate", flags, (input) =>
  Effect.gen(function*() {
    const json = yield* Json
    const terminal = yield* Terminal.Terminal
    if (input.maxTokens < 1) {
      return yield* new CommandError({
        operation: "generate",
        subject: "--max-tokens",
        reason: `is ${input.maxTokens}, which leaves no completion`,
        remedy: "give a number from 1 on"
      })
    }
    yield* fetchModel(input.model)
    const model = yield* loadModel(modelDirectory(input.model), modelOptions(input.thinking))
    const promptTokens = yield* encodePrompt(model, input)
    const request = { id: "prompt", promptTokens, maxTokens: input.maxTokens, key: { seed: input.seed, step: 0 } }
    const layer = Rollout.layer({
      model,
      rows: 1,
      maxLength: Math.max(1, Math.min(model.config.maxPositions, promptTokens.length + input.maxTokens))
    })
    const decode = (tokens: ArrayLike<number>) => model.tokenizer.decode(tokens, { skipSpecial: true })

    const run = Effect.gen(function*() {
      const rollout = yield* Rollout
      const tokens: Array<number> = []
      let shown = ""
      const completions: Array<Completion> = []
      yield* rollout.stream([request], { ...input, stopTokens: model.tokenizer.eosIds }).pipe(
        Stream.runForEach((event) =>
          Effect.suspend(() => {
            if (event._tag === "Completion") return Effect.sync(() => void completions.push(event))
            tokens.push(event.token)
            const text = settled(decode(tokens))
            if (json || !text.startsWith(shown)) return Effect.void
            const more = text.slice(shown.length)
            shown = text
            return terminal.display(more)
          })
        )
      )
      return completions[0]!
    })
    const completion = yield* run.pipe(
      Effect.provide(layer),
      Effect.provide(Runtime.layer(input.threads === 0 ? {} : { threads: input.threads }))
    )
    const result = {
      text: decode(completion.tokens),
      tokens: [...completion.tokens],
      logProbs: [...completion.logProbs],
      stopReason: completion.stopReason
    }
    yield* printResult(result, "")
  })).pipe(Command.withDescription("Complete one prompt; prints the text as it comes"))
