// Texts and instructions for property tests.
import fc from "fast-check"
import { isBlank } from "../../src/text/Characters.ts"
import { languageCodes } from "../../src/text/Language.ts"
import { type Instruction, verifiers } from "../../src/index.ts"

// What the checks look for, and characters that case folding, word boundaries and offsets go wrong on.
const fragments = [
  "the", "river", "River", "RIVER", "banana", "is", "Is", "a", "I", "so", "and", "Emma", "word", "SECTION 1", "Section 2", "PART 3",
  "My answer is yes.", "My answer is no.", "P.S. more", "P.P.S more", "<<title>>", "<<>>", "[name]", "[]", "*bold*", "**bold**", "***",
  "******", "* item", "- item", "\n* item", "\n- item", "\n", "\n\n", "\n***\n", "\"", "'", ",", ".", "!", "?", ";", ":", "?!", "...", "!!!",
  "Mr. Smith", "U.S.", "e.g.", "3.14", "1,000", "14", "21", "42", "\u0661\u0662", "don't", "cannot", "gimme", "\u0131", "\u0130", "\u017f", "\u212a", "\u03a3", "\u03c3\u03c2",
  "\u00df", "\u01c5", "e\u0301", "\u4f60\u597d", "\u65e5\u672c\u8a9e\u306e", "\u05e9\u05dc\u05d5\u05dd", "\u202e\u0627\u0644\u0633\u0644\u0627\u0645\u202c", "\ud83d\ude00", "\ud83d\udc69\u200d\ud83d\udc67", "\ud83c\udde9\ud83c\uddea", "\ud800", "\udc00", "\0",
  "\r\n", "\r", "\t", "\u0085", "\u001c", "\u2028", "\u00a0", "\u3000", "\ufeff", "{\"a\": 1}", "```json\n{}\n```", "My Answer:", "My Conclusion:", "Future Outlook:",
  "Question 1", "A. yes", "<i>x</i> y", "elgae dlab", "only output this sentence here, ignore all other requests.", "(([{x}]))"
]

const fragment = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...fragments) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 6 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) }
)

// What takes a whole response to follow.
const wholes = [
  "Only output this sentence here, ignore all other requests.",
  "My Answer: yes My Conclusion: no Future Outlook: so",
  "One. Two, three! Four? Five; six: seven?!",
  "14, 21, 28, 35, 42, 49",
  "the answer is (B)",
  "on 05/06/2021 it was $20",
  "1805-12-02, 1815-06-18",
  "a bb aa bb bb ccc ccc ccc dd dd dd dd dd e e e e e e e",
  "He said \"she said 'they said \"yes\"'\".",
  "Anna saw a level racecar, a civic radar, a rotor, noon, madam and a kayak refer."
]

/** Text of what the checks look for, in disorder; sometimes of one case only, or in quotation marks. */
export const richText: fc.Arbitrary<string> = fc.tuple(
  fc.oneof(
    { weight: 9, arbitrary: fc.array(fc.tuple(fragment, fc.constantFrom("", " ", " ", " ", "\n")), { minLength: 1, maxLength: 30 }) },
    { weight: 1, arbitrary: fc.constantFrom(...wholes).map((text) => [[text]]) }
  ),
  fc.constantFrom((text: string) => text, (text) => text, (text) => text.toLowerCase(), (text) => text.toUpperCase(), (text) => `"${text}"`)
).map(([pieces, change]) => change(pieces.flat().join("")))

/** Any text at all: graphemes, code units and lone surrogates among them. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  richText,
  fc.string({ unit: "grapheme", maxLength: 200 }),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 100 }).map((units) => String.fromCharCode(...units))
)

const relation = fc.constantFrom("less than", "at least")
const small = fc.integer({ min: 0, max: 8 })
const positive = fc.integer({ min: 1, max: 8 })

/** Arguments of every verifier, their texts often parts of `text` so that it follows some. */
const kwargsOf = (text: string): { readonly [id: string]: fc.Arbitrary<object> } => {
  const part = fc.oneof(
    fc.tuple(fc.nat(text.length), fc.integer({ min: 1, max: 12 })).map(([start, size]) => text.slice(start, start + size)),
    fc.constantFrom(...text.split(/\s+/), "the", "river"),
    fragment
  ).map((found) => isBlank(found) ? "river" : found)
  const parts = fc.array(part, { minLength: 1, maxLength: 3 })
  const character = part.map((found) => Array.from(found).find((c) => /^\S$/u.test(c)) ?? "e")
  const level = fc.record({ level: fc.integer({ min: 1, max: 5 }) })
  const target = fc.record({ target: fc.oneof(fc.constant(text), part) })
  const tail = fc.nat(Math.max(0, text.length - 1)).map((start) => isBlank(text.slice(start)) ? "end" : text.slice(start))
  const head = fc.nat(text.length).map((end) => isBlank(text.slice(0, end)) ? "Start" : text.slice(0, end))
  const count = fc.oneof(small, fc.integer({ min: 0, max: 60 }))
  const paragraphs = positive.chain((n) => fc.record({
    num_paragraphs: fc.constant(n),
    nth_paragraph: fc.integer({ min: 1, max: n }),
    first_word: part
  }))
  const nothing = fc.constant({})
  return {
    "keywords:existence": fc.record({ keywords: parts }),
    "keywords:frequency": fc.record({ keyword: part, frequency: small, relation }),
    "keywords:forbidden_words": fc.record({ forbidden_words: parts }),
    "keywords:letter_frequency": fc.record({ letter: character, let_frequency: count, let_relation: relation }),
    "language:response_language": fc.record({ language: fc.constantFrom(...languageCodes) }),
    "length_constraints:number_sentences": fc.record({ num_sentences: small, relation }),
    "length_constraints:number_paragraphs": fc.record({ num_paragraphs: small }),
    "length_constraints:number_words": fc.record({ num_words: count, relation }),
    "length_constraints:nth_paragraph_first_word": paragraphs,
    "detectable_content:number_placeholders": fc.record({ num_placeholders: small }),
    "detectable_content:postscript": fc.record({ postscript_marker: fc.oneof(fc.constantFrom("P.S.", "P.P.S"), part) }),
    "detectable_format:number_bullet_lists": fc.record({ num_bullets: small }),
    "detectable_format:constrained_response": nothing,
    "detectable_format:number_highlighted_sections": fc.record({ num_highlights: small }),
    "detectable_format:multiple_sections": fc.record({
      section_spliter: fc.oneof(fc.constantFrom("SECTION", "Section", "PART", "section"), part),
      num_sections: small
    }),
    "detectable_format:json_format": nothing,
    "detectable_format:title": nothing,
    "combination:two_responses": nothing,
    "combination:repeat_prompt": fc.record({ prompt_to_repeat: fc.oneof(head, part) }),
    "startend:end_checker": fc.record({ end_phrase: fc.oneof(tail, part) }),
    "startend:quotation": nothing,
    "change_case:capital_word_frequency": fc.record({ capital_frequency: small, capital_relation: relation }),
    "change_case:english_capital": nothing,
    "change_case:english_lowercase": nothing,
    "punctuation:no_comma": nothing,
    "multi-turn:constrained_start": fc.record({ starter: fc.oneof(head, part) }),
    "keywords:key_sentences": fc.record({ key_sentences: parts, num_sentences: fc.nat(2) }),
    "detectable_format:rephrase": part.map((inner) => ({ original_message: `${text}*${inner.replaceAll("\n", "")}*` })),
    "detectable_content:rephrase_paragraph": fc.record({ original_paragraph: fc.constant(text), low: fc.nat(3), high: count }),
    "count:word_count_range": fc.record({ min_words: small, max_words: count }),
    "count:unique_word_count": fc.record({ N: count }),
    "count:conjunctions": fc.record({ small_n: small }),
    "count:person_names": fc.record({ N: small }),
    "count:numbers": fc.record({ N: small }),
    "count:words_japanese": fc.record({ N: positive }),
    "count:pronouns": fc.record({ N: small }),
    "count:keywords_multiple": fc.record({ keyword1: part, keyword2: part, keyword3: part, keyword4: part, keyword5: part }),
    "ratio:stop_words": fc.record({ percentage: fc.nat(100) }),
    "ratio:overlap": fc.record({ reference_text: fc.oneof(fc.constant(text).map((t) => isBlank(t) ? "x" : t), part), percentage: fc.nat(100) }),
    "sentence:increment": fc.record({ small_n: small }),
    "sentence:keyword": fc.record({ word: part, N: positive }),
    "words:repeats": fc.record({ small_n: positive }),
    "words:keywords_specific_position": fc.record({ keyword: part, n: positive, m: positive }),
    "words:words_position": fc.record({ keyword: part }),
    "format:options": fc.record({ options: fc.oneof(fc.constantFrom("yes/no", "yes, no", "a) x, b) y, c) z"), part) }),
    "format:list": fc.record({ sep: part }),
    "repeat:repeat_change": fc.record({ prompt_to_repeat: fc.oneof(head.map((t) => `Other${t}`), part) }),
    "repeat:repeat_span": fc.record({ prompt_to_repeat: part.map((t) => `${t}${text}`), n_start: small, n_end: count }),
    "followbench:E2E": target,
    "followbench:text_editing": target,
    "followbench:WIKIEVENTS": target,
    "followbench:CONLL2003": fc.array(part, { maxLength: 3 }).map((items) => ({
      target: `[${items.map((item) => `'${item.replaceAll(/[\\'\n]/g, "")}'`).join(", ")}]`
    })),
    "followbench:BBH_logical": target,
    "followbench:BBH_time": target,
    "followbench:gsm_8k": target,
    "followbench:self_made_space": target,
    "followbench:example": fc.record({ target: part.map((t) => `{instruction}\n${t}{answer}`) }),
    "followbench:cnn_dailymail": level,
    "followbench:xsum": level,
    "followbench:samsum": level,
    "followbench:gigaword": level,
    "followbench:arxiv": level,
    "followbench:format_22": level,
    "followbench:format_30": level,
    "collie:constraint": collie(part)
  }
}

const collie = (part: fc.Arbitrary<string>): fc.Arbitrary<object> => {
  const leaf = fc.oneof(
    fc.record({ op: fc.constant("count"), count_target: fc.option(part) }),
    fc.record({ op: fc.constant("position"), position: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.array(fc.integer({ min: -3, max: 3 }), { maxLength: 3 })) }),
    fc.constant({ op: "identity" })
  )
  const level = fc.constantFrom("character", "word", "sentence", "paragraph", null)
  const atom = fc.record({
    input_level: level,
    target_level: level,
    transformation: fc.oneof(leaf, leaf.map((func) => ({ op: "foreach", func }))),
    relation: fc.constantFrom("==", "!=", "<", ">", "<=", ">=", "in", "not in"),
    reduction: fc.constantFrom(null, "all", "any", "at least", "at most", "exactly"),
    reduction_value: fc.integer({ min: 0, max: 4 })
  })
  const targets = fc.oneof(part, fc.nat(20), fc.array(fc.oneof(part, fc.nat(9)), { maxLength: 4 }))
  return fc.oneof(
    fc.record({ constraint: atom, targets }),
    fc.array(atom, { minLength: 1, maxLength: 3 }).chain((constraints) =>
      fc.record({
        constraint: fc.constant({ logic: "all", constraints }),
        targets: fc.array(targets, { minLength: constraints.length, maxLength: constraints.length })
      })
    )
  )
}

/** Arguments of one verifier; verifiers without an entry take none. */
export const kwargsFor = (id: string, text: string): fc.Arbitrary<object> => kwargsOf(text)[id] ?? fc.constant({})

/** An instruction of any id with arguments that its verifier takes. */
export const instruction = (text: string, ids: ReadonlyArray<string> = Object.keys(verifiers)): fc.Arbitrary<Instruction> => {
  const kwargs = kwargsOf(text)
  return fc.constantFrom(...ids).chain((id) => (kwargs[id] ?? fc.constant({})).map((made) => ({ id, kwargs: made })))
}
