// Whether a dataset can be trained on fairly: every constraint can be checked, all of a row can be met together, and
// the text that the model sees asks for what the check wants.
import { contradictions } from "@ifrl/verifiers"
import { Result } from "effect"
import type { DataRecord } from "../data/Records.ts"
import { constraintProblem, decodeRow } from "../Dataset.ts"
import { importRecord } from "../Import.ts"
import { contentId, isSoft, type PromptRow } from "../PromptRow.ts"
import { isAnswer, isReasoning } from "../Reasoning.ts"
import { keepsApart, type Taxonomy, taxonomy as ours } from "../types/index.ts"
import { textFaults } from "./Parameters.ts"

/** What can be wrong, and whether it is a fault (a row that trains the wrong thing) or only worth knowing. */
export const faultKinds = {
  unreadable: { fault: true, says: "the record is no row: a member is missing or its lists do not align" },
  invalid: { fault: true, says: "nothing can check a constraint: its id is unknown or its kwargs are refused" },
  impossible: { fault: true, says: "no response follows all constraints of the row" },
  relation: { fault: true, says: "the text asks for another bound than is checked" },
  contradictory: { fault: true, says: "the text gives two opposite bounds for one number" },
  parameter: { fault: true, says: "the text does not state a parameter that is checked" },
  prompt: { fault: true, says: "the prompt does not have the text of a constraint" },
  duplicate: { fault: true, says: "the prompt or the id has come before" },
  level: { fault: true, says: "a level is not made of the first constraints of its parent" },
  leak: { fault: true, says: "the prompt is also held out" },
  conflict: { fault: false, says: "the benchmark's authors, or the taxonomy, keep two of the constraints apart" },
  untold: { fault: false, says: "constraints, or the instruction, have no texts of their own, so the row has no levels" }
} as const
export type FaultKind = keyof typeof faultKinds

export interface Finding {
  readonly kind: FaultKind
  readonly path: string
  readonly line: number
  /** Id of the row, where there is one. */
  readonly row: string | undefined
  /** Id of the constraint that it is about. */
  readonly constraint?: string | undefined
  readonly message: string
}

export interface Validation {
  readonly rows: number
  /** Rows with at least one fault. */
  readonly faulty: number
  /** Rows by kind of finding; only kinds that were found. */
  readonly counts: Readonly<Partial<Record<FaultKind, number>>>
  readonly findings: ReadonlyArray<Finding>
}

type Found = Pick<Finding, "kind" | "message" | "constraint">

/** Findings about the constraints of one row, whatever else the dataset holds. */
export const examineRow = (row: PromptRow, taxonomy: Taxonomy = ours): ReadonlyArray<Found> => {
  const ids = row.instruction_id_list
  const found: Array<Found> = []
  const usable = ids.map((id, index) => {
    const problem = constraintProblem(row, index)
    if (Result.isSuccess(problem)) return true
    found.push({ kind: "invalid", constraint: id, message: problem.failure.problem })
    return false
  })
  const hard = ids.flatMap((id, index) => (usable[index] && !isSoft(id) && !isAnswer(id) ? [{ id, index }] : []))
  const apart = new Set<string>()
  for (const { instructions, kind, message } of contradictions(
    hard.map(({ id, index }) => ({ id, kwargs: row.kwargs[index] }))
  )) {
    found.push({
      kind: kind === "conflict" ? "conflict" : "impossible",
      constraint: hard[instructions[0]!]!.id,
      message
    })
    if (kind === "conflict") apart.add(instructions.map((at) => hard[at]!.index).join())
  }
  for (const [i, a] of ids.entries()) {
    for (const [j, b] of ids.entries()) {
      if (j > i && !apart.has(`${i},${j}`) && !isAnswer(a) && keepsApart(taxonomy, a, b)) {
        found.push({ kind: "conflict", constraint: a, message: `"${a}" and "${b}" should not stand together` })
      }
    }
  }
  if (row.constraints.length < ids.length && !isReasoning(row))
    found.push({ kind: "untold", message: "the row gives no texts of constraints" })
  else if (ids.length > 0 && row.instruction === row.prompt && !isReasoning(row))
    found.push({ kind: "untold", message: "the row gives no instruction apart from its prompt" })
  for (const [index, text] of row.constraints.entries()) {
    const id = ids[index]!
    const own = usable[index] && !isSoft(id) && !isAnswer(id) ? textFaults(id, row.kwargs[index]!, text) : []
    found.push(...own.map((fault): Found => ({ ...fault, constraint: id, message: `"${text}" ${fault.message}` })))
    if (text.trim() === "" || !row.prompt.includes(text)) {
      found.push({ kind: "prompt", constraint: id, message: `the prompt does not have the text "${text}"` })
    }
  }
  return found
}

/** A row's constraints as they are read, and as they are checked: one hash of id and kwargs for each. */
interface Said {
  readonly texts: ReadonlyArray<string>
  readonly checks: ReadonlyArray<string>
}

/** Parents may come after their levels, so levels are looked at when all rows are known. */
interface Level extends Said {
  readonly finding: Omit<Finding, "kind" | "message">
  readonly parent: string
}

const saidBy = ({ constraints, instruction_id_list, kwargs }: PromptRow): Said => ({
  texts: constraints,
  checks: instruction_id_list.map((id, i) => contentId({ prompt: "", instruction_id_list: [id], kwargs: [kwargs[i]!] }))
})

const isPrefix = (level: Said, whole: Said): boolean =>
  level.checks.length < whole.checks.length &&
  level.checks.every((check, index) => check === whole.checks[index]) &&
  level.texts.every((text, index) => text === whole.texts[index])

/** A validation under way: rows are added one by one, so that a dataset need not fit in memory. */
export const makeValidator = (
  options: {
    readonly taxonomy?: Taxonomy
    /** Prompts that must not be trained on. */
    readonly heldOut?: ReadonlySet<string>
    /** Findings kept, of each kind; all are counted. */
    readonly keep?: number
  } = {}
) => {
  const keep = options.keep ?? 1000
  const counts: Partial<Record<FaultKind, number>> = {}
  const findings: Array<Finding> = []
  const prompts = new Map<string, string>()
  const ids = new Map<string, string>()
  const parents = new Map<string, Said>()
  const levels: Array<Level> = []
  let rows = 0
  let faulty = 0

  const report = (found: ReadonlyArray<Finding>) => {
    for (const kind of new Set(found.map(({ kind }) => kind))) counts[kind] = (counts[kind] ?? 0) + 1
    const kept = new Map<FaultKind, number>()
    for (const finding of found) {
      const already = kept.get(finding.kind) ?? 0
      kept.set(finding.kind, already + 1)
      if ((counts[finding.kind] ?? 0) <= keep && already < 5) findings.push(finding)
    }
    if (found.some(({ kind }) => faultKinds[kind].fault)) faulty++
  }

  /** Looks at one record, in any of the schemas that can be imported. */
  const add = ({ line, path, value }: DataRecord): void => {
    rows++
    const decoded = decodeRow(importRecord(value))
    if (Result.isFailure(decoded)) {
      const { problem, row } = decoded.failure
      return report([{ kind: "unreadable", path, line, row, message: problem }])
    }
    const row = decoded.success
    const at = { path, line, row: row.id }
    const where = `${path}:${line}`
    const found: Array<Found> = [...examineRow(row, options.taxonomy)]
    const [samePrompt, sameId] = [prompts.get(row.prompt), ids.get(row.id)]
    if (samePrompt !== undefined) found.push({ kind: "duplicate", message: `the prompt is that of ${samePrompt}` })
    else if (sameId !== undefined) found.push({ kind: "duplicate", message: `the id is that of ${sameId}` })
    prompts.set(row.prompt, where)
    ids.set(row.id, where)
    if (options.heldOut?.has(row.prompt)) found.push({ kind: "leak", message: "the prompt is also held out" })
    if (row.parent === undefined) parents.set(row.id, saidBy(row))
    else levels.push({ finding: at, parent: row.parent, ...saidBy(row) })
    report(found.map((finding) => ({ ...finding, ...at })))
  }

  /** What has come to light. */
  const end = (): Validation => {
    for (const { finding, parent, ...level } of levels.splice(0)) {
      const whole = parents.get(parent)
      if (whole === undefined || !isPrefix(level, whole)) {
        const message =
          whole === undefined
            ? `its parent "${parent}" is not there`
            : `its constraints are not the first of its parent "${parent}"`
        report([{ ...finding, kind: "level", message }])
      }
    }
    return { rows, faulty, counts, findings }
  }
  return { add, end }
}

/** A validation for a person: the counts, and the first findings of each kind. */
export const printValidation = ({ counts, faulty, findings, rows }: Validation, examples = 3): string => {
  const kinds = (Object.keys(faultKinds) as Array<FaultKind>).filter((kind) => counts[kind] !== undefined)
  const lines = kinds.flatMap((kind) => [
    `${String(counts[kind]).padStart(7)}  ${kind}: ${faultKinds[kind].says}${faultKinds[kind].fault ? "" : " (no fault)"}`,
    ...findings
      .filter((finding) => finding.kind === kind)
      .slice(0, examples)
      .map(
        ({ constraint, line, message, path, row }) =>
          `         ${path}:${line}${row === undefined ? "" : ` ${row}`}${constraint === undefined ? "" : ` ${constraint}`}: ${message.slice(0, 200)}`
      )
  ])
  return [`${rows} rows, ${faulty} with faults`, ...lines].join("\n")
}
