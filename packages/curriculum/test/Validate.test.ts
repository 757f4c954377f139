import { describe, expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import {
  type Constraint,
  decompose,
  type FaultKind,
  levelOf,
  makeValidator,
  printValidation,
  promptRow,
  type Validation
} from "../src/index.ts"
import { cheerful, noComma, rowOf, twoBullets } from "./Rows.ts"

const validate = (records: ReadonlyArray<object>, options: Parameters<typeof makeValidator>[0] = {}): Validation => {
  const validator = makeValidator(options)
  for (const [index, value] of records.entries())
    validator.add({ value: value as Record<string, unknown>, path: "f", line: index + 1 })
  return validator.end()
}
const one = (...constraints: ReadonlyArray<Constraint>) => [
  promptRow({ instruction: "Write.", constraints, domain: "d" })
]
const words = (relation: string, num_words: number, text: string): Constraint => ({
  id: "length_constraints:number_words",
  kwargs: { num_words, relation },
  text
})
const lowercase: Constraint = { id: "change_case:english_lowercase", kwargs: {}, text: "Use no capital letters" }
const sections: Constraint = {
  id: "detectable_format:multiple_sections",
  kwargs: { section_spliter: "Section", num_sections: 3 },
  text: "Write 3 sections, each headed Section X"
}

const good = rowOf("tea", [noComma, cheerful, twoBullets])

describe("one dataset for each fault", () => {
  const datasets: ReadonlyArray<readonly [FaultKind, string, ReadonlyArray<object>, RegExp]> = [
    ["impossible", "all lowercase together with Section N", one(lowercase, sections), /lower case.*Section/],
    [
      "relation",
      "at least N paragraphs, checked exactly",
      one({
        id: "length_constraints:number_paragraphs",
        kwargs: { num_paragraphs: 3 },
        text: "Put the response into at least 3 sections, separated using 3 asterisks ***"
      }),
      /at least 3.*exactly 3/
    ],
    [
      "relation",
      "a word count with its sense reversed",
      one(words("less than", 50, "I don't want anything less than 50 words")),
      /at least 50.*less than 50/
    ],
    [
      "relation",
      "the other sense reversed",
      one(words("at least", 20, "I don't want anything at least 20 words")),
      /less than 20.*at least 20/
    ],
    [
      "contradictory",
      "at least N words or less",
      one(words("at least", 20, "Keep it at least 20 words or less")),
      /"at least 20" and "less than 20"/
    ],
    [
      "relation",
      "a bare number of which fewer are wanted",
      one(words("less than", 50, "Write 50 words")),
      /without a bound/
    ],
    [
      "parameter",
      "a number that the text does not say",
      one(words("at least", 20, "Write at least 30 words")),
      /num_words, 20/
    ],
    [
      "parameter",
      "a keyword that the text does not say",
      one({ id: "keywords:existence", kwargs: { keywords: ["tea", "cup"] }, text: "Use the word tea" }),
      /"cup"/
    ],
    ["invalid", "missing kwargs", one({ id: "keywords:existence", kwargs: {}, text: "Use the words" }), /keywords/],
    ["invalid", "a question without an answer", one({ id: "answer:math", kwargs: {}, text: "Answer" }), /no answer/],
    ["unreadable", "lists that do not align", [{ ...good, kwargs: [] }], /kwargs says 0/],
    [
      "prompt",
      "a prompt without the constraint",
      [{ ...good, prompt: "Write about tea. Use no commas. Sound cheerful." }],
      /Use 2 bullets/
    ],
    ["duplicate", "a prompt twice", [good, { ...good, id: "other" }], /f:1/],
    ["duplicate", "an id twice", [good, { ...rowOf("cup", [noComma]), id: good.id }], /f:1/],
    ["level", "a level whose parent is not there", [levelOf(good, 1)], /not there/],
    ["level", "a level that is no prefix", [good, { ...rowOf("tea", [twoBullets]), parent: good.id }], /not the first/],
    [
      "level",
      "a level that says the same and checks something else",
      [good, { ...levelOf(good, 2), instruction_id_list: [noComma.id, "soft:audience"] }],
      /not the first/
    ],
    [
      "conflict",
      "two that the benchmark's authors keep apart",
      one(
        { id: "startend:quotation", kwargs: {}, text: "Quote all" },
        {
          id: "detectable_format:title",
          kwargs: {},
          text: "Add a <<title>>"
        }
      ),
      /should not/
    ],
    [
      "conflict",
      "two that the taxonomy keeps apart",
      one(cheerful, { id: "soft:contradictory", kwargs: {}, text: "Be brief and yet complete" }),
      /should not/
    ],
    [
      "untold",
      "a row without texts",
      [{ prompt: "Write.", instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] }],
      /no texts/
    ],
    ["untold", "a row without a bare instruction", [{ ...good, instruction: good.prompt }], /no instruction apart/]
  ]

  test.each(datasets)("%s: %s", (kind, _, records, message) => {
    const { counts, faulty, findings } = validate(records)
    expect(Object.keys(counts)).toEqual([kind])
    expect(findings[0]).toMatchObject({ kind, path: "f", message: expect.stringMatching(message) })
    expect(faulty).toBe(kind === "conflict" || kind === "untold" ? 0 : 1)
  })

  test("leak: a prompt that is held out", () => {
    expect(validate([good], { heldOut: new Set([good.prompt]) }).counts).toEqual({ leak: 1 })
  })
})

test("a good dataset has nothing wrong, whatever the order of levels and parents", () => {
  const levels = decompose(good)
  expect(validate([...levels, rowOf("cup", [twoBullets])])).toEqual({ rows: 4, faulty: 0, counts: {}, findings: [] })
})

test("all are counted, as many as asked for are kept, and a person reads the counts and examples", () => {
  const bad = Array.from({ length: 30 }, (_, i) => one({ ...words("less than", 50, `Write 50 words (${i})`) })[0]!)
  const validation = validate(bad, { keep: 10 })
  expect(validation.counts).toEqual({ relation: 30 })
  expect(validation.findings.length).toBe(10)
  expect(printValidation(validation, 1).split("\n")).toEqual([
    "30 rows, 30 with faults",
    "     30  relation: the text asks for another bound than is checked",
    expect.stringMatching(/^ +f:1 \w+ length_constraints:number_words: "Write 50 words \(0\)" says 50 without a bound/)
  ])
})

const data = process.env["IFRL_DATA_DIR"]

if (data !== undefined) {
  test("the authors' released rows have the faults that were counted by hand, and no others of these kinds", () => {
    const lines = readFileSync(join(data, "verl-if/train_initial_e46f64d.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
    const { findings, rows } = validate(
      lines.map((line) => JSON.parse(line) as object),
      { keep: 10_000 }
    )
    const count = (kind: FaultKind, message: RegExp) =>
      findings.filter((finding) => finding.kind === kind && message.test(finding.message)).length
    expect(rows).toBe(1319)
    expect(count("impossible", /lower case, but "section"/i)).toBe(38)
    expect(count("relation", /at least \d+", but exactly/)).toBe(29)
    expect(count("relation", /I don't want anything/)).toBe(33)
    expect(count("contradictory", /or less/)).toBe(14)
    expect(count("relation", /./)).toBe(29 + 33)
    expect(count("parameter", /./) + count("contradictory", /./)).toBe(14)
  })

  test("IFEval's rows: five repeat a prompt that breaks another of their constraints, nothing else is wrong", () => {
    const lines = readFileSync(join(data, "ifeval/input_data.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
    const { counts, faulty, findings } = validate(lines.map((line) => JSON.parse(line) as object))
    expect([faulty, counts.impossible, counts.untold]).toEqual([5, 5, 541])
    expect(findings.filter(({ kind }) => kind === "impossible").map(({ row }) => row)).toEqual([
      "1627",
      "3369",
      "3371",
      "3718",
      "374"
    ])
  })
}
