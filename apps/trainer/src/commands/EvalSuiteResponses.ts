// A model's responses to a suite's prompts, each written to responses.jsonl as it ends, so that an interrupted run goes on
// where it was.
import type { SuiteRecord } from "@ifrl/bench"
import type { PromptRow } from "@ifrl/curriculum"
import { loadModel } from "@ifrl/models"
import { Rollout } from "@ifrl/rollout"
import { Effect, FileSystem, Path, Result, Stream } from "effect"
import { CommandError } from "../CommandError.ts"
import type { Config } from "../Config.ts"
import { readConfig, valueAt } from "../ConfigSource.ts"
import { Display } from "../Display.ts"
import { modelDirectory, modelOptions } from "../ModelFolder.ts"
import { RunFolder } from "../RunFolder.ts"
import { maxLengthOf, promptEncoder } from "../Session.ts"
import { answerOf } from "../Thought.ts"

/** One line of responses.jsonl. */
interface Responded {
  readonly key: string
  readonly prompt: string
  /** What is judged: the completion after its thought. */
  readonly response: string
  readonly completion: string
  readonly tokens: number
  readonly stopReason: string
}

/** The lines of an earlier, interrupted run; one that was cut short is dropped. */
const earlier = (text: string): ReadonlyArray<Responded> =>
  text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Responded]
    } catch {
      return []
    }
  })

/** A record as the row that a prompt encoder takes. */
const rowOf = ({ key, prompt }: SuiteRecord): PromptRow => ({
  id: key,
  prompt,
  instruction: prompt,
  instruction_id_list: [],
  kwargs: [],
  constraints: [],
  level: 0,
  domain: "benchmark"
})

const print = (row: Responded) => `${JSON.stringify(row)}\n`

/** Keys that responses depend on. */
const decisive = [
  "model.path", "model.maxLength", "data.system", "data.thinking", "eval.temperature", "eval.seed", "eval.maxTokens", "rollout.maxTokens",
  "reward.thought"
]

/** Refuses to go on with responses of a run that was told otherwise. */
const checkUnchanged = Effect.fnUntraced(function*(directory: string, config: Config) {
  const path = yield* Path.Path
  const told = yield* readConfig({ file: path.join(directory, "config.json") })
  const at = (node: unknown, key: string) => valueAt(node, key.split("."))
  const changed = decisive.find((key) => at(told, key) !== at(config, key))
  if (changed === undefined) return
  return yield* new CommandError({
    operation: "eval",
    subject: changed,
    reason: `is ${String(at(config, changed))}, and the responses in ${directory} were made with ${String(at(told, changed))}`,
    remedy: "leave it as it was, or begin another run"
  })
})

/** Respond to every record; the file, and what was asked of the model. */
export const respond = Effect.fnUntraced(function*(config: Config, records: ReadonlyArray<SuiteRecord>, resumed: boolean) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* RunFolder
  const display = yield* Display
  const file = path.join(folder.directory, "responses.jsonl")
  const done = resumed && (yield* fs.exists(file)) ? [...earlier(yield* fs.readFileString(file))] : []
  if (done.length > 0) yield* checkUnchanged(folder.directory, config)
  yield* fs.writeFileString(file, done.map(print).join(""))

  const model = yield* loadModel(modelDirectory(config.model.path), modelOptions(config.data.thinking))
  const encoder = promptEncoder(config, model)
  const maxLength = maxLengthOf(config, model)
  const maxTokens = config.eval.maxTokens > 0 ? config.eval.maxTokens : config.rollout.maxTokens
  const known = new Set(done.map((row) => row.key))
  const open = records.filter((record) => !known.has(record.key))
  const encoded = yield* Effect.forEach(open, (record) =>
    encoder.encode(rowOf(record)).pipe(
      Effect.result,
      Effect.map((tokens) => ({ record, tokens }))
    ))
  // A prompt beyond the context has no response and counts as failed; anything else that is wrong ends the run.
  const broken = encoded.find(({ tokens }) => Result.isFailure(tokens) && tokens.failure.cause !== undefined)
  if (broken !== undefined && Result.isFailure(broken.tokens)) return yield* broken.tokens.failure
  const requests = encoded.flatMap(({ record, tokens }) =>
    Result.isFailure(tokens) ? [] : [{ id: record.key, promptTokens: tokens.success, maxTokens, key: { seed: config.eval.seed, step: 0 } }]
  )
  if (requests.length + done.length === 0) {
    return yield* new CommandError({
      operation: "eval",
      subject: config.model.path,
      reason: `none of the ${records.length} prompts leaves room for a response in its context of ${maxLength} tokens`,
      remedy: "take a model with a longer context, or raise model.maxLength if the model allows"
    })
  }
  const prompts = new Map(records.map((record) => [record.key, record.prompt]))
  yield* folder.keepConfig
  yield* display.begin("eval", 1, [])
  yield* Effect.gen(function*() {
    const rollout = yield* Rollout
    yield* rollout.stream(requests, {
      temperature: config.eval.temperature,
      stopTokens: encoder.stopTokens,
      onProgress: ({ completed, total }) => display.activity("responses", done.length + completed, done.length + total)
    }).pipe(Stream.runForEach((event) => {
      if (event._tag !== "Completion") return Effect.void
      const completion = encoder.decode(event.tokens)
      const response = answerOf(completion, config.reward.thought)
      const { promptId: key, stopReason } = event
      const row = { key, prompt: prompts.get(key)!, response, completion, tokens: event.tokens.length, stopReason }
      done.push(row)
      return fs.writeFileString(file, print(row), { flag: "a" })
    }))
  }).pipe(Effect.provide(Rollout.layer({ model, rows: config.rollout.rows, maxLength })))

  const unanswered = done.filter((row) => row.response === "").length
  if (unanswered > done.length / 2 && config.reward.thought === "required") {
    yield* display.line(
      `${unanswered} of ${done.length} completions have no answer after </think>; ` +
        "for models that do not think, --set reward.thought=optional"
    )
  }
  return {
    file,
    settings: {
      model: config.model.path,
      system: config.data.system,
      temperature: config.eval.temperature,
      seed: config.eval.seed,
      maxTokens,
      context: maxLength,
      thought: config.reward.thought,
      meanTokens: Math.round(done.reduce((sum, row) => sum + row.tokens, 0) / done.length),
      cutShort: done.filter((row) => row.stopReason === "length").length,
      withoutAnswer: unanswered,
      promptsBeyondContext: encoded.length - requests.length
    }
  }
})
