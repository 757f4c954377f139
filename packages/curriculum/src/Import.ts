// Rows of other people's schemas: the authors' Parquet (prompt, instruction_id_list, kwargs with every key, constraint) and
// IFEval's JSONL (key, prompt, instruction_id_list, kwargs). Ours passes as it is.
import { ifeval, verifiers } from "@ifrl/verifiers"
import type { Plain } from "./data/Records.ts"
import { isSoft } from "./PromptRow.ts"
import { isAnswer } from "./Reasoning.ts"

const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

/** The authors' ids of reasoning rows, whose gold answer stands in constraint[0]. */
const reasoningIds: Readonly<Record<string, string>> = { light: "answer:math", light_choice: "answer:choice" }

/** An id that nothing checks is one of the authors' soft ones: `style:open_ended` becomes `soft:style_open_ended`. */
const idOf = (id: string): string =>
  isSoft(id) || isAnswer(id) || Object.hasOwn(ifeval, id) || Object.hasOwn(verifiers, id)
    ? id
    : reasoningIds[id] ?? `soft:${id === "soft" ? "unspecified" : id.replaceAll(":", "_")}`

const withoutNulls = (value: unknown): Plain =>
  value !== null && typeof value === "object"
    ? Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null && member !== undefined))
    : {}

const withoutEnd = (text: string): string => text.replace(/[\s.]+$/, "")

/** The prompt without the constraints that follow it, whatever stops and blanks are between; undefined when it does not end with them. */
const bareInstruction = (prompt: string, constraints: ReadonlyArray<string>): string | undefined => {
  let rest = prompt
  for (const text of constraints.toReversed()) {
    const wanted = withoutEnd(text).trimStart()
    const end = withoutEnd(rest)
    if (!end.endsWith(wanted)) return undefined
    rest = end.slice(0, end.length - wanted.length).trimEnd()
  }
  return rest
}

/**
 * A record of the authors', of IFEval's or of our schema as one of ours, for `decodeRow` to read. The prompt stays as it is,
 * and so do ids that a verifier knows; the authors' reasoning rows get `answer:` ids and their soft ones `soft:` ids.
 */
export const importRecord = (record: Plain): Plain => {
  const ids = listOf(record["instruction_id_list"]).map(String)
  const foreign = "constraint" in record || ids.some((id) => idOf(id) !== id)
  if (!foreign) return record
  const { chosen: _, constraint, rejected: __, ...rest } = record
  const texts = listOf(constraint ?? record["constraints"]).map(String)
  const instruction_id_list = ids.map(idOf)
  const given = listOf(record["kwargs"])
  const gold = (id: string, index: number): Plain => isAnswer(id) ? { answer: (texts[index] ?? texts[0] ?? "").trim() } : {}
  const kwargs = instruction_id_list.map((id, index) => ({ ...withoutNulls(given[index]), ...gold(id, index) }))
  const base = { ...rest, instruction_id_list, kwargs }
  if (instruction_id_list.some(isAnswer)) {
    return { ...base, domain: instruction_id_list[0] === "answer:choice" ? "choice" : "math", answer: texts[0]?.trim() ?? null }
  }
  const prompt = String(record["prompt"] ?? "")
  const instruction = texts.length === ids.length ? bareInstruction(prompt, texts) : undefined
  return instruction === undefined || texts.length === 0 ? base : { ...base, instruction, constraints: texts.map((text) => text.trim()) }
}
