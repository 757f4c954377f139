// Demonstrations for supervised training. Annotators get the content and the format right, but overlook constraints,
// each with a probability of its type; what they overlook they do not plan for either. A model trained on them until
// its loss has levelled off knows how to follow every type and does so about as often as they did.
import { levelOf, type PromptRow, type Random, random } from "@ifrl/curriculum"
import { constraintTypes } from "./ConstraintTypes.ts"
import { layout, plain } from "./Draft.ts"
import { judge } from "./Judge.ts"
import { tasks } from "./Tasks.ts"
import { demandsOf, problemOf } from "./World.ts"

/** How often an annotator follows a constraint of a type. */
export type Annotator = (constraintId: string) => number

/** Follows everything: its demonstrations are gold. */
export const careful: Annotator = () => 1

/** Follows each type at the rate of the table. */
export const imperfect: Annotator = (id) => constraintTypes[id]!.rate

export interface Demonstration {
  readonly row: PromptRow
  /** The prompt and a response of the form `<think>\n...\n</think>\n\n...`: a conversation for supervised fine-tuning. */
  readonly messages: readonly [
    { readonly role: "user"; readonly content: string },
    { readonly role: "assistant"; readonly content: string }
  ]
  /** Whether the response follows each constraint of the row. */
  readonly followed: ReadonlyArray<boolean>
}

const farewells = ["Stay curious.", "Thanks for asking.", "More soon.", "Take care."]

const attempts = 32

/** One response that follows the chosen constraints and plans for them. */
const respond = (row: PromptRow, chosen: ReadonlyArray<boolean>, draw: Random): string => {
  const { domain, subject } = problemOf(row)
  const task = tasks[domain]
  const demands = demandsOf(row)
  const draft = demands.reduce((current, { id, kwargs }, i) => {
    const type = constraintTypes[id]!
    return chosen[i]! ? type.follow(current, kwargs, draw) : type.ignore?.(current, kwargs) ?? current
  }, plain)
  const notes = demands.flatMap(({ id, kwargs }, i) => chosen[i]! ? [` ${constraintTypes[id]!.note(kwargs)}.`] : [])
  const answer = layout(draft, task.compose(subject, draft, draw), draw.pick(farewells))
  return `<think>\n${task.think(subject)}${notes.join("")}\n</think>\n\n${answer}`
}

/**
 * An annotator's response to a row. Which constraints it follows is drawn first; the response is then written so that
 * exactly those are followed, or, where what is left out comes about by itself, at least those. Throws an Error that
 * names the row when its constraints cannot be followed together: a fault of the world's tables.
 */
export const demonstrate = (row: PromptRow, draw: Random, annotator: Annotator): Demonstration => {
  const chosen = row.instruction_id_list.map((id) => draw.chance(annotator(id)))
  let fallback: Demonstration | undefined
  for (let attempt = 0; attempt < attempts; attempt++) {
    const response = respond(row, chosen, draw)
    const { followed } = judge(row, response)
    const demonstration: Demonstration = {
      row,
      messages: [{ role: "user", content: row.prompt }, { role: "assistant", content: response }],
      followed
    }
    if (followed.every((value, i) => value === chosen[i])) return demonstration
    if (followed.every((value, i) => value || !chosen[i])) fallback ??= demonstration
  }
  if (fallback === undefined) {
    throw new Error(`row "${row.id}" (${row.prompt}) cannot be answered; the world's tables let conflicting constraints meet`)
  }
  return fallback
}

export interface CorpusOptions {
  readonly seed: number
  readonly rows: ReadonlyArray<PromptRow>
  readonly count: number
  /** Default `imperfect`. */
  readonly annotator?: Annotator
  /** Share of demonstrations of a row's bare instruction. Default 0.1. */
  readonly bare?: number
}

/**
 * Demonstrations, one at a time: the rows in an order shuffled anew for each round over them, every round by other
 * annotators. Number i depends on nothing but the seed, the rows and i.
 */
export function* corpus(options: CorpusOptions): Generator<Demonstration> {
  const { annotator = imperfect, bare = 0.1, count, rows, seed } = options
  let order: ReadonlyArray<PromptRow> = []
  for (let i = 0; i < count; i++) {
    if (i % rows.length === 0) order = random(seed, "round", i / rows.length).shuffle(rows)
    const row = order[i % rows.length]!
    const draw = random(seed, "demonstration", i)
    yield demonstrate(draw.chance(bare) ? levelOf(row, 0) : row, draw, annotator)
  }
}
