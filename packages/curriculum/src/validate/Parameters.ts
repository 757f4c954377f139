// What a hard constraint's text has to say for the check to be fair: its number with the bound that is checked, and
// every other parameter.
import type { Kwargs } from "../PromptRow.ts"
import { type Sense, senses } from "./Sense.ts"

interface Counted {
  /** The kwarg that holds the number. */
  readonly number: string
  /** The bound that is checked, or the kwarg that holds it. */
  readonly bound: Sense | { readonly relation: string }
}

const relation = { relation: "relation" } as const

/** The checks that count, by id. */
const counted: Readonly<Record<string, Counted>> = {
  "keywords:frequency": { number: "frequency", bound: relation },
  "keywords:letter_frequency": { number: "let_frequency", bound: { relation: "let_relation" } },
  "length_constraints:number_sentences": { number: "num_sentences", bound: relation },
  "length_constraints:number_words": { number: "num_words", bound: relation },
  "length_constraints:number_paragraphs": { number: "num_paragraphs", bound: "exactly" },
  "length_constraints:nth_paragraph_first_word": { number: "num_paragraphs", bound: "exactly" },
  "detectable_content:number_placeholders": { number: "num_placeholders", bound: "at least" },
  "detectable_format:number_bullet_lists": { number: "num_bullets", bound: "exactly" },
  "detectable_format:number_highlighted_sections": { number: "num_highlights", bound: "at least" },
  "detectable_format:multiple_sections": { number: "num_sections", bound: "at least" },
  "change_case:capital_word_frequency": { number: "capital_frequency", bound: { relation: "capital_relation" } }
}

export interface TextFault {
  readonly kind: "contradictory" | "relation" | "parameter"
  readonly message: string
}

const countFaults = (text: string, { bound, number }: Counted, kwargs: Kwargs): ReadonlyArray<TextFault> => {
  const wanted = Number(kwargs[number])
  const checked = typeof bound === "string" ? bound : kwargs[bound.relation]
  const said = senses(text)
    .filter(({ value }) => value === wanted)
    .map(({ sense }) => sense)
  const bounds = [...new Set(said.filter((sense) => sense !== "number"))]
  const [first, second] = bounds
  if (second !== undefined)
    return [{ kind: "contradictory", message: `says "${first} ${wanted}" and "${second} ${wanted}" at once` }]
  if (first === undefined) {
    if (said.length === 0) return [{ kind: "parameter", message: `does not say ${number}, ${wanted}` }]
    return checked === "less than"
      ? [{ kind: "relation", message: `says ${wanted} without a bound, but less than ${wanted} is checked` }]
      : []
  }
  // Who writes exactly as many as asked for also writes at least as many.
  return first === checked || (first === "exactly" && checked === "at least")
    ? []
    : [{ kind: "relation", message: `says "${first} ${wanted}", but ${checked} ${wanted} is checked` }]
}

const ordinals = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
const languageNames = new Intl.DisplayNames(["en"], { type: "language" })
/** Names that people use beside those of the Unicode locale data. */
const otherNames: Readonly<Record<string, string>> = {
  bn: "Bengali",
  pa: "Panjabi",
  fa: "Farsi",
  tl: "Tagalog",
  no: "Norwegian",
  zh: "Mandarin"
}

/**
 * Ways in which a parameter may stand in the text; one of each list is enough. Numbers of counts are looked at apart.
 */
const stated: Readonly<Record<string, (kwargs: Kwargs) => ReadonlyArray<ReadonlyArray<string>>>> = {
  "keywords:existence": ({ keywords }) => (keywords as ReadonlyArray<string>).map((word) => [word]),
  "keywords:frequency": ({ keyword }) => [[String(keyword)]],
  "keywords:forbidden_words": ({ forbidden_words }) => (forbidden_words as ReadonlyArray<string>).map((word) => [word]),
  "keywords:letter_frequency": ({ letter }) => [[String(letter)]],
  "language:response_language": ({ language }) => {
    const code = String(language).split("-")[0]!
    return [[languageNames.of(code) ?? code, ...(otherNames[code] === undefined ? [] : [otherNames[code]])]]
  },
  "length_constraints:nth_paragraph_first_word": ({ first_word, nth_paragraph: n }) => [
    [String(first_word)],
    [String(n), ordinals[Number(n) - 1] ?? `${n}th`, ...(n === 1 ? ["start of"] : [])]
  ],
  "detectable_content:postscript": ({ postscript_marker }) => [[String(postscript_marker)]],
  "detectable_format:multiple_sections": ({ section_spliter }) => [[String(section_spliter)]],
  "startend:end_checker": ({ end_phrase }) => [[String(end_phrase)]]
}

const plain = (text: string): string => text.toLowerCase().replace(/\s+/g, " ").trim()

/** What is wrong with the text of a hard constraint whose kwargs are valid. */
export const textFaults = (id: string, kwargs: Kwargs, text: string): ReadonlyArray<TextFault> => {
  const said = plain(text)
  const missing = (stated[id]?.(kwargs) ?? []).filter((ways) => !ways.some((way) => said.includes(plain(way))))
  const count = counted[id]
  return [
    ...(count === undefined ? [] : countFaults(text, count, kwargs)),
    ...missing.map(([way]): TextFault => ({ kind: "parameter", message: `does not say "${way}"` }))
  ]
}
