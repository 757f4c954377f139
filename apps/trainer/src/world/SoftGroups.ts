// Groups to measure a judge of soft constraints on, in the form of the paper's: an instruction under one soft constraint of
// every type, and responses of which each follows one more of them. Nothing here is trained on: (topic, constraint) couples
// are of the held-out split.
import { promptRow, type PromptRow, random } from "@ifrl/curriculum"
import { answerAfterThink } from "@ifrl/verifiers"
import { demonstrate } from "./Annotators.ts"
import { constraintTypes } from "./ConstraintTypes.ts"
import { softTypes } from "./SoftTypes.ts"
import { tasks } from "./Tasks.ts"
import { splitOfRow } from "./World.ts"

const types = Object.keys(softTypes)

/** Row number `i` of a seed: a topic with one soft constraint of each type, in random order, of the held-out split. */
export const softRow = (seed: number, i: number): PromptRow => {
  const draw = random(seed, "soft-row", i)
  for (;;) {
    const subject = tasks.writing.subject(draw)
    const row = promptRow({
      instruction: draw.pick(tasks.writing.phrasings(subject)),
      domain: "writing",
      subject,
      constraints: draw.shuffle(types).map((type) => {
        const id = `soft:${type}`
        const value = draw.pick(Object.keys(softTypes[type]!.values))
        return { id, kwargs: {}, text: draw.pick(constraintTypes[id]!.phrasings({ value })), truth: { type, value } }
      })
    })
    if (splitOfRow(row) === "heldOut") return row
  }
}

/** A group whose responses are written, not generated: response k follows k of the constraints, k from 0 to all. */
export interface SoftGroup {
  readonly row: PromptRow
  readonly responses: ReadonlyArray<{ readonly text: string; readonly followed: ReadonlyArray<boolean> }>
}

export const writtenGroup = (seed: number, i: number): SoftGroup => {
  const row = softRow(seed, i)
  const draw = random(seed, "soft-group", i)
  const responses = Array.from({ length: row.level + 1 }, (_, count) => {
    const chosen = new Set(draw.shuffle(row.instruction_id_list).slice(0, count))
    const { followed, messages } = demonstrate(row, draw, (id) => chosen.has(id) ? 1 : 0)
    return { text: answerAfterThink(messages[1].content) ?? "", followed }
  })
  return { row, responses }
}
