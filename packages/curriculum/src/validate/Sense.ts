// What a text says about a number: at least it, less than it, exactly it, or just the number. English, as the
// constraints are.

/** "at least" and "less than" as IFEval has them; "exactly"; or "number" where it stands without a bound. */
export type Sense = "at least" | "less than" | "exactly" | "number"

export interface Stated {
  readonly sense: Sense
  readonly value: number
}

const words = [
  "zero",
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "ten",
  "eleven",
  "twelve"
]
const special: Readonly<Record<string, number>> = { once: 1, twice: 2, thrice: 3 }

const N = `(\\d+|${[...words, ...Object.keys(special)].join("|")})`
const valueOf = (text: string): number => (/^\d/.test(text) ? Number(text) : (special[text] ?? words.indexOf(text)))

/** "3 words or more", "50 words or less". */
const unit = "(?:\\s+(?:[\\w-]+\\s+){0,2}[\\w-]+?)?"

const patterns: ReadonlyArray<readonly [Sense, RegExp]> = (
  [
    [
      "at least",
      `\\b(?:at least|at the least|no fewer than|not fewer than|no less than|not less than|(?:a )?minimum of|more than or equal to)(?: of)? ${N}\\b`
    ],
    ["at least", `\\b${N}${unit} or more\\b`],
    ["at least", `\\b${N}\\+`],
    [
      "less than",
      `\\b(?:(?<!no )(?<!not )(?:less|fewer) than|under|below|shorter than|at most|no more than|not more than|(?:a )?maximum of|up to)(?: of)? ${N}\\b`
    ],
    ["less than", `\\b${N}${unit} or (?:less|fewer)\\b`],
    ["exactly", `\\b(?:exactly|precisely) ${N}\\b`],
    ["exactly", `\\b${N}\\b[^.;]{0,40}\\bneither more nor (?:fewer|less)\\b`]
  ] as const
).map(([sense, source]) => [sense, new RegExp(source, "g")] as const)

/** A denial right before a bound turns it round: "I don't want anything less than 50". */
const denial =
  /(?:n't|\bnot|\bnever|\bno) (?:want |write |give me |send |accept |use |make it |go )?(?:(?:anything|something|an? (?:answer|reply|response|text))(?: (?:that (?:is|has)|of|with))? )?$/

const opposite: Readonly<Partial<Record<Sense, Sense>>> = { "at least": "less than", "less than": "at least" }

/** No constraint is longer, in characters; what follows is not read, so that no text takes long. */
const longest = 4000

/** Everything that a text says about numbers, in the order of the text; numbers inside a bound are not listed again. */
export const senses = (text: string): ReadonlyArray<Stated> => {
  const lower = text.slice(0, longest).toLowerCase().replace(/[’]/g, "'").replace(/\s+/g, " ")
  const found: Array<Stated & { readonly from: number; readonly to: number }> = []
  for (const [sense, pattern] of patterns) {
    for (const match of lower.matchAll(pattern)) {
      const denied = denial.test(lower.slice(0, match.index))
      found.push({
        sense: denied ? (opposite[sense] ?? sense) : sense,
        value: valueOf(match[1]!),
        from: match.index,
        to: match.index + match[0].length
      })
    }
  }
  for (const match of lower.matchAll(new RegExp(`\\b${N}\\b`, "g"))) {
    if (!found.some(({ from, to }) => match.index >= from && match.index < to)) {
      found.push({ sense: "number", value: valueOf(match[1]!), from: match.index, to: match.index + match[0].length })
    }
  }
  return found.toSorted((a, b) => a.from - b.from).map(({ sense, value }) => ({ sense, value }))
}
