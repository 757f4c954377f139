// Curriculum decomposition: an instruction with constraints c1..cn becomes n instructions, of which level k keeps the
// first k constraints.
import { constraintsOf, contentId, type PromptRow, promptRow } from "./PromptRow.ts"
import { PromptError } from "./PromptError.ts"
import { isReasoning } from "./Reasoning.ts"

/**
 * Level `k` of a row, k in 0..n: its first `k` constraints. Level n is the row itself; the others carry its id as
 * `parent`. Level 0, the bare instruction, is nothing to train on: the paper's pairs use the response to it.
 * Throws a PromptError when the row's constraints have no texts of their own, or its instruction none.
 */
export const levelOf = (row: PromptRow, k: number): PromptRow => {
  const count = row.instruction_id_list.length
  if (!Number.isInteger(k) || k < 0 || k > count) {
    throw new PromptError({
      row: row.id,
      problem: `there is no level ${k}: the row has ${count} constraints`,
      remedy: `ask for a level in 0..${count}`
    })
  }
  if (k === count) return row
  if (row.constraints.length !== count) {
    throw new PromptError({
      row: row.id,
      problem: `the row has ${count} constraint ids and ${row.constraints.length} constraint texts, so its levels have no prompts`,
      remedy: "give the bare `instruction` and one text a constraint in `constraints`, or use a schedule without levels"
    })
  }
  const { answer, domain, id, instruction, source, subject } = row
  if (instruction === row.prompt) {
    throw new PromptError({
      row: id,
      problem: "the row's prompt is not told apart from its `instruction`, so its levels have no prompts",
      remedy: "give the bare `instruction` beside the constraint texts, or use a schedule without levels"
    })
  }
  const constraints = constraintsOf(row).slice(0, k)
  return promptRow({ instruction, constraints, domain, subject, answer, source, parent: id })
}

/**
 * Levels 1..n of a row. A row that is a level already, and one with nothing but an answer to find, is left as it is.
 */
export const decompose = (row: PromptRow): ReadonlyArray<PromptRow> =>
  row.parent !== undefined || isReasoning(row)
    ? [row]
    : row.instruction_id_list.map((_, index) => levelOf(row, index + 1))

/** The levels of all rows, each distinct prompt once, in the order of the rows. Done twice, it changes nothing more. */
export const decomposeAll = (rows: ReadonlyArray<PromptRow>): ReadonlyArray<PromptRow> => [
  ...new Map(rows.flatMap(decompose).map((row) => [contentId(row), row])).values()
]

/** The rows that are not levels of others: what a dataset was decomposed from. */
export const originals = (rows: ReadonlyArray<PromptRow>): ReadonlyArray<PromptRow> =>
  rows.filter((row) => row.parent === undefined)
