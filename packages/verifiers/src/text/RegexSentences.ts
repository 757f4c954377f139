// The sentence splitter that IFEval used before Punkt, and still uses for key sentences: periods that end no sentence are
// set aside by a fixed list of rules, the others end one. Rewritten from its description; kept for parity only.
import { isSpace, SPACES } from "./Characters.ts"

// Noncharacters: a period set aside, and the end of a sentence.
const PERIOD = "\ufdd0"
const STOP = "\ufdd1"

const starters =
  `(Mr|Mrs|Ms|Dr|Prof|Capt|Cpt|Lt|(?:He|She|It|They|Their|Our|We|But|However|That|This)[${SPACES}]|Wherever)`

const rules: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> = [
  [/(Mr|St|Mrs|Ms|Dr)\./g, `$1${PERIOD}`],
  [/\.(com|net|org|io|gov|edu|me)/g, `${PERIOD}$1`],
  [/([0-9])\.([0-9])/g, `$1${PERIOD}$2`]
]

const laterRules: typeof rules = [
  [/Ph\.D\./g, `Ph${PERIOD}D${PERIOD}`],
  [new RegExp(`[${SPACES}]([A-Za-z])\\. `, "g"), ` $1${PERIOD} `],
  [new RegExp(`([A-Z]\\.[A-Z]\\.(?:[A-Z]\\.)?) ${starters}`, "g"), `$1${STOP} $2`],
  [/([A-Za-z])\.([A-Za-z])\.([A-Za-z])\./g, `$1${PERIOD}$2${PERIOD}$3${PERIOD}`],
  [/([A-Za-z])\.([A-Za-z])\./g, `$1${PERIOD}$2${PERIOD}`],
  [new RegExp(` (Inc|Ltd|Jr|Sr|Co)\\. ${starters}`, "g"), ` $1${STOP} $2`],
  [/ (Inc|Ltd|Jr|Sr|Co)\./g, ` $1${PERIOD}`],
  [/ ([A-Za-z])\./g, ` $1${PERIOD}`],
  [/\.”/g, "”."],
  [/\."/g, "\"."],
  [/!"/g, "\"!"],
  [/\?"/g, "\"?"]
]

const apply = (text: string, list: typeof rules): string =>
  list.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text)

/** Calls `visit` with every sentence of a length that is accepted, stripped; a blank one at the end is left out. */
export const eachRegexSentence = (
  text: string,
  visit: (sentence: string) => void,
  accepts: (length: number) => boolean = () => true
): void => {
  const marked = ` ${text.replaceAll("\n", " ")}  `.replaceAll("<prd>", PERIOD).replaceAll("<stop>", STOP)
  const dotted = apply(marked, rules).replace(/\.{2,}/g, (dots) => PERIOD.repeat(dots.length) + STOP)
  const ready = apply(dotted, laterRules)
  const give = (from: number, to: number, final: boolean): void => {
    let [start, end] = [from, to]
    while (start < end && isSpace(ready.charCodeAt(start))) start++
    while (end > start && isSpace(ready.charCodeAt(end - 1))) end--
    if (accepts(end - start) && !(final && start === end)) visit(ready.slice(start, end).replaceAll(PERIOD, "."))
  }
  let start = 0
  for (let i = 0; i < ready.length; i++) {
    const unit = ready[i]!
    const mark = unit === "." || unit === "?" || unit === "!"
    if (!mark && unit !== STOP) continue
    give(start, mark ? i + 1 : i, false)
    start = i + 1
  }
  give(start, ready.length, true)
}

/** The sentences as a list. */
export const regexSentences = (text: string): Array<string> => {
  const found: Array<string> = []
  eachRegexSentence(text, (sentence) => found.push(sentence))
  return found
}
