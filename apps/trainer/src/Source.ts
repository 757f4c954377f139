// Where a run's prompts and conversations come from: the embedded world or files of the user's.
import {
  decodeJsonLines, decomposeAll, isCurriculum, type LineFault, loadCurriculum, loadPrompts, originals, type PromptRow, readText
} from "@ifrl/curriculum"
import { Conversation } from "@ifrl/train"
import { finalLine, lastBoxed } from "@ifrl/verifiers"
import { Effect } from "effect"
import { CommandError } from "./CommandError.ts"
import { type Config, embedded } from "./Config.ts"
import {
  buildWorld, corpus, type Demonstration, isDomain, reasoningProbe, softTruth, type Split, tasks
} from "./world/index.ts"

/**
 * Seed and sizes of the embedded world. A longer split begins with the rows of a shorter one: demonstrations are made of many
 * prompts, so that a model learns arithmetic rather than its examples, and a run of GRPO takes the first of them.
 */
const world = { seed: 0, demonstrated: 20_000, train: 2000, validation: 400, heldOut: 400 } as const

const rowsOf = Effect.fn("embedded world")(function*(split: Split, count: number) {
  return yield* Effect.sync(() => buildWorld({ seed: world.seed, train: 0, validation: 0, heldOut: 0, [split]: count })[split])
})

const parts = { train: "rows", heldOut: "heldOut" } as const

/** The rows of the embedded world, of a curriculum folder, or of a JSONL file. */
const promptsOf = Effect.fnUntraced(function*(path: string, split: "train" | "heldOut") {
  if (path === embedded) return yield* rowsOf(split, world[split])
  return (yield* isCurriculum(path)) ? yield* loadCurriculum(path, parts[split]) : yield* loadPrompts(path)
})

/** The prompts that a run trains on; without a curriculum the whole ones alone, also where a folder holds their levels. */
export const trainingPrompts = (config: Config) =>
  Effect.map(promptsOf(config.data.prompts, "train"), (rows) => (config.curriculum.decompose ? rows : originals(rows)))

/**
 * Bare problems of the embedded world, so many that they make up the share `data.reasoning` among `rows` and them. They have
 * no constraint, and so no level; each is given one of the levels of `rows`, in turn, to be met on every rung of a ladder.
 */
export const reasoningPrompts = ({ data }: Config, rows: ReadonlyArray<PromptRow>): Effect.Effect<ReadonlyArray<PromptRow>> =>
  Effect.sync(() => {
    if (data.prompts !== embedded || data.reasoning === 0) return []
    const count = Math.round(rows.length * data.reasoning / Math.max(1e-9, 1 - data.reasoning))
    const problems = reasoningProbe({ seed: world.seed, count, split: "train" })
    return problems.map((row, i) => ({ ...row, level: rows[Math.floor(i * rows.length / problems.length)]!.level }))
  })

/** What the steps of a run take their prompts from: the originals or their levels, and bare problems among them. */
export const scheduledPrompts = Effect.fnUntraced(function*(config: Config, originals: ReadonlyArray<PromptRow>) {
  const constrained = config.curriculum.decompose ? decomposeAll(originals) : originals
  return [...constrained, ...(yield* reasoningPrompts(config, constrained))]
})

/** The bare problems that reasoning is probed with, none of which is trained on. */
export const probePrompts = ({ data, eval: { probe } }: Config): Effect.Effect<ReadonlyArray<PromptRow>> =>
  Effect.sync(() => data.heldOut === embedded && probe > 0 ? reasoningProbe({ seed: world.seed + 1, count: probe, split: "heldOut" }) : [])

/** The first `eval.prompts` of the prompts that a run is judged by. A prompt that is also trained on is refused. */
export const heldOutPrompts = Effect.fnUntraced(function*(config: Config, trained: ReadonlyArray<PromptRow>) {
  const rows = yield* promptsOf(config.data.heldOut, "heldOut")
  const known = new Set(trained.map((row) => row.prompt))
  const shared = rows.find((row) => known.has(row.prompt))
  if (shared !== undefined) {
    return yield* new CommandError({
      operation: "data",
      subject: config.data.heldOut,
      reason: `row ${shared.id} is also in ${config.data.prompts}`,
      remedy: "take it out of one of the two: what was trained on does not measure anything"
    })
  }
  return config.eval.prompts > 0 ? rows.slice(0, config.eval.prompts) : rows
})

/**
 * How far an answer does what the instruction asks, in 0..1, for rows whose content the embedded world knows; undefined
 * for others.
 */
export const relevanceOf = (row: PromptRow, answer: string): number | undefined =>
  row.subject !== undefined && isDomain(row.domain) ? tasks[row.domain].relevance(row.subject, answer) : undefined

/** The final answer: the numbers where the embedded world asked for numbers, elsewhere the last box or else the final line. */
export const finalAnswerOf = (row: PromptRow, answer: string): string | undefined =>
  isDomain(row.domain) ? (answer.match(/\d+/g) ?? []).join(" ") : lastBoxed(answer) ?? finalLine(answer)

/** Whether an answer follows each soft constraint of a row whose truth is known. */
export const softVerdicts = (row: PromptRow, answer: string): ReadonlyArray<{ readonly id: string; readonly followed: boolean }> =>
  (row.soft ?? []).map(({ index, type, value }) => ({
    id: row.instruction_id_list[index]!,
    followed: softTruth({ type, value }, answer)
  }))

/** Whether an answer follows the soft constraint at `index` of a row; undefined where its truth is not known. */
export const softVerdictAt = (row: PromptRow, index: number, answer: string): boolean | undefined => {
  const truth = row.soft?.find((soft) => soft.index === index)
  return truth === undefined ? undefined : softTruth(truth, answer)
}

const toConversation = ({ messages, row }: Demonstration, i: number) => ({ id: `${row.id}/${i}`, messages })

/** Conversations of a JSONL file. */
export const conversationsOf = Effect.fnUntraced(function*(path: string) {
  const refuse = (fault: LineFault) =>
    new CommandError({ operation: "data", remedy: "give one JSON object { messages: [{ role, content }, ...] } a line", ...fault })
  const lines = yield* decodeJsonLines(path, yield* readText(path, refuse), Conversation, refuse)
  if (lines.length === 0) return yield* refuse({ subject: path, reason: "holds no conversations", cause: undefined })
  return lines.map(({ line, value: { id, messages } }) => ({ id: id ?? `${path}:${line}`, messages }))
})

/** Conversations to learn from, and those that only measure. */
export const conversations = Effect.fnUntraced(function*(config: Config) {
  const demonstrations = Effect.fnUntraced(function*(split: Split, prompts: number, count: number, seed: number) {
    const rows = yield* rowsOf(split, prompts)
    return yield* Effect.sync(() => [...corpus({ seed, rows, count })].map(toConversation))
  })
  const examples = config.data.examples === embedded
    ? yield* demonstrations("train", world.demonstrated, config.data.demonstrations, world.seed)
    : yield* conversationsOf(config.data.examples)
  const validation = config.data.validation === embedded
    ? yield* demonstrations("validation", world.validation, world.validation, world.seed + 1)
    : yield* conversationsOf(config.data.validation)
  return { examples, validation }
})
