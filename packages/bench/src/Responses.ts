// A file of responses by any model: JSON lines { prompt, response }, or { key | id, response }.
import { Effect, FileSystem } from "effect"
import { createHash } from "node:crypto"
import { BenchError } from "./BenchError.ts"
import { groupBy, type Suite, type SuiteRecord } from "./suites/Suite.ts"

export interface ResponseRow {
  /** 1-based line of the file. */
  readonly line: number
  readonly key: string | undefined
  readonly prompt: string | undefined
  readonly response: string
  /** One an instruction, where the file says on which of them the original's verdict depends on its random numbers. */
  readonly unstable: ReadonlyArray<boolean>
}

/** Responses as they belong to a suite's records. */
export interface MatchedResponses {
  /** By key of the record. */
  readonly byKey: ReadonlyMap<string, ResponseRow>
  readonly rows: number
  /** Lines that belong to no record. */
  readonly unmatched: ReadonlyArray<number>
  /** Lines that say again what an earlier one said. */
  readonly duplicates: ReadonlyArray<number>
  /** Keys of records without a response. */
  readonly missing: ReadonlyArray<string>
}

const remedy = "give one JSON object { \"prompt\", \"response\" } or { \"key\", \"response\" } a line"

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The row of one line, or what is wrong with it. */
const decodeRow = (text: string, line: number): ResponseRow | string => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return "is not JSON"
  }
  if (!isObject(value)) return "is not an object"
  const { id, key = id, langdetect_unstable: unstable, prompt, response } = value
  const name = typeof key === "string" || typeof key === "number" ? String(key) : undefined
  if (typeof response !== "string" || (name === undefined && typeof prompt !== "string")) {
    const keys = Object.keys(value)
    const wanted = typeof response !== "string" ? "response" : "prompt, key or id"
    return `has no ${wanted} that is text${keys.length === 0 ? "" : `, only ${keys.slice(0, 8).join(", ")}`}`
  }
  return {
    line,
    key: name,
    prompt: typeof prompt === "string" ? prompt : undefined,
    response,
    unstable: Array.isArray(unstable) ? unstable.map((flag) => flag === true) : []
  }
}

/** The rows of a responses file, and the SHA-256 of its bytes. */
export const readResponses = Effect.fn("readResponses")(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const bytes = yield* fs.readFile(path).pipe(
    Effect.mapError((cause) =>
      new BenchError({
        subject: path,
        reason: cause.reason._tag === "NotFound" ? "no such file" : cause.message,
        remedy: "give --responses a JSONL file",
        cause
      })
    )
  )
  const rows: Array<ResponseRow> = []
  for (const [i, text] of new TextDecoder().decode(bytes).split("\n").entries()) {
    if (text.trim() === "") continue
    const row = decodeRow(text, i + 1)
    if (typeof row === "string") return yield* new BenchError({ subject: `${path}:${i + 1}`, reason: row, remedy })
    rows.push(row)
  }
  if (rows.length === 0) return yield* new BenchError({ subject: path, reason: "holds no responses", remedy })
  return { rows, sha256: createHash("sha256").update(bytes).digest("hex") }
})

/**
 * Give each record its response. A known key decides, unless the row also has a prompt that is another; otherwise the prompt does,
 * white space around it aside. Where records share a prompt, rows go to them in turn, and a single row serves all of them.
 */
export const matchResponses = (
  suite: Suite,
  records: ReadonlyArray<SuiteRecord>,
  rows: ReadonlyArray<ResponseRow>,
  path: string
): Effect.Effect<MatchedResponses, BenchError> =>
  Effect.gen(function*() {
    const byKey = new Map(records.map((record) => [record.key, record]))
    const byPrompt = groupBy(records, (record) => record.prompt.trim())
    const claims = new Map<string, Array<ResponseRow>>()
    const claim = (record: SuiteRecord, row: ResponseRow) => {
      const claimed = claims.get(record.key)
      if (claimed === undefined) claims.set(record.key, [row])
      else claimed.push(row)
    }
    const unmatched: Array<number> = []
    const named: Array<ResponseRow> = []
    for (const row of rows) {
      const record = row.key === undefined ? undefined : byKey.get(row.key)
      if (record !== undefined && (row.prompt === undefined || row.prompt.trim() === record.prompt.trim())) claim(record, row)
      else if (row.prompt !== undefined && byPrompt.has(row.prompt.trim())) named.push(row)
      else unmatched.push(row.line)
    }
    if (unmatched.length === rows.length) {
      return yield* new BenchError({
        subject: path,
        reason: `none of its ${rows.length} rows belongs to one of ${suite.title}'s ${records.length} prompts`,
        remedy: `give the suite's prompts unchanged, or their keys, such as ${JSON.stringify(records[0]?.key)}`
      })
    }
    for (const [prompt, group] of groupBy(named, (row) => row.prompt!.trim())) {
      const sharing = byPrompt.get(prompt)!
      const open = sharing.filter((record) => !claims.has(record.key))
      const places = open.length === 0 ? sharing : open
      if (group.length === 1) places.forEach((record) => claim(record, group[0]!))
      else group.forEach((row, i) => claim(places[Math.min(i, places.length - 1)]!, row))
    }
    const duplicates: Array<number> = []
    for (const [key, [first, ...rest]] of claims) {
      const other = rest.find((row) => row.response !== first!.response)
      if (other !== undefined) {
        return yield* new BenchError({
          subject: `${path}:${other.line}`,
          reason: `a second response to prompt ${key}, another than that of line ${first!.line}`,
          remedy: "leave one response to each prompt; several samples go into a file each"
        })
      }
      duplicates.push(...rest.map((row) => row.line))
    }
    return {
      byKey: new Map([...claims].map(([key, [first]]) => [key, first!])),
      rows: rows.length,
      unmatched,
      duplicates: [...new Set(duplicates)].toSorted((a, b) => a - b),
      missing: records.filter((record) => !claims.has(record.key)).map((record) => record.key)
    }
  })
