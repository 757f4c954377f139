// Looks for a response that follows instructions all at once, by putting together a part for each and asking the checks. What
// is found is a proof that the instructions can be met; nothing found proves nothing.
import { strip } from "../text/Characters.ts"
import { countSentences } from "../text/Punkt.ts"
import { countWords } from "../text/Words.ts"
import { VerifierError } from "../Verifier.ts"
import { type Instruction, prepare } from "../Verify.ts"
import { type Demand, demands, WORDS } from "./Demands.ts"

/** What an instruction adds to a response. */
interface Part {
  /** Before everything else. */
  readonly start?: string
  /** Among the words of the body. */
  readonly inline?: ReadonlyArray<string>
  /** On lines of their own behind the body. */
  readonly lines?: ReadonlyArray<string>
  /** Behind everything else. */
  readonly end?: string
  /** What is done to the text as a whole. */
  readonly shape?: (text: string, filler: string) => string
  readonly finish?: (text: string) => string
}

type Kwargs = Parameters<(typeof demands)[string]>[0]

const copies = (count: number, make: (i: number) => string): ReadonlyArray<string> =>
  Array.from({ length: Math.min(Math.max(0, count), 10_000) }, (_, i) => make(i))

const least = (relation: string, count: number): number => relation === "at least" ? count : 0

const parts: { readonly [id: string]: (kwargs: Kwargs) => Part } = {
  "keywords:existence": ({ keywords }) => ({ inline: keywords }),
  "keywords:frequency": ({ frequency, keyword, relation }) => ({ inline: copies(least(relation, frequency), () => strip(keyword)) }),
  "keywords:letter_frequency": ({ let_frequency, let_relation, letter }) => ({
    inline: copies(least(let_relation, let_frequency), () => letter)
  }),
  "length_constraints:number_paragraphs": ({ num_paragraphs }) => ({
    shape: (text, filler) => [text, ...copies(num_paragraphs - 1, () => filler === "" ? "." : filler)].join("\n***\n")
  }),
  "length_constraints:nth_paragraph_first_word": ({ first_word, nth_paragraph, num_paragraphs }) => ({
    shape: (text, filler) =>
      copies(num_paragraphs, (i) => {
        const word = i + 1 === nth_paragraph ? first_word : ""
        const rest = i === 0 ? text : filler === "" ? "." : filler
        return word === "" ? rest : `${word} ${rest}`
      }).join("\n\n")
  }),
  "detectable_content:number_placeholders": ({ num_placeholders }) => ({ inline: copies(num_placeholders, () => "[]") }),
  "detectable_content:postscript": ({ postscript_marker }) => ({ lines: [strip(postscript_marker)] }),
  "detectable_format:number_bullet_lists": ({ num_bullets }) => ({ lines: copies(num_bullets, () => "- .") }),
  "detectable_format:constrained_response": () => ({ lines: ["My answer is yes."] }),
  "detectable_format:number_highlighted_sections": ({ num_highlights }) => ({ inline: copies(num_highlights, () => "*1*") }),
  "detectable_format:multiple_sections": ({ num_sections, section_spliter }) => ({
    lines: copies(num_sections, (i) => `${strip(section_spliter)} ${i + 1}`)
  }),
  "detectable_format:json_format": () => ({ finish: (text) => JSON.stringify(text) }),
  "detectable_format:title": () => ({ lines: ["<<1>>"] }),
  "combination:two_responses": () => ({ shape: (text, filler) => `${text}\n******\n${text}${filler === "" ? "." : ` ${filler}`}` }),
  "combination:repeat_prompt": ({ prompt_to_repeat }) => ({ start: strip(prompt_to_repeat) }),
  "startend:end_checker": ({ end_phrase }) => ({ end: strip(end_phrase) }),
  "startend:quotation": () => ({ finish: (text) => `"${text}"` }),
  "change_case:capital_word_frequency": ({ capital_frequency, capital_relation }) => ({
    inline: copies(least(capital_relation, capital_frequency), () => "A")
  }),
  "change_case:english_capital": () => ({ finish: (text) => text.toUpperCase() }),
  "change_case:english_lowercase": () => ({ finish: (text) => text.toLowerCase() }),
  "count:person_names": ({ N }) => ({
    inline: ["Emma", "Liam", "Sophia", "Jackson", "Olivia", "Noah", "Ava", "Lucas", "Isabella", "Mason"].slice(0, N)
  }),
  "count:conjunctions": ({ small_n }) => ({ inline: ["and", "but", "for", "nor", "or", "so", "yet"].slice(0, small_n) }),
  "count:pronouns": ({ N }) => ({ inline: copies(N, () => "it") }),
  "count:numbers": ({ N }) => ({ inline: copies(N, () => "7") }),
  "count:unique_word_count": ({ N }) => ({ inline: copies(N, (i) => `w${i}`) }),
  "format:list": ({ sep }) => ({ lines: [`${sep} 1`, `${sep} 1`] }),
  "format:output_template": () => ({ lines: ["My Answer: 1 My Conclusion: 1 Future Outlook: 1"] }),
  "repeat:repeat_simple": () => ({ start: "Only output this sentence here, ignore all other requests." }),
  "format:no_whitespace": () => ({ finish: (text) => text.replaceAll(/\s+/g, "_") })
}

// English, another wording of it without its commonest letters, one short word, digits in which no language is found, nothing.
const fillers = [
  "the cat sat on the mat and looked at the rain outside",
  "how could you go without saying much to us",
  "my dog",
  "it",
  "1",
  ""
]

const leastOf = (all: ReadonlyArray<Demand>, quantity: string): number =>
  Math.max(0, ...all.flatMap(({ bounds = [] }) => bounds.filter((bound) => bound.quantity === quantity).map((bound) => bound.least)))

/** At most as many words or sentences are filled in. */
const LIMIT = 20_000

/**
 * A response with the strict verdict "followed" on all of these instructions, which shows that they can be met together; undefined
 * when none was found. It is made to pass the checks, not to be read.
 */
export const example = (instructions: ReadonlyArray<Instruction>): string | undefined => {
  const prepared = instructions.map((instruction) => ({ id: instruction.id, made: prepare(instruction) }))
  const read = prepared.flatMap(({ id, made }) => made instanceof VerifierError ? [] : [{ id, ...made, kwargs: made.kwargs as Kwargs }])
  if (read.length < prepared.length) return undefined
  const asked = read.map(({ id, kwargs }): Demand => Object.hasOwn(demands, id) ? demands[id]!(kwargs) : {})
  const own = read.map(({ id, kwargs }): Part => Object.hasOwn(parts, id) ? parts[id]!(kwargs) : {})
  const words = leastOf(asked, WORDS)
  const sentences = leastOf(asked, "sentences")
  if (words > LIMIT || sentences > LIMIT) return undefined

  const build = (filler: string, gap: string, more: { readonly words: number; readonly sentences: number }): string => {
    const padding = filler === "" ? ["it"] : filler.split(" ")
    const body = [filler, ...copies(more.words, (i) => padding[i % padding.length]!), ...own.flatMap(({ inline = [] }) => inline)].filter((piece) => piece !== "")
    const lines = own.flatMap((part) => part.lines ?? [])
    const text = [
      ...own.flatMap(({ start }) => start ?? []),
      body.join(" "),
      ...lines,
      ...copies(more.sentences, () => "So."),
      ...own.flatMap(({ end }) => end ?? [])
    ].filter((piece) => piece !== "").join(gap)
    const shaped = own.reduce((result, { shape }) => shape === undefined ? result : shape(result, filler), text)
    return own.reduce((result, { finish }) => finish === undefined ? result : finish(result), shaped === "" ? "." : shaped)
  }
  const follows = (text: string): boolean => strip(text) !== "" && read.every(({ check }) => check(text))
  for (const responses of asked.flatMap((demand) => demand.responses === undefined ? [] : [demand.responses])) {
    const found = responses.find(follows)
    if (found !== undefined) return found
  }
  for (const filler of fillers) {
    for (const gap of ["\n", " "]) {
      let more = { words: 0, sentences: 0 }
      let text = build(filler, gap, more)
      // What is filled in may join with what is there, so that it takes a second look.
      for (let round = 0; round < 2; round++) {
        const missing = { words: Math.max(0, words - countWords(text)), sentences: Math.max(0, sentences - countSentences(text)) }
        if (missing.words + missing.sentences === 0) break
        more = { words: more.words + missing.words, sentences: more.sentences + missing.sentences }
        text = build(filler, gap, more)
      }
      if (follows(text)) return text
    }
  }
  return undefined
}
