// Instructions to which constraints are added, and questions with an answer, out of whatever shape a dataset has.
import { createHash } from "node:crypto"
import { Effect, Path, Stream } from "effect"
import { type Plain, readRecords } from "./data/Records.ts"
import { PromptError } from "./PromptError.ts"
import type { AnswerId } from "./Reasoning.ts"

export interface Seed {
  /** Names the seed: the file's name, and the record's id or place. */
  readonly id: string
  /** The bare instruction, its input included. */
  readonly instruction: string
  /** What kind of work it asks for. */
  readonly domain: string
}

/** A question whose answer is known. */
export interface Question {
  /** Names the question, as a seed's id does. */
  readonly id: string
  readonly kind: AnswerId
  readonly question: string
  readonly answer: string
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value.trim() : typeof value === "number" ? String(value) : ""

const firstOf = (record: Plain, names: ReadonlyArray<string>): string =>
  names.map((name) => textOf(record[name])).find((text) => text !== "") ?? ""

/** The first turn of a conversation: `messages` of { role, content }, or `conversations` of { from, value }. */
const firstTurn = (record: Plain): string => {
  const turns = record["messages"] ?? record["conversations"]
  if (!Array.isArray(turns)) return ""
  const asked = (turns as ReadonlyArray<Plain>).find((turn) => turn?.["role"] === "user" || turn?.["from"] === "human")
  return textOf(asked?.["content"] ?? asked?.["value"])
}

const inputOf = (record: Plain): string => {
  const instances = record["instances"]
  const first: unknown = Array.isArray(instances) ? (instances as ReadonlyArray<unknown>)[0] : undefined
  return textOf(record["input"]) || textOf((first as Plain | undefined)?.["input"])
}

/** The instruction of a record; the input follows it after a blank, as in the paper's data. "" where there is none. */
export const instructionOf = (record: Plain): string => {
  const instruction = firstOf(record, ["instruction", "prompt", "question", "query", "text"]) || firstTurn(record)
  return instruction === "" ? "" : [instruction, inputOf(record)].filter((part) => part !== "").join(" ")
}

/** What was read of a source, and what of it was left out. */
export interface SeedReport {
  readonly source: string
  /** Of the records that were read. */
  readonly sha256: string
  readonly records: number
  readonly empty: number
  readonly long: number
  readonly repeated: number
}

const key = (text: string): string => text.toLowerCase().replace(/\s+/g, " ").trim()

interface Read<A> {
  readonly items: ReadonlyArray<A>
  readonly reports: ReadonlyArray<SeedReport>
}

/** The items of all sources, each text once; ids are made unique by a number after "#". */
const collect = Effect.fnUntraced(function* <A extends { readonly id: string }>(
  sources: ReadonlyArray<string>,
  options: { readonly cache: string; readonly maxCharacters: number },
  make: (
    record: Plain,
    where: string
  ) => { readonly text: string; readonly item: (id: string) => A } | undefined | PromptError
) {
  const path = yield* Path.Path
  const seen = new Set<string>()
  const ids = new Map<string, number>()
  const items: Array<A> = []
  const reports: Array<SeedReport> = []
  for (const source of sources) {
    const hash = createHash("sha256")
    let [records, empty, long, repeated] = [0, 0, 0, 0]
    const name = source.startsWith("hub:") ? source : path.basename(source)
    yield* readRecords(source, options.cache).pipe(
      Stream.runForEach(({ line, path: file, value }) => {
        records++
        hash.update(JSON.stringify(value)).update("\n")
        const made = make(value, `${file}:${line}`)
        if (made instanceof PromptError) return Effect.fail(made)
        if (made === undefined) empty++
        else if (made.text.length > options.maxCharacters) long++
        else if (seen.has(key(made.text))) repeated++
        else {
          seen.add(key(made.text))
          const id = `${name}:${firstOf(value, ["id", "key", "idx"]) || line}`
          const taken = (ids.get(id) ?? 0) + 1
          ids.set(id, taken)
          items.push(made.item(taken === 1 ? id : `${id}#${taken}`))
        }
        return Effect.void
      })
    )
    reports.push({ source: name, sha256: hash.digest("hex"), records, empty, long, repeated })
  }
  return { items, reports } satisfies Read<A>
})

/**
 * Seeds of JSONL, JSON, Parquet or Hub datasets, each instruction once whatever its case and spacing. Records without
 * an instruction and those longer than `maxCharacters` are left out and counted.
 */
export const readSeeds = (
  sources: ReadonlyArray<string>,
  options: { readonly cache: string; readonly maxCharacters: number }
) =>
  collect<Seed>(sources, options, (record) => {
    const instruction = instructionOf(record)
    const domain = firstOf(record, ["domain", "category"]) || "instruction"
    return instruction === "" ? undefined : { text: instruction, item: (id) => ({ id, instruction, domain }) }
  })

const letters = "ABCDEFGHIJ"

/** The options of a multiple-choice question, as a list or as a record { A: ..., B: ... }. */
const optionsOf = (record: Plain): ReadonlyArray<string> => {
  const found = record["options"] ?? record["choices"]
  if (Array.isArray(found)) return found.map(textOf)
  if (found === null || typeof found !== "object") return []
  const { text } = found as Plain
  return Array.isArray(text) ? text.map(textOf) : Object.values(found).map(textOf)
}

/**
 * The letter of a choice: as it is given, from its place in the list, or from the text of the option. Undefined where it
 * is none of the options, or where these are more than there are letters.
 */
const letterOf = (answer: unknown, options: ReadonlyArray<string>): string | undefined => {
  // A question that comes without a list has its options in its text.
  const known = options.length === 0 ? letters : letters.slice(0, options.length)
  if (options.length > letters.length) return undefined
  if (typeof answer === "number" && known[answer] !== undefined) return known[answer]
  const text = textOf(answer)
  const letter = /^\(?([A-J])[).]?$/.exec(text)?.[1]
  if (letter !== undefined && known.includes(letter)) return letter
  const at = options.indexOf(text)
  return at < 0 ? undefined : letters[at]
}

/** GSM8K writes the answer after "####" at the end of a worked solution. */
const finalValue = (answer: string): string =>
  answer.includes("####") ? answer.slice(answer.lastIndexOf("####") + 4).trim() : answer

/**
 * Questions with answers: with options they are choices, without them mathematics. A question without an answer is
 * refused.
 */
export const readQuestions = (
  sources: ReadonlyArray<string>,
  options: { readonly cache: string; readonly maxCharacters: number }
) =>
  collect<Question>(sources, options, (record, where) => {
    const question = firstOf(record, ["question", "problem", "prompt", "input", "instruction"])
    if (question === "") return undefined
    const choices = optionsOf(record)
    const gold = record["answer"] ?? record["gold"] ?? record["answer_index"] ?? record["target"] ?? record["solution"]
    const choice = choices.length > 0 || record["kind"] === "choice"
    const answer = choice ? letterOf(gold, choices) : finalValue(textOf(gold))
    if (answer === undefined || answer === "") {
      return new PromptError({
        path: where,
        problem: `the question has no ${choice ? "right option" : "answer"} that can be told`,
        remedy: "give `answer`: a value, or the letter, place or text of an option, of which there are at most ten"
      })
    }
    const listed = choices.map((text, i) => `${letters[i]}. ${text}`).join("\n")
    const text = listed === "" ? question : `${question}\n${listed}\n`
    return { text, item: (id) => ({ id, kind: choice ? "answer:choice" : "answer:math", question: text, answer }) }
  })
