// Rows of other people's schemas: the authors' Parquet (prompt, instruction_id_list, kwargs with every key, constraint)
// and IFEval's JSONL (key, prompt, instruction_id_list, kwargs). Ours passes as it is.
import { createHash } from "node:crypto"
import { ifeval, verifiers } from "@ifrl/verifiers"
import { Effect, Path, Result, Stream } from "effect"
import { type DataRecord, type Plain, readRecords } from "./data/Records.ts"
import { decodePrompt, decodeRow } from "./Dataset.ts"
import { files, isCurriculum, openBuild } from "./Folder.ts"
import { decompose } from "./Levels.ts"
import { PromptError } from "./PromptError.ts"
import { contentId, isSoft, type PromptRow } from "./PromptRow.ts"
import { isAnswer, isReasoning } from "./Reasoning.ts"

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** The authors' ids of reasoning rows, whose gold answer stands in constraint[0]. */
const reasoningIds: Readonly<Record<string, string>> = { light: "answer:math", light_choice: "answer:choice" }

/** An id that nothing checks is one of the authors' soft ones: `style:open_ended` becomes `soft:style_open_ended`. */
const idOf = (id: string): string =>
  isSoft(id) || isAnswer(id) || Object.hasOwn(ifeval, id) || Object.hasOwn(verifiers, id)
    ? id
    : (reasoningIds[id] ?? `soft:${id === "soft" ? "unspecified" : id.replaceAll(":", "_")}`)

const withoutNulls = (value: unknown): Plain =>
  value !== null && typeof value === "object"
    ? Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null && member !== undefined))
    : {}

const withoutEnd = (text: string): string => text.replace(/[\s.]+$/, "")

/**
 * The prompt without the constraints that follow it, whatever stops and blanks are between; undefined when it does not
 * end with them.
 */
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
 * A record of the authors', of IFEval's or of our schema as one of ours, for `decodeRow` to read. The prompt stays as
 * it is, and so do ids that a verifier knows; the authors' reasoning rows get `answer:` ids and their soft ones `soft:`
 * ids.
 */
export const importRecord = (record: Plain): Plain => {
  const ids = listOf(record["instruction_id_list"]).map(String)
  const foreign = "constraint" in record || ids.some((id) => idOf(id) !== id)
  if (!foreign) return record
  const { chosen: _, constraint, rejected: __, ...rest } = record
  const texts = listOf(constraint ?? record["constraints"]).map(String)
  const instruction_id_list = ids.map(idOf)
  const given = listOf(record["kwargs"])
  const gold = (id: string, index: number): Plain =>
    isAnswer(id) ? { answer: (texts[index] ?? texts[0] ?? "").trim() } : {}
  const kwargs = instruction_id_list.map((id, index) => ({ ...withoutNulls(given[index]), ...gold(id, index) }))
  const base = { ...rest, instruction_id_list, kwargs }
  if (instruction_id_list.some(isAnswer)) {
    return {
      ...base,
      domain: instruction_id_list[0] === "answer:choice" ? "choice" : "math",
      answer: texts[0]?.trim() ?? null
    }
  }
  const prompt = String(record["prompt"] ?? "")
  const instruction = texts.length === ids.length ? bareInstruction(prompt, texts) : undefined
  return instruction === undefined || texts.length === 0
    ? base
    : { ...base, instruction, constraints: texts.map((text) => text.trim()) }
}

/** The records of a dataset by its name: a file, a dataset of the Hub, or the folder of a built curriculum. */
export const datasetRecords = (source: string, cache: string) =>
  Stream.unwrap(
    Effect.gen(function*() {
      const { join } = yield* Path.Path
      return readRecords((yield* isCurriculum(source)) ? join(source, files.rows) : source, cache)
    })
  )

const located =
  ({ line, path }: DataRecord) =>
  ({ cause, constraint, problem, remedy, row }: PromptError) =>
    new PromptError({ path, line, row, constraint, problem, remedy, cause })

/** The rows of any dataset that can be imported; `strict` refuses constraints that nothing can check. */
export const datasetRows = (source: string, options: { readonly cache: string; readonly strict: boolean }) =>
  datasetRecords(source, options.cache).pipe(
    Stream.mapEffect((record) =>
      Effect.fromResult(
        (options.strict ? decodePrompt : decodeRow)(importRecord(record.value)).pipe(Result.mapError(located(record)))
      )
    )
  )

export interface ImportOptions {
  readonly folder: string
  readonly cache: string
  /** Write every level of a row whose constraints have texts. */
  readonly levels: boolean
  /** Leave out rows in which `wrong` finds something, and count them; without it such rows are kept. */
  readonly wrong?: (row: PromptRow) => boolean
  readonly overwrite?: boolean
}

/** An id that no row has yet: datasets often count their rows from 0. */
const freeId = (id: string, taken: { readonly has: (id: string) => boolean }): string => {
  let free = id
  for (let n = 2; taken.has(free); n++) free = `${id}#${n}`
  return free
}

/**
 * A curriculum folder with the rows of other datasets, each content once. A row whose id another has gets one with a
 * number after "#". Rows that cannot be read are refused with their place.
 */
export const importCurriculum = Effect.fn("importCurriculum")(function*(
  sources: ReadonlyArray<string>,
  options: ImportOptions
) {
  const path = yield* Path.Path
  const rows: Array<PromptRow> = []
  const ids = new Set<string>()
  /** The id of the row with a content. */
  const known = new Map<string, string>()
  const counts = { records: 0, repeated: 0, faulty: 0, whole: 0 }
  const hash = createHash("sha256")
  for (const source of sources) {
    const { wrong } = options
    /** What became of the ids of this source, and the places of rows that name their parents by them. */
    const renamed = new Map<string, string>()
    const children: Array<number> = []
    const keep = (row: PromptRow) => {
      const id = freeId(row.id, ids)
      const kept = id === row.id ? row : { ...row, id }
      ids.add(id)
      known.set(contentId(row), id)
      return kept
    }
    yield* datasetRows(source, { cache: options.cache, strict: wrong === undefined }).pipe(
      Stream.runForEach((row) =>
        Effect.sync(() => {
          counts.records++
          hash.update(JSON.stringify(row))
          const levelled =
            options.levels && row.level > 0 && row.constraints.length === row.level && row.instruction !== row.prompt
          const same = known.get(contentId(row))
          if (same !== undefined) {
            counts.repeated++
            if (!renamed.has(row.id)) renamed.set(row.id, same)
          } else if (wrong?.(row) === true) counts.faulty++
          else {
            if (!levelled && !isReasoning(row)) counts.whole++
            const own = keep(row)
            if (!renamed.has(row.id)) renamed.set(row.id, own.id)
            const below = levelled ? decompose(own).filter((level) => level !== own) : []
            rows.push(...below.filter((level) => !known.has(contentId(level))).map(keep), own)
            if (own.parent !== undefined) children.push(rows.length - 1)
          }
        })
      )
    )
    for (const at of children) {
      const parent = rows[at]!.parent!
      rows[at] = { ...rows[at]!, parent: renamed.get(parent) ?? parent }
    }
  }
  if (rows.length === 0)
    return yield* new PromptError({
      path: sources.join(", "),
      problem: "no rows are left to import",
      remedy: "import rows without faults, or keep faulty ones"
    })
  const config = {
    imported: sources.map((source) => (source.startsWith("hub:") ? source : path.basename(source))),
    levels: options.levels,
    clean: options.wrong !== undefined
  }
  const fingerprint = hash.update(JSON.stringify(config)).digest("hex").slice(0, 16)
  const build = yield* openBuild(options.folder, {
    fingerprint,
    counts,
    heldOut: false,
    overwrite: options.overwrite === true
  })
  if (build.finished !== undefined) return build.finished
  // All rows are written at once: an import that was cut off behind them has them already.
  if (build.done === 0) yield* build.append({ rows, heldOut: [], done: rows.length, counts })
  return yield* build.finish({ config, sources: [] })
})
