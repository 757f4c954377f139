// What is true of a response: each constraint by its verifier or, when soft, by the world; the format; the content.
import { isSoft, type PromptRow } from "@ifrl/curriculum"
import { answerAfterThink, verify } from "@ifrl/verifiers"
import { softTruth } from "./SoftTypes.ts"
import { tasks } from "./Tasks.ts"
import { demandsOf, problemOf } from "./World.ts"

export interface Judgement {
  /** One a constraint, in the row's order: whether the answer follows it. All false without an answer. */
  readonly followed: ReadonlyArray<boolean>
  /** All hard constraints are followed. */
  readonly hard: boolean
  /** All soft constraints are; true where there are none. */
  readonly soft: boolean
  /** `isWellFormed`. */
  readonly format: boolean
  /** How far the answer does what the instruction asks, in 0..1. */
  readonly relevance: number
}

/** `<think>\n...\n</think>\n\nanswer`, once, neither part blank. */
export const isWellFormed = (response: string): boolean => {
  const [, thought = "", answer = ""] = /^<think>\n([\s\S]*?)\n<\/think>\n\n([\s\S]*)$/.exec(response) ?? []
  return thought.trim() !== "" && answer.trim() !== "" && !/<\/?think>/.test(thought + answer)
}

/** Judge a response to a row of the embedded world. */
export const judge = (row: PromptRow, response: string): Judgement => {
  const { domain, subject } = problemOf(row)
  const format = isWellFormed(response)
  const answer = answerAfterThink(response) ?? ""
  const followed = demandsOf(row).map(({ id, kwargs }) => {
    if (isSoft(id)) return softTruth({ type: id.slice("soft:".length), value: String(kwargs["value"]) }, answer)
    const verdict = verify({ id, kwargs }, answer)
    return verdict._tag === "Decided" && verdict.followed
  })
  const all = (soft: boolean) => followed.every((value, i) => isSoft(row.instruction_id_list[i]!) !== soft || value)
  return { followed, hard: all(false), soft: all(true), format, relevance: tasks[domain].relevance(subject, answer) }
}
