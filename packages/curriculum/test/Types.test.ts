import { describe, expect, test } from "@jest/globals"
import { ifeval, prepare, VerifierError } from "@ifrl/verifiers"
import {
  hardTypes,
  isSoft,
  keepsApart,
  languages,
  random,
  type Seed,
  softType,
  softTypes,
  taxonomy
} from "../src/index.ts"

const seed: Seed = {
  id: "s",
  instruction: "Should a gardener water the tomatoes every morning, or is once a week enough? Is it wasteful?",
  domain: "instruction"
}

const samples = Object.entries(taxonomy).map(
  ([id, type]) => [id, type, Array.from({ length: 16 }, (_, i) => type.sample(random("types", id, i), seed)!)] as const
)

/** How a parameter may stand in a text. */
const shown = (name: string, value: unknown): ReadonlyArray<string> => {
  if (name === "language") return [languages[value as keyof typeof languages]]
  if (Array.isArray(value)) return value.map(String)
  if (name === "nth_paragraph")
    return [`(paragraph ${value}|${["first", "second", "third", "fourth"][Number(value) - 1]})`]
  return typeof value === "number" ? [String(value === 1 ? "(1|once)" : value)] : [String(value)]
}
const isRelation = (name: string) => name.endsWith("relation")
const escape = (text: string) => (text.startsWith("(") ? text : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))

test("there are IFEval's 25 hard types and 25 soft ones", () => {
  expect(Object.keys(hardTypes).sort()).toEqual(Object.keys(ifeval).sort())
  expect(Object.keys(softTypes).length).toBe(25)
  expect(Object.keys(softTypes).every(isSoft)).toBe(true)
})

describe.each(samples)("%s", (id, type, kwargs) => {
  test("has six different phrasings or more, sentences without a final stop, that state every parameter", () => {
    for (const k of kwargs) {
      const phrasings = type.phrasings(k)
      expect(new Set(phrasings).size).toBeGreaterThanOrEqual(6)
      expect(new Set(phrasings).size).toBe(phrasings.length)
      for (const phrasing of phrasings) {
        expect(phrasing).not.toMatch(/undefined|null|\[object|\{\}|NaN|[^.]\.$/)
        expect(phrasing).toMatch(/^[A-Z"]/)
        for (const [name, value] of Object.entries(k).filter(([name]) => !isRelation(name))) {
          for (const text of shown(name, value)) expect(phrasing).toMatch(new RegExp(escape(text)))
        }
      }
    }
  })

  test("says the relation as it is", () => {
    for (const k of kwargs) {
      const relation = Object.entries(k).find(([name]) => isRelation(name))?.[1]
      if (relation === undefined) continue
      const upper = /fewer than|less than|below|under|shorter than/i
      const lower = /at least|or more|no fewer than|minimum|Do not write an answer shorter/i
      for (const phrasing of type.phrasings(k)) {
        expect([
          phrasing,
          relation === "at least" ? lower.test(phrasing) : upper.test(phrasing) && !lower.test(phrasing)
        ]).toEqual([phrasing, true])
      }
    }
  })

  test("varies its parameters, by the stream alone", () => {
    expect(type.sample(random(1), seed)).toEqual(type.sample(random(1), seed))
    if (Object.keys(kwargs[0]!).length > 0 && id !== "combination:repeat_prompt") {
      expect(new Set(kwargs.map((k) => JSON.stringify(k))).size).toBeGreaterThan(1)
    }
  })

  test("is decided by its verifier, if it is hard", () => {
    if (isSoft(id)) return
    for (const k of kwargs) expect(prepare({ id, kwargs: k })).not.toBeInstanceOf(VerifierError)
  })

  test("names conflicts that exist", () => {
    for (const other of type.conflicts ?? []) {
      expect(
        Object.keys(taxonomy).some((known) => known === other || (other.endsWith(":") && known.startsWith(other)))
      ).toBe(true)
    }
  })
})

describe("parameters lie in the ranges of the authors' generator", () => {
  const ranges: ReadonlyArray<readonly [string, string, number, number]> = [
    ["keywords:frequency", "frequency", 2, 4],
    ["keywords:letter_frequency", "let_frequency", 3, 8],
    ["length_constraints:number_sentences", "num_sentences", 3, 5],
    ["length_constraints:number_paragraphs", "num_paragraphs", 2, 4],
    ["length_constraints:nth_paragraph_first_word", "num_paragraphs", 2, 4],
    ["detectable_format:number_bullet_lists", "num_bullets", 2, 4],
    ["detectable_content:number_placeholders", "num_placeholders", 1, 3],
    ["detectable_format:number_highlighted_sections", "num_highlights", 1, 3],
    ["detectable_format:multiple_sections", "num_sections", 3, 5]
  ]
  const valuesOf = (id: string) => Array.from({ length: 300 }, (_, i) => taxonomy[id]!.sample(random(id, i), seed)!)

  test.each(ranges)("%s %s", (id, name, least, most) => {
    const values = valuesOf(id).map((kwargs) => Number(kwargs[name]))
    expect([Math.min(...values), Math.max(...values)]).toEqual([least, most])
  })

  test("words: at least 10 to 25, or fewer than 30 to 100", () => {
    const all = valuesOf("length_constraints:number_words")
    for (const { num_words, relation } of all) {
      const [least, most] = relation === "at least" ? [10, 25] : [30, 100]
      expect(Number(num_words)).toBeGreaterThanOrEqual(least!)
      expect(Number(num_words)).toBeLessThanOrEqual(most!)
    }
  })
})

test("a user's type is one more entry", () => {
  const mine = softType({
    description: "Mentions a planet.",
    values: ["Mars"],
    templates: ["Mention {}"],
    conflicts: ["soft:tone", "startend:"]
  })
  const types = { ...taxonomy, "soft:planet": mine }
  expect(types["soft:planet"].phrasings({ value: "Mars" })).toEqual(["Mention Mars"])
  expect(keepsApart(types, "soft:tone", "soft:planet")).toBe(true)
  expect(keepsApart(types, "soft:planet", "startend:quotation")).toBe(true)
  expect(keepsApart(types, "soft:planet", "soft:planet")).toBe(true)
  expect(keepsApart(types, "soft:planet", "soft:role")).toBe(false)
})
