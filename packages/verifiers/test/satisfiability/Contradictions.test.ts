import { describe, expect, test } from "@jest/globals"
import fc from "fast-check"
import { conflictsOf, contradictions, ifbench, ifeval, type Instruction, isImpossible, verifiers, verify } from "../../src/index.ts"
import { readLines, testWithData } from "../support/Data.ts"
import { instruction, richText } from "../support/Arbitraries.ts"

const to = (id: string, kwargs: object = {}): Instruction => ({ id, kwargs })

const existence = (...keywords: ReadonlyArray<string>) => to("keywords:existence", { keywords })
const forbidden = (...words: ReadonlyArray<string>) => to("keywords:forbidden_words", { forbidden_words: words })
const words = (relation: string, n: number) => to("length_constraints:number_words", { num_words: n, relation })
const sentences = (relation: string, n: number) => to("length_constraints:number_sentences", { num_sentences: n, relation })
const letters = (letter: string, relation: string, n: number) =>
  to("keywords:letter_frequency", { letter, let_frequency: n, let_relation: relation })
const frequency = (keyword: string, relation: string, n: number) =>
  to("keywords:frequency", { keyword, frequency: n, relation })
const end = (end_phrase: string) => to("startend:end_checker", { end_phrase })
const prompt = (prompt_to_repeat: string) => to("combination:repeat_prompt", { prompt_to_repeat })
const first = (num_paragraphs: number, nth_paragraph: number, first_word: string) =>
  to("length_constraints:nth_paragraph_first_word", { num_paragraphs, nth_paragraph, first_word })
const capitals = (relation: string, n: number) =>
  to("change_case:capital_word_frequency", { capital_frequency: n, capital_relation: relation })
const sections = (section_spliter: string, num_sections: number) =>
  to("detectable_format:multiple_sections", { section_spliter, num_sections })
const noComma = to("punctuation:no_comma")
const upper = to("change_case:english_capital")
const lower = to("change_case:english_lowercase")
const quoted = to("startend:quotation")
const simple = to("repeat:repeat_simple")

const impossible: ReadonlyArray<readonly [what: string, ...instructions: ReadonlyArray<Instruction>]> = [
  ["fewer than no words", words("less than", 0)],
  ["no sentence", sentences("less than", 1)],
  ["a range upside down", to("count:word_count_range", { min_words: 9, max_words: 5 })],
  ["more names than the list has", to("count:person_names", { N: 51 })],
  ["an end that is stripped off", end("he said \"yes\"")],
  ["a first word of two", first(2, 1, "once upon")],
  ["an empty span", to("repeat:repeat_span", { prompt_to_repeat: "abc", n_start: 5, n_end: 9 })],
  ["many and few words", words("at least", 100), words("less than", 50)],
  ["a word range out of reach", to("count:word_count_range", { min_words: 10, max_words: 20 }), words("less than", 10)],
  ["two numbers of bullets", ...[3, 4].map((n) => to("detectable_format:number_bullet_lists", { num_bullets: n }))],
  ["a keyword that is forbidden", existence("deep river bank"), forbidden("river")],
  ["a prompt whose first word is forbidden", prompt("Write a poem"), forbidden("write")],
  ["an end whose last word is forbidden", end("that is all"), forbidden("ALL")],
  ["more words in a keyword than allowed", existence("one two three four"), words("less than", 4)],
  ["a keyword five times in fewer words", frequency("tea cup", "at least", 5), words("less than", 6)],
  ["a keyword within a keyword", existence("banana"), frequency("an", "less than", 2)],
  ["a letter that a keyword has", frequency("banana", "at least", 3), letters("a", "less than", 9)],
  ["a comma in a keyword", existence("well, yes"), noComma],
  ["a comma counted", letters(",", "at least", 2), noComma],
  ["every punctuation mark without a comma", to("count:punctuation"), noComma],
  ["capitals and lower case", upper, lower],
  ["a capital section in lower case", sections("SECTION", 2), lower],
  ["a mixed section in capitals", sections("Section", 2), upper],
  ["an answer as it is written in capitals", to("detectable_format:constrained_response"), upper],
  ["words in capitals in lower case", capitals("at least", 1), lower],
  ["no word in capitals in capitals", capitals("less than", 1), upper],
  ["two ends", end("Bye for now"), end("See you")],
  ["two prompts", prompt("Write a poem"), prompt("Write an essay")],
  ["a prompt behind a quotation mark", prompt("Write a poem"), quoted],
  ["JSON behind a prompt", prompt("Write a poem"), to("detectable_format:json_format")],
  ["two words first in a paragraph", first(3, 2, "now"), first(3, 2, "then")],
  ["whitespace in an end", end("the end"), to("format:no_whitespace")],
  ["paragraphs without whitespace", first(3, 2, "now"), to("format:no_whitespace")],
  ["stars between responses and paragraphs", to("combination:two_responses"), to("length_constraints:number_paragraphs", { num_paragraphs: 2 })],
  ["highlights of few stars", to("detectable_format:number_highlighted_sections", { num_highlights: 3 }), letters("*", "less than", 4)],
  ["a fixed response and a keyword", simple, existence("river")],
  ["a fixed response and its length", simple, words("at least", 10)],
  ["a fixed response with a comma", simple, noComma],
  ["two fixed responses", simple, to("repeat:repeat_span", { prompt_to_repeat: "abc def", n_start: 0, n_end: 2 })],
  ["a target that is too long", to("followbench:E2E", { target: "four words of text" }), words("less than", 4)]
]

const possible: ReadonlyArray<readonly [response: string, ...instructions: ReadonlyArray<Instruction>]> = [
  ["the riverbank", existence("river"), forbidden("river")],
  ["rowdy", existence("row"), words("less than", 2)],
  ["teateatea", frequency("tea", "at least", 3), words("less than", 2)],
  ["\u0131\u017f", existence("is"), letters("i", "less than", 1), letters("s", "less than", 1)],
  ["say the end\"", end("end"), end("the end"), forbidden("then")],
  ["ONLY OUTPUT THIS SENTENCE HERE, IGNORE ALL OTHER REQUESTS.", simple, upper],
  ["\"write\"", quoted, to("detectable_format:json_format")],
  ["!", words("less than", 1), noComma]
]

describe("contradictions", () => {
  test.each(impossible)("%s", (_, ...instructions) => {
    const found = contradictions(instructions).filter(({ kind }) => kind === "impossible")
    expect(found.map((one) => one.instructions)).toEqual([instructions.map((_, i) => i)])
    expect(found[0]!.message).toContain(instructions[0]!.id)
  })
  test.each(possible)("nothing is said of what %j follows", (response, ...instructions) => {
    expect(instructions.map((one) => verify(one, response))).toEqual(instructions.map(() => ({ _tag: "Decided", followed: true })))
    expect(contradictions(instructions).filter(({ kind }) => kind !== "conflict")).toEqual([])
  })
  test("an instruction that is none is named", () => {
    const [found] = contradictions([noComma, existence()])
    expect(found).toMatchObject({ kind: "invalid", instructions: [1] })
    expect(isImpossible([{ id: "no:such" }])).toBe(true)
  })
  test("what should not stand together is not thereby impossible", () => {
    const pair = [to("language:response_language", { language: "de" }), existence("Haus")]
    expect(contradictions(pair)).toMatchObject([{ kind: "conflict", instructions: [0, 1] }])
    expect(isImpossible(pair)).toBe(false)
  })

  // Sound: of a text, and instructions drawn at random of which it follows some, those are never called impossible together.
  test("what some text follows is never impossible", () => {
    const tried = new Set<string>()
    fc.assert(
      fc.property(
        richText.chain((text) => fc.record({ text: fc.constant(text), drawn: fc.array(instruction(text), { minLength: 20, maxLength: 60 }) })),
        ({ drawn, text }) => {
          const followed = drawn.filter((one) => {
            const verdict = verify(one, text)
            return verdict._tag === "Decided" && verdict.followed
          })
          for (const { id } of followed) tried.add(id)
          expect(contradictions(followed).filter(({ kind }) => kind !== "conflict")).toEqual([])
        }
      ),
      { numRuns: 250 }
    )
    expect(tried.size).toBeGreaterThan(40)
  })
})

describe("conflictsOf", () => {
  const ids = [...Object.keys(ifeval), ...Object.keys(ifbench)]
  test("is symmetric, and no instruction stands twice", () => {
    for (const id of ids) {
      expect(conflictsOf(id).has(id)).toBe(true)
      for (const other of conflictsOf(id)) expect(conflictsOf(other).has(id)).toBe(true)
    }
  })
  test("is empty of ids without a table", () => {
    for (const id of Object.keys(verifiers)) if (!ids.includes(id)) expect(conflictsOf(id).size).toBe(0)
  })
  test("is the table of IFEval's authors", () => {
    const classic = (id: string) => [...conflictsOf(id)].filter((other) => Object.hasOwn(ifeval, other)).length
    // Of 25 ids: itself, and what the registry's INSTRUCTION_CONFLICTS lists in either direction.
    expect(classic("detectable_format:constrained_response")).toBe(25)
    expect(classic("detectable_format:json_format")).toBe(23)
    expect(classic("combination:two_responses")).toBe(20)
    expect(conflictsOf("change_case:english_lowercase").has("change_case:english_capital")).toBe(true)
    expect(conflictsOf("punctuation:no_comma").has("keywords:existence")).toBe(false)
  })
})

interface Run {
  readonly response: string
  readonly instruction_id_list: ReadonlyArray<string>
  readonly kwargs: ReadonlyArray<object>
}

for (const path of ["ifeval/reference_runs/gpt4.jsonl", "ifeval/reference_runs/llama31_8b.jsonl", "ifbench/reference_runs/sample_output.jsonl"]) {
  testWithData([path], `no prompt of ${path} is called impossible that some response follows`, () => {
    for (const row of readLines<Run>(path)) {
      const instructions = row.instruction_id_list.map((id, i) => to(id, row.kwargs[i]))
      const follows = instructions.every((one) => {
        const verdict = verify(one, row.response)
        return verdict._tag === "Decided" && verdict.followed
      })
      if (follows) expect(contradictions(instructions).filter(({ kind }) => kind !== "conflict")).toEqual([])
    }
  })
}

const benchmarks = ["ifeval/input_data.jsonl", "ifbench/IFBench_test.jsonl"]
testWithData(benchmarks, "the benchmarks themselves ask for the impossible in a few prompts", () => {
  const rows = benchmarks.flatMap((path) => readLines<Omit<Run, "response"> & { readonly key: number | string }>(path))
  expect(rows).toHaveLength(841)
  const found = rows.flatMap((row) => {
    const impossible = contradictions(row.instruction_id_list.map((id, i) => to(id, row.kwargs[i]))).filter(({ kind }) => kind !== "conflict")
    return impossible.map(({ instructions }) => `${row.key} ${instructions.map((i) => row.instruction_id_list[i]).join(" ")}`)
  })
  // The prompts to repeat have a comma where none is allowed, the word that is forbidden, or the word more often than allowed.
  expect(found).toEqual([
    "1627 combination:repeat_prompt punctuation:no_comma",
    "3369 combination:repeat_prompt keywords:frequency",
    "3371 combination:repeat_prompt keywords:forbidden_words",
    "3718 combination:repeat_prompt punctuation:no_comma",
    "374 combination:repeat_prompt keywords:forbidden_words"
  ])
})
