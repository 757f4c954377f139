// Pairs of a policy's own answers to the prompts of a run. Answers are kept in a folder while they come, so that a run that
// is cut off asks for none of them again, as long as nothing that they depend on has changed: the file is named by a hash of that.
import { isSoft, type PromptRow } from "@ifrl/curriculum"
import type { Model } from "@ifrl/models"
import { generatePairs, pairPrompts, planPairs, PromptAnswers } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Effect, FileSystem, Path, Schema } from "effect"
import { createHash } from "node:crypto"
import type { Config } from "./Config.ts"
import { Display } from "./Display.ts"
import { inFolder } from "./RunFolder.ts"
import { maxLengthOf, promptEncoder } from "./Session.ts"
import { answerOf } from "./Thought.ts"

/** A name for what depends on these values. */
export const hashOf = (...values: ReadonlyArray<unknown>) => createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, 16)

const decodeAnswers = Schema.decodeUnknownOption(Schema.fromJsonString(PromptAnswers))

/** Answers of an earlier attempt, from JSONL. A last line that was cut off is none. */
const readAnswers = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  if (!(yield* fs.exists(file).pipe(inFolder(file)))) return []
  const text = yield* fs.readFileString(file).pipe(inFolder(file))
  return text.split("\n").flatMap((line) => {
    const answers = decodeAnswers(line)
    return answers._tag === "Some" ? [answers.value] : []
  })
})

const appendAnswers = Effect.fnUntraced(function*(file: string, answers: ReadonlyArray<PromptAnswers>) {
  const fs = yield* FileSystem.FileSystem
  // The line break comes first, so that it ends a line that was cut off.
  yield* fs.writeFileString(file, answers.map((own) => `\n${JSON.stringify(own)}`).join(""), { flag: "a" }).pipe(inFolder(file))
})

const isLeftOut = ({ pairs: { without } }: Config, id: string, constraint: string) => without.includes(id) || without.includes(constraint)

/** The rows that pairs are made from: those with a soft constraint that is not left out. */
export const pairRows = (rows: ReadonlyArray<PromptRow>, config: Config) => {
  const { prompts } = config.pairs
  const soft = rows.filter((row) =>
    row.instruction_id_list.some((id, i) => isSoft(id) && !isLeftOut(config, id, row.constraints[i] ?? ""))
  )
  return prompts > 0 ? soft.slice(0, prompts) : soft
}

/** What the pairs of a run are made from: prompts that are answered, and soft constraints. */
export const countPairs = (config: Config, rows: ReadonlyArray<PromptRow>) => {
  const plans = planPairs(pairRows(rows, config))
  const kept = plans.filter(({ index, row }) => !isLeftOut(config, row.instruction_id_list[index]!, row.constraints[index] ?? ""))
  return { prompts: pairPrompts(plans).length, constraints: kept.length }
}

/** The pairs, the rows that they are made from, and a hash of what they depend on; `work` holds the answers so far. */
export const softPairs = Effect.fn("softPairs")(function*(config: Config, model: Model, rows: ReadonlyArray<PromptRow>, work: string) {
  const path = yield* Path.Path
  const display = yield* Display
  const encoder = promptEncoder(config, model)
  const chosen = pairRows(rows, config)
  const { pairs: { samples, seed, temperature }, reward: { thought }, rollout: { maxTokens, rows: cacheRows } } = config
  const key = hashOf(config.model, config.data, { samples, seed, temperature, thought, maxTokens, cacheRows }, chosen.map(({ id }) => id))
  const file = path.join(work, `answers-${key}.jsonl`)
  const known = yield* readAnswers(file)
  if (known.length > 0) yield* display.line(`pairs: ${known.length} of ${pairPrompts(planPairs(chosen)).length} prompts are answered already`)
  const generated = yield* generatePairs(chosen, {
    config: config.pairs,
    policy: config.model.path,
    maxTokens,
    known,
    onAnswers: (answers) => appendAnswers(file, answers),
    sampling: {
      temperature,
      stopTokens: encoder.stopTokens,
      onProgress: ({ completed, total }) => display.activity("pairs: responses", completed, total)
    },
    encode: encoder.encode,
    answerOf: ({ tokens }) => answerOf(encoder.decode(tokens), thought)
  }).pipe(Effect.provide(Rollout.layer({ model, rows: cacheRows, maxLength: maxLengthOf(config, model) })))
  const pairs = generated.filter(({ constraint, type }) => !isLeftOut(config, type, constraint))
  return { key, pairs, rows: chosen }
})
