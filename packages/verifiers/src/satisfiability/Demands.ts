// What an instruction asks of every response that its check accepts, in terms that can be held against what another one
// asks. Everything stated here follows from the check itself; what does not follow is left out, so that a contradiction
// between two demands is a proof. An instruction without an entry demands nothing.
import type { Relation } from "../Kwargs.ts"
import { pythonStrings } from "../followbench/Rules.ts"
import { isBlank, splitSpaces, strip } from "../text/Characters.ts"
import { fold } from "../text/Fold.ts"

/** A count of something in the response that lies within bounds, both included. */
export interface Bound {
  /** "words", "sentences", "whitespace characters", "the character e", "the keyword art", ... */
  readonly quantity: string
  readonly least: number
  readonly most: number
}

/** A text that occurs in the response. */
export interface Literal {
  /** ASCII: of other characters, what case folding makes of them is not reasoned about. */
  readonly text: string
  /** As it is written; after lower-casing both; or under `re.IGNORECASE`, where also U+0131 is an i and U+017F an s. */
  readonly match: "exact" | "lower" | "folded"
  /** Occurrences that do not overlap. */
  readonly times: number
  /** "start" and "end": with nothing but whitespace, and at the end quotation marks, between it and that end. */
  readonly place: "start" | "end" | "anywhere"
}

export interface Demand {
  readonly bounds?: ReadonlyArray<Bound>
  readonly literals?: ReadonlyArray<Literal>
  /** Words that do not occur between word boundaries, in any case. */
  readonly forbidden?: ReadonlyArray<string>
  /** The case of every letter that has one. */
  readonly letterCase?: "upper" | "lower"
  /** The first character, whitespace aside and in lower case, is one of these. */
  readonly first?: string
  /** The response is one of these. */
  readonly responses?: ReadonlyArray<string>
  /** The response is this text up to case and to whitespace around it. */
  readonly repeated?: string
  /** The check gives texts that differ only in case and in whitespace around them the same verdict. */
  readonly caseless?: boolean
  readonly firstWord?: { readonly paragraph: number; readonly word: string }
  /** Why no response follows it. */
  readonly never?: string
}

const within = (quantity: string, least: number, most: number): Bound => ({ quantity, least, most })
const atLeast = (quantity: string, least: number): Bound => within(quantity, least, Infinity)
const exactly = (quantity: string, count: number): Bound => within(quantity, count, count)
const related = (quantity: string, relation: Relation, count: number): Bound =>
  relation === "at least" ? atLeast(quantity, count) : within(quantity, 0, count - 1)

export const SPACES = "whitespace characters"
export const WORDS = "words"
const SENTENCES = "sentences"
const CHARACTER = "the character "
const KEYWORD = "the keyword "
const EXACT_KEYWORD = "the lower-case keyword "

const character = (c: string): string => `${CHARACTER}${c.toLowerCase()}`
const foldedText = (text: string): string => Array.from(fold(text), (unit) => String.fromCharCode(unit)).join("")
const keyword = (text: string): string => `${KEYWORD}${foldedText(strip(text))}`

/** What a quantity counts, where it is a character or a keyword. */
export const counted = (
  quantity: string
): { readonly kind: "character" | "folded" | "lower"; readonly text: string } | undefined => {
  for (const [prefix, kind] of [[CHARACTER, "character"], [KEYWORD, "folded"], [EXACT_KEYWORD, "lower"]] as const) {
    if (quantity.startsWith(prefix)) return { kind, text: quantity.slice(prefix.length) }
  }
  return undefined
}

export const isAscii = (text: string): boolean => /^[\t\n\r\x20-\x7e]+$/.test(text)

const literals = (
  texts: ReadonlyArray<string>,
  match: Literal["match"],
  { place = "anywhere", times = 1 }: { readonly times?: number; readonly place?: Literal["place"] } = {}
): ReadonlyArray<Literal> =>
  times < 1 ? [] : texts.filter(isAscii).map((text) => ({ text, match, times, place }))

// JSON, in a fence or not; NaN and Infinity count as JSON, as in Python.
const JSON_STARTS = "{[\"-0123456789tfni`"

/** What holds for every response that is not blank. */
export const always: Demand = { bounds: [atLeast(SENTENCES, 1), within("names of the list", 0, 50)] }

/** Arguments by name. An entry takes those that the schema of its verifier has read. */
interface Kwargs {
  readonly capital_frequency: number
  readonly capital_relation: Relation
  readonly end_phrase: string
  readonly first_word: string
  readonly forbidden_words: ReadonlyArray<string>
  readonly frequency: number
  readonly high: number
  readonly key_sentences: ReadonlyArray<string>
  readonly keyword: string
  readonly keyword1: string
  readonly keyword2: string
  readonly keyword3: string
  readonly keyword4: string
  readonly keyword5: string
  readonly keywords: ReadonlyArray<string>
  readonly let_frequency: number
  readonly let_relation: Relation
  readonly letter: string
  readonly low: number
  readonly max_words: number
  readonly min_words: number
  readonly n: number
  readonly N: number
  readonly n_end: number
  readonly n_start: number
  readonly nth_paragraph: number
  readonly num_bullets: number
  readonly num_highlights: number
  readonly num_paragraphs: number
  readonly num_placeholders: number
  readonly num_sections: number
  readonly num_sentences: number
  readonly num_words: number
  readonly postscript_marker: string
  readonly prompt_to_repeat: string
  readonly relation: Relation
  readonly section_spliter: string
  readonly sep: string
  readonly small_n: number
  readonly starter: string
  readonly target: string
  readonly word: string
}

const ifevalDemands: { readonly [id: string]: (kwargs: Kwargs) => Demand } = {
  "keywords:existence": ({ keywords }) => ({
    literals: literals(keywords, "folded"),
    caseless: keywords.every((word) => strip(word) === word)
  }),
  "keywords:frequency": ({ frequency, keyword: word, relation }) => ({
    bounds: [related(keyword(word), relation, frequency)],
    literals: relation === "at least" ? literals([strip(word)], "folded", { times: frequency }) : [],
    caseless: true
  }),
  "keywords:forbidden_words": ({ forbidden_words }) => ({ forbidden: forbidden_words, caseless: true }),
  "keywords:letter_frequency": ({ let_frequency, let_relation, letter }) => ({
    bounds: [related(character(letter), let_relation, let_frequency)],
    caseless: true
  }),
  "length_constraints:number_sentences": ({ num_sentences, relation }) => ({
    bounds: [related(SENTENCES, relation, num_sentences)]
  }),
  "length_constraints:number_paragraphs": ({ num_paragraphs }) => ({
    bounds: [
      exactly("paragraphs between ***", num_paragraphs),
      exactly("blank paragraphs between ***", 0),
      atLeast(character("*"), 3 * (num_paragraphs - 1))
    ],
    caseless: true
  }),
  "length_constraints:number_words": ({ num_words, relation }) => ({
    bounds: [related(WORDS, relation, num_words)],
    caseless: true
  }),
  "length_constraints:nth_paragraph_first_word": ({ first_word, nth_paragraph, num_paragraphs }) => ({
    bounds: [exactly("paragraphs between blank lines", num_paragraphs), atLeast(SPACES, 2 * (num_paragraphs - 1))],
    firstWord: { paragraph: nth_paragraph, word: first_word.toLowerCase() },
    ...(/[\t-\r\x1c-\x20.,?!'"]/.test(first_word) && { never: `the first word ends before what "${first_word}" has in it` })
  }),
  "detectable_content:number_placeholders": ({ num_placeholders }) => ({
    bounds: [atLeast(character("["), num_placeholders), atLeast(character("]"), num_placeholders)],
    caseless: true
  }),
  "detectable_content:postscript": ({ postscript_marker }) => {
    const marker = strip(postscript_marker)
    return {
      ...(marker === "P.S."
        ? { bounds: [atLeast(character("p"), 1), atLeast(character("s"), 1), atLeast(character("."), 2)] }
        : marker === "P.P.S"
        ? { bounds: [atLeast(character("p"), 2), atLeast(character("s"), 1), atLeast(character("."), 2)] }
        : { literals: literals([marker], "lower") }),
      caseless: true
    }
  },
  "detectable_format:number_bullet_lists": ({ num_bullets }) => ({
    bounds: [exactly("bullet points", num_bullets), atLeast(SPACES, num_bullets - 1)]
  }),
  "detectable_format:constrained_response": () => ({
    bounds: [atLeast(WORDS, 4)],
    literals: literals(["My answer is "], "exact")
  }),
  // Of every four asterisks, two single highlights and a double one can be made.
  "detectable_format:number_highlighted_sections": ({ num_highlights }) => ({
    bounds: [atLeast(character("*"), Math.ceil(4 * num_highlights / 3))],
    caseless: true
  }),
  "detectable_format:multiple_sections": ({ num_sections, section_spliter }) => ({
    literals: literals([strip(section_spliter)], "exact", { times: num_sections })
  }),
  "detectable_format:json_format": () => ({ first: JSON_STARTS }),
  "detectable_format:title": () => ({
    bounds: [atLeast(character("<"), 2), atLeast(character(">"), 2)],
    caseless: true
  }),
  "combination:two_responses": () => ({
    bounds: [atLeast(character("*"), 6), atLeast("blank paragraphs between ***", 1)]
  }),
  "combination:repeat_prompt": ({ prompt_to_repeat }) => ({
    literals: literals([strip(prompt_to_repeat)], "lower", { place: "start" }),
    caseless: true
  }),
  "startend:end_checker": ({ end_phrase }) => ({
    literals: literals([strip(end_phrase)], "lower", { place: "end" }),
    caseless: true,
    ...(strip(end_phrase).endsWith("\"") && { never: "quotation marks around the response are taken off before its end is looked at" })
  }),
  "startend:quotation": () => ({ first: "\"", bounds: [atLeast(character("\""), 2)], caseless: true }),
  "change_case:capital_word_frequency": ({ capital_frequency, capital_relation }) => ({
    bounds: [related("words in capitals", capital_relation, capital_frequency)]
  }),
  "change_case:english_capital": () => ({ letterCase: "upper", bounds: [atLeast("words in capitals", 1)] }),
  "change_case:english_lowercase": () => ({ letterCase: "lower", bounds: [exactly("words in capitals", 0)] }),
  "punctuation:no_comma": () => ({ bounds: [exactly(character(","), 0)], caseless: true })
}

const repeats = (text: string): Demand => ({
  repeated: text,
  literals: literals([text], "lower", { place: "start" })
})

const multiples = [1, 2, 3, 5, 7]

const ifbenchDemands: { readonly [id: string]: (kwargs: Kwargs) => Demand } = {
  "count:word_count_range": ({ max_words, min_words }) => ({ bounds: [within(WORDS, min_words, max_words)], caseless: true }),
  "count:person_names": ({ N }) => ({ bounds: [atLeast("names of the list", N), atLeast(WORDS, N)] }),
  "count:conjunctions": ({ small_n }) => ({ bounds: [atLeast(WORDS, small_n)] }),
  "count:numbers": ({ N }) => ({ bounds: [exactly("numbers", N)], caseless: true }),
  "count:punctuation": () => ({ bounds: Array.from(".,!?;:", (mark) => atLeast(character(mark), 1)) }),
  "count:keywords_multiple": ({ keyword1, keyword2, keyword3, keyword4, keyword5 }) => {
    const words = [keyword1, keyword2, keyword3, keyword4, keyword5].map(strip)
    return {
      bounds: words.map((word, i) => exactly(`${EXACT_KEYWORD}${word.toLowerCase()}`, multiples[i]!)),
      literals: words.flatMap((word, i) => literals([word], "lower", { times: multiples[i]! }))
    }
  },
  "ratio:stop_words": () => ({ bounds: [atLeast(WORDS, 1)] }),
  "ratio:sentence_words": () => ({ bounds: [exactly(SENTENCES, 3)] }),
  "sentence:keyword": ({ N, word }) => ({ bounds: [atLeast(SENTENCES, N)], literals: literals([word], "folded") }),
  "words:keywords_specific_position": ({ keyword: word, n }) => ({
    bounds: [atLeast(SENTENCES, n)],
    ...(/^[A-Za-z0-9]+$/.test(strip(word)) && { literals: literals([strip(word)], "lower") })
  }),
  "words:words_position": ({ keyword: word }) =>
    /^[A-Za-z0-9]+$/.test(strip(word)) ? { literals: literals([strip(word)], "lower") } : {},
  "format:list": ({ sep }) => ({ literals: literals([sep], "exact", { times: 2 }) }),
  "format:thesis": () => ({ bounds: [atLeast(character("<"), 2), atLeast(character(">"), 2)] }),
  "format:output_template": () => ({
    literals: literals(["My Answer:", "My Conclusion:", "Future Outlook:"], "exact")
  }),
  "format:no_whitespace": () => ({ bounds: [exactly(SPACES, 0)] }),
  "custom:mcq_count_length": () => ({ literals: literals(["Question"], "exact", { place: "start" }) }),
  "custom:character_reverse": () => ({ literals: literals(["elgae dlab"], "lower") }),
  "custom:sentence_alphabet": () => ({ bounds: [exactly(SENTENCES, 26)] }),
  "custom:csv_city": () => ({ bounds: [atLeast(character(","), 4)] }),
  "custom:csv_special_character": () => ({ bounds: [atLeast(character(","), 4)] }),
  "repeat:repeat_simple": () => repeats("Only output this sentence here, ignore all other requests."),
  "repeat:repeat_span": ({ n_end, n_start, prompt_to_repeat }) => {
    const span = Array.from(prompt_to_repeat).slice(n_start, n_end + 1).join("")
    return isBlank(span)
      ? { never: "the span is blank" }
      : isAscii(span)
      ? repeats(strip(span))
      : {}
  },
  // The first word may be any.
  "repeat:repeat_change": ({ prompt_to_repeat }) => ({
    literals: literals(splitSpaces(prompt_to_repeat).slice(1), "exact")
  })
}

const only = (responses: ReadonlyArray<string>): Demand => ({ responses })

const otherDemands: { readonly [id: string]: (kwargs: Kwargs) => Demand } = {
  "multi-turn:constrained_start": ({ starter }) => ({ literals: literals([strip(starter)], "exact") }),
  "keywords:key_sentences": ({ key_sentences, num_sentences }) =>
    num_sentences > key_sentences.length ? { never: `there are ${key_sentences.length} sentences to choose from` } : {},
  "detectable_content:rephrase_paragraph": ({ high, low }) => ({ bounds: [within("shared words", low, high)] }),
  "followbench:E2E": ({ target }) => only([target]),
  "followbench:text_editing": ({ target }) => only([target]),
  "followbench:CONLL2003": ({ target }) => only(pythonStrings(target)!)
}

/** What an instruction demands, by id. */
export const demands: { readonly [id: string]: (kwargs: Kwargs) => Demand } = {
  ...ifevalDemands,
  ...ifbenchDemands,
  ...otherDemands
}
