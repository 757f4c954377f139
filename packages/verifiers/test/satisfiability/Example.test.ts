import { expect, test } from "@jest/globals"
import fc from "fast-check"
import { contradictions, example, type Instruction, isImpossible, verify } from "../../src/index.ts"
import { instruction, richText } from "../support/Arbitraries.ts"
import { readLines, testWithData } from "../support/Data.ts"

const to = (id: string, kwargs: object = {}): Instruction => ({ id, kwargs })
const follows = (instructions: ReadonlyArray<Instruction>, text: string) =>
  instructions.every((one) => {
    const verdict = verify(one, text)
    return verdict._tag === "Decided" && verdict.followed
  })

const sets: ReadonlyArray<ReadonlyArray<Instruction>> = [
  [],
  [to("punctuation:no_comma"), to("change_case:english_lowercase"), to("length_constraints:number_words", { num_words: 120, relation: "at least" })],
  [to("change_case:english_capital"), to("detectable_format:title"), to("keywords:existence", { keywords: ["river", "stone"] })],
  [to("startend:quotation"), to("startend:end_checker", { end_phrase: "that is all." }), to("detectable_format:number_bullet_lists", { num_bullets: 4 })],
  [to("length_constraints:number_sentences", { num_sentences: 12, relation: "at least" }), to("keywords:letter_frequency", { letter: "q", let_frequency: 5, let_relation: "at least" })],
  [to("length_constraints:number_words", { num_words: 1, relation: "less than" })],
  [to("length_constraints:nth_paragraph_first_word", { num_paragraphs: 4, nth_paragraph: 3, first_word: "Then" }), to("detectable_content:postscript", { postscript_marker: "P.S." })],
  [to("detectable_format:json_format"), to("keywords:forbidden_words", { forbidden_words: ["the", "cat"] })],
  [to("language:response_language", { language: "de" }), to("detectable_format:number_highlighted_sections", { num_highlights: 3 })],
  [to("combination:two_responses"), to("detectable_content:number_placeholders", { num_placeholders: 3 })],
  [to("count:person_names", { N: 5 }), to("count:word_count_range", { min_words: 20, max_words: 30 })],
  [to("followbench:CONLL2003", { target: "['a, b', 'c']" }), to("punctuation:no_comma")]
]

test.each(sets.map((set) => [set.map(({ id }) => id).join(" and "), set] as const))("a response is found for %s", (_, set) => {
  const text = example(set)
  expect(text).toBeDefined()
  expect(follows(set, text!)).toBe(true)
})

test("none is found for what is impossible or invalid", () => {
  expect(example([to("change_case:english_capital"), to("change_case:english_lowercase")])).toBeUndefined()
  expect(example([to("keywords:existence")])).toBeUndefined()
})

test("what is found follows, and what follows is never called impossible", () => {
  fc.assert(
    fc.property(richText.chain((text) => fc.array(instruction(text), { minLength: 1, maxLength: 4 })), (set) => {
      const found = example(set)
      if (found === undefined) return
      expect(follows(set, found)).toBe(true)
      expect(contradictions(set).filter(({ kind }) => kind !== "conflict")).toEqual([])
    }),
    { numRuns: 200 }
  )
})

const prompts = "ifeval/input_data.jsonl"
testWithData([prompts], "a response is found for 530 of IFEval's 541 prompts", () => {
  const rows = readLines<{ readonly instruction_id_list: ReadonlyArray<string>; readonly kwargs: ReadonlyArray<object> }>(prompts)
  const sets = rows.map((row) => row.instruction_id_list.map((id, i) => to(id, row.kwargs[i])))
  const found = sets.filter((set) => example(set) !== undefined)
  expect(found.some(isImpossible)).toBe(false)
  // Five more are impossible (Contradictions.test.ts), and of six nothing is known.
  expect([sets.length, found.length, sets.filter(isImpossible).length]).toEqual([541, 530, 5])
})
