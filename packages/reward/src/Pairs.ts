// Self-supervised pairs (arXiv 2508.02150): for each soft constraint c_k of a row, responses of the policy to level k are
// positives and its responses to level k - 1, which never saw c_k, are negatives. Nobody labels anything.
import { contentId, isSoft, levelOf, type LineFault, type PromptRow, readJsonLines } from "@ifrl/curriculum"
import { Effect, FileSystem, Schema } from "effect"
import { RewardModelError } from "./RewardModelError.ts"

const Side = Schema.Struct({
  /** The answer, without the thought. */
  text: Schema.String,
  /** The prompt it answers. */
  prompt: Schema.String,
  /** Number among the samples of that prompt. */
  sample: Schema.Int
})

/** A positive and a negative for one constraint, and where they come from. */
export const SoftPair = Schema.Struct({
  id: Schema.NonEmptyString,
  /** Constraint id, `soft:tone`. */
  type: Schema.String,
  constraint: Schema.NonEmptyString,
  instruction: Schema.String,
  positive: Side,
  negative: Side,
  /** Id of the row, and the constraint's place in it. */
  row: Schema.String,
  index: Schema.Int,
  /** `level`: a response to the level below; `crossed`: a response to another constraint's prompt. */
  kind: Schema.Literals(["level", "crossed"]),
  /** The model that wrote the responses, and how they were drawn. */
  policy: Schema.String,
  seed: Schema.Int,
  temperature: Schema.Finite
})
export type SoftPair = typeof SoftPair.Type

/** A soft constraint of a row, with the two levels that its pairs are made from. */
export interface PairPlan {
  readonly row: PromptRow
  /** Place of the constraint, from 0. */
  readonly index: number
  /** Level index + 1, whose last constraint it is. */
  readonly above: PromptRow
  /** Level index. */
  readonly below: PromptRow
}

/**
 * The soft constraints of rows, each with the prompts that its positives and negatives answer. The same constraint text
 * under the same instruction and the same constraints before it is planned once.
 */
export const planPairs = (rows: ReadonlyArray<PromptRow>): ReadonlyArray<PairPlan> => {
  const plans = rows.flatMap((row) =>
    row.instruction_id_list.flatMap((id, index) =>
      isSoft(id) ? [{ row, index, above: levelOf(row, index + 1), below: levelOf(row, index) }] : []
    )
  )
  return [...new Map(plans.map((plan) => [contentId(plan.above), plan])).values()]
}

/** The different prompts of plans: what the policy answers. */
export const pairPrompts = (plans: ReadonlyArray<PairPlan>): ReadonlyArray<PromptRow> =>
  [...new Map(plans.flatMap(({ above, below }) => [above, below]).map((row) => [row.id, row])).values()]

/** Answers of the policy to a plan's two prompts. */
export interface PairAnswers {
  readonly plan: PairPlan
  readonly positives: ReadonlyArray<string>
  readonly negatives: ReadonlyArray<string>
}

/** How responses were drawn, noted in every pair. */
export interface PairSource {
  readonly policy: string
  readonly seed: number
  readonly temperature: number
}

/** Pairs of equally numbered samples, or of equally ranked lengths where lengths are to be balanced. Blank answers make no pair. */
export const pairAnswers = (
  answers: ReadonlyArray<PairAnswers>,
  source: PairSource,
  options: { readonly balanceLengths: boolean }
): ReadonlyArray<SoftPair> =>
  answers.flatMap(({ negatives, plan, positives }) => {
    const { above, below, index, row } = plan
    const side = (texts: ReadonlyArray<string>, prompt: string) => {
      const sides = texts.map((text, sample) => ({ text, prompt, sample })).filter(({ text }) => text.trim() !== "")
      // Of all ways to couple two lists, ranks against ranks leave the least total difference in length.
      return options.balanceLengths ? sides.toSorted((a, b) => a.text.length - b.text.length || a.sample - b.sample) : sides
    }
    const left = side(positives, above.prompt)
    const right = side(negatives, below.prompt)
    return left.slice(0, right.length).map((positive, i): SoftPair => ({
      id: `${row.id}/${index}/${positive.sample}`,
      type: row.instruction_id_list[index]!,
      constraint: row.constraints[index]!,
      instruction: row.instruction,
      positive,
      negative: right[i]!,
      row: row.id,
      index,
      kind: "level",
      ...source
    }))
  })

/** One thing for the reward model to learn from. */
export interface LabelledPair {
  readonly id: string
  readonly constraint: string
  readonly instruction: string
  readonly response: string
  readonly label: boolean
}

/** The positive and the negative of each pair, in turn. */
export const examplesOf = (pairs: ReadonlyArray<SoftPair>): ReadonlyArray<LabelledPair> =>
  pairs.flatMap(({ constraint, id, instruction, negative, positive }) => [
    { id: `${id}/+`, constraint, instruction, response: positive.text, label: true },
    { id: `${id}/-`, constraint, instruction, response: negative.text, label: false }
  ])

// -------------------- files --------------------

/** Writes pairs as JSONL, in order. */
export const writePairs = Effect.fn("writePairs")(function*(file: string, pairs: ReadonlyArray<SoftPair>) {
  const fs = yield* FileSystem.FileSystem
  yield* fs.writeFileString(file, pairs.map((pair) => `${JSON.stringify(pair)}\n`).join("")).pipe(
    Effect.mapError((cause) =>
      new RewardModelError({ operation: "pairs", subject: file, reason: cause.message, remedy: "make its folder writable", cause })
    )
  )
})

const refusePair = (fault: LineFault) =>
  new RewardModelError({ operation: "pairs", remedy: "give pairs as `ifrl reward train` writes them, one a line", ...fault })

/** Pairs from JSONL; a line that is no pair is refused by number. */
export const readPairs = Effect.fn("readPairs")((file: string) => readJsonLines(file, SoftPair, refusePair))
