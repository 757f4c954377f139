// The constraint types of the world, one entry each: what it is called, what its parameters may be, how people ask for
// it, what a plan says of it, what following it decides about an answer, and what not following it does.
import type { Kwargs, Random } from "@ifrl/curriculum"
import type { Draft } from "./Draft.ts"
import { type SoftType, softTypes } from "./SoftTypes.ts"
import { type Domain, domains, tasks } from "./Tasks.ts"

export interface ConstraintType {
  readonly domains: ReadonlyArray<Domain>
  /** How often a supervised annotator follows it. */
  readonly rate: number
  /** Adds to an answer, so that it does not go with a short one. */
  readonly adds: boolean
  readonly kwargs: (random: Random, domain: Domain, subject: string) => Kwargs
  readonly phrasings: (kwargs: Kwargs) => ReadonlyArray<string>
  readonly note: (kwargs: Kwargs) => string
  readonly follow: (draft: Draft, kwargs: Kwargs, random: Random) => Draft
  /** What not following it takes beyond leaving the draft as it is. */
  readonly ignore?: (draft: Draft, kwargs: Kwargs) => Draft
  readonly truth?: { readonly type: string; readonly value: string }
}

const endings = ["That is all", "The end", "Over and out", "Case closed", "Stay safe", "Bye for now"]
const keywords = [
  "music", "coffee", "poems", "chess", "tennis", "theater", "jazz", "magic", "sugar", "silver", "honor", "luck", "pride",
  "trust", "hope", "peace", "yoga", "golf", "opera"
]

const list = (kwargs: Kwargs, key: string): ReadonlyArray<string> => kwargs[key] as ReadonlyArray<string>
const counted = (count: unknown, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`
const writing: ReadonlyArray<Domain> = ["writing"]

const atLeast = (kwargs: Kwargs): boolean => kwargs["relation"] === "at least"

const hardTypes: Readonly<Record<string, ConstraintType>> = {
  "punctuation:no_comma": {
    domains,
    rate: 0.55,
    adds: false,
    kwargs: () => ({}),
    phrasings: () => ["Use no commas", "Do not use commas", "Leave out all commas", "Write without commas"],
    note: () => "No commas",
    follow: (draft) => ({ ...draft, commas: false })
  },
  "detectable_format:title": {
    domains,
    rate: 0.65,
    adds: true,
    kwargs: () => ({}),
    phrasings: () => ["Add a <<title>>", "Put a <<title>> on top", "Give it a <<title>>", "Start with a <<title>>"],
    note: () => "Title",
    follow: (draft) => ({ ...draft, title: true })
  },
  "detectable_format:number_bullet_lists": {
    domains: writing,
    rate: 0.6,
    adds: true,
    kwargs: (random) => ({ num_bullets: 2 + random.int(3) }),
    phrasings: ({ num_bullets: n }) => [`Use exactly ${n} bullet points`, `Make ${n} bullet points`, `Answer with ${n} * bullets`],
    note: ({ num_bullets: n }) => `${n} bullets`,
    follow: (draft, kwargs) => ({ ...draft, bullets: Number(kwargs["num_bullets"]) })
  },
  "length_constraints:number_paragraphs": {
    domains: writing,
    rate: 0.55,
    adds: true,
    kwargs: (random) => ({ num_paragraphs: 2 + random.int(2) }),
    phrasings: ({ num_paragraphs: n }) => [`Write ${n} paragraphs split by ***`, `Use *** to split ${n} paragraphs`],
    note: ({ num_paragraphs: n }) => `${n} paragraphs`,
    follow: (draft, kwargs) => ({ ...draft, paragraphs: Number(kwargs["num_paragraphs"]) })
  },
  "startend:quotation": {
    domains,
    rate: 0.6,
    adds: true,
    kwargs: () => ({}),
    phrasings: () => ["Put all of it in double quotes", "Wrap it in double quotes", "Quote the whole answer"],
    note: () => "Quotes",
    follow: (draft) => ({ ...draft, quoted: true })
  },
  "startend:end_checker": {
    domains,
    rate: 0.65,
    adds: true,
    kwargs: (random) => ({ end_phrase: random.pick(endings) }),
    phrasings: ({ end_phrase: phrase }) => [`End with "${phrase}"`, `Finish with "${phrase}"`, `Let the last words be "${phrase}"`],
    note: ({ end_phrase: phrase }) => `End ${phrase}`,
    follow: (draft, kwargs) => ({ ...draft, ending: String(kwargs["end_phrase"]) })
  },
  "detectable_content:postscript": {
    domains,
    rate: 0.6,
    adds: true,
    kwargs: (random) => ({ postscript_marker: random.pick(["P.S.", "P.S.", "P.P.S"]) }),
    phrasings: ({ postscript_marker: marker }) => [`Add a ${marker} line`, `Include a ${marker} note`, `Do not forget a ${marker} part`],
    note: ({ postscript_marker: marker }) => `${marker} line`,
    follow: (draft, kwargs) => ({ ...draft, postscript: String(kwargs["postscript_marker"]) })
  },
  "detectable_content:number_placeholders": {
    domains,
    rate: 0.55,
    adds: true,
    kwargs: (random) => ({ num_placeholders: 1 + random.int(3) }),
    phrasings: ({ num_placeholders: n }) => [
      `Use at least ${counted(n, "placeholder")} like [name]`,
      `Include ${n} or more [placeholders]`,
      `Leave at least ${n} in [brackets] to fill in`
    ],
    note: ({ num_placeholders: n }) => counted(n, "placeholder"),
    follow: (draft, kwargs) => ({ ...draft, placeholders: Number(kwargs["num_placeholders"]) })
  },
  "keywords:existence": {
    domains,
    rate: 0.6,
    adds: true,
    kwargs: (random) => ({ keywords: random.shuffle(keywords).slice(0, random.chance(0.7) ? 1 : 2) }),
    phrasings: (kwargs) => {
      const words = list(kwargs, "keywords").join(" and ")
      return [`Mention ${words}`, `Include ${words}`, `Bring in ${words}`]
    },
    note: (kwargs) => `Use ${list(kwargs, "keywords").join(" and ")}`,
    follow: (draft, kwargs) => ({ ...draft, keywords: list(kwargs, "keywords") })
  },
  "keywords:forbidden_words": {
    domains,
    rate: 0.55,
    adds: false,
    kwargs: (random, domain, subject) => ({ forbidden_words: [random.pick(tasks[domain].forbiddable(subject))] }),
    phrasings: (kwargs) => {
      const words = list(kwargs, "forbidden_words").join(" and ")
      return [`Avoid the word ${words}`, `Never say ${words}`, `Do not use the word ${words}`]
    },
    note: (kwargs) => `Avoid ${list(kwargs, "forbidden_words").join(" and ")}`,
    follow: (draft, kwargs) => ({ ...draft, avoid: list(kwargs, "forbidden_words") }),
    ignore: (draft, kwargs) => ({ ...draft, use: list(kwargs, "forbidden_words") })
  },
  "detectable_format:number_highlighted_sections": {
    domains,
    rate: 0.55,
    adds: false,
    kwargs: (random, domain) => ({ num_highlights: domain === "writing" ? 1 + random.int(2) : 1 }),
    phrasings: ({ num_highlights: n }) => [`Highlight at least ${counted(n, "part")} like *this*`, `Mark ${n} or more parts with *stars*`],
    note: ({ num_highlights: n }) => counted(n, "highlight"),
    follow: (draft, kwargs) => ({ ...draft, highlights: Number(kwargs["num_highlights"]) })
  },
  "length_constraints:number_sentences": {
    domains: writing,
    rate: 0.6,
    adds: false,
    kwargs: (random) =>
      random.chance(0.5)
        ? { relation: "at least", num_sentences: 4 + random.int(2) }
        : { relation: "less than", num_sentences: 2 },
    phrasings: (kwargs) => {
      const n = Number(kwargs["num_sentences"])
      return atLeast(kwargs)
        ? [`Write at least ${n} sentences`, `Use ${n} or more sentences`]
        : [`Use less than ${n} sentences`, "Write a single sentence"]
    },
    note: (kwargs) => atLeast(kwargs) ? `${kwargs["num_sentences"]} sentences` : "One sentence",
    follow: (draft, kwargs) =>
      atLeast(kwargs) ? { ...draft, minSentences: Number(kwargs["num_sentences"]) } : { ...draft, short: true }
  },
  "length_constraints:number_words": {
    domains: writing,
    rate: 0.6,
    adds: false,
    kwargs: (random) =>
      random.chance(0.5)
        ? { relation: "at least", num_words: 16 + 4 * random.int(2) }
        : { relation: "less than", num_words: 10 },
    phrasings: (kwargs) => {
      const n = Number(kwargs["num_words"])
      return atLeast(kwargs)
        ? [`Use at least ${n} words`, `Write ${n} or more words`]
        : [`Use less than ${n} words`, `Stay below ${n} words`]
    },
    note: (kwargs) => `${atLeast(kwargs) ? "Over" : "Under"} ${kwargs["num_words"]} words`,
    follow: (draft, kwargs) =>
      atLeast(kwargs) ? { ...draft, minWords: Number(kwargs["num_words"]) } : { ...draft, short: true }
  }
}

const softType = (name: string, { phrasings, values }: SoftType): ConstraintType => ({
  domains,
  rate: 0.6,
  adds: true,
  kwargs: (random) => ({ value: random.pick(Object.keys(values)) }),
  phrasings: ({ value }) => phrasings(values[String(value)]!.name),
  note: ({ value }) => `${name === "audience" ? "For" : "As"} ${values[String(value)]!.name}`,
  follow: (draft, { value }, random) => ({
    ...draft,
    openers: [...draft.openers, random.pick(values[String(value)]!.openers)]
  })
})

/** Constraint id to type; soft ids are `soft:` and the name of the soft type. */
export const constraintTypes: Readonly<Record<string, ConstraintType>> = {
  ...hardTypes,
  ...Object.fromEntries(Object.entries(softTypes).map(([name, type]) => [`soft:${name}`, softType(name, type)]))
}

const clashes: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  ["detectable_format:number_bullet_lists", [
    "length_constraints:number_paragraphs",
    "detectable_format:number_highlighted_sections",
    "length_constraints:number_sentences",
    "length_constraints:number_words",
    "startend:quotation"
  ]],
  ["length_constraints:number_paragraphs", [
    "detectable_format:number_highlighted_sections",
    "length_constraints:number_sentences",
    "length_constraints:number_words"
  ]],
  ["length_constraints:number_sentences", ["length_constraints:number_words"]]
]

/** A constraint as far as conflicts go. */
export interface Demand {
  readonly id: string
  readonly kwargs: Kwargs
}

const isShort = ({ kwargs }: Demand): boolean => kwargs["relation"] === "less than"

/** Whether two constraints cannot, or not sensibly, stand in one prompt. */
export const conflict = (a: Demand, b: Demand): boolean =>
  a.id === b.id ||
  clashes.some(([id, others]) => (id === a.id && others.includes(b.id)) || (id === b.id && others.includes(a.id))) ||
  (isShort(a) && constraintTypes[b.id]!.adds) || (isShort(b) && constraintTypes[a.id]!.adds)
