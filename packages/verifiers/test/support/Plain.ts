// What the verifiers' scanners do, said plainly: with regular expressions, split and join, in time and memory that hostile text
// would not leave them. Property tests hold the scanners against these.
import { lazy, unpackWords } from "../../src/data/Packing.ts"
import { syllableCounts } from "../../src/data/syllables.ts"
import { isDigits, PUNCTUATION, SPACES, splitSpaces, strip, trim, trimStart } from "../../src/text/Characters.ts"
import { sentences } from "../../src/text/Punkt.ts"

// ------------------------------------------------------------------------------------- the sentence splitter before Punkt

const PERIOD = "\ufdd0"
const STOP = "\ufdd1"
const starters = `(Mr|Mrs|Ms|Dr|Prof|Capt|Cpt|Lt|(?:He|She|It|They|Their|Our|We|But|However|That|This)[${SPACES}]|Wherever)`

const substitutions: ReadonlyArray<readonly [pattern: RegExp, replacement: string | ((found: string) => string)]> = [
  [/<prd>/g, PERIOD],
  [/<stop>/g, STOP],
  [/\n/g, " "],
  [/(Mr|St|Mrs|Ms|Dr)\./g, `$1${PERIOD}`],
  [/\.(com|net|org|io|gov|edu|me)/g, `${PERIOD}$1`],
  [/([0-9])\.([0-9])/g, `$1${PERIOD}$2`],
  [/\.{2,}/g, (dots: string) => PERIOD.repeat(dots.length) + STOP],
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

/** A chain of substitutions, as in the reference. */
export const regexSentences = (text: string): Array<string> => {
  let marked = ` ${text}  `
  for (const [pattern, replacement] of substitutions) {
    marked = typeof replacement === "string" ? marked.replace(pattern, replacement) : marked.replace(pattern, replacement)
  }
  const found = marked.replace(/[.?!]/g, `$&${STOP}`).split(STOP).map((sentence) => strip(sentence).replaceAll(PERIOD, "."))
  return found.at(-1) === "" ? found.slice(0, -1) : found
}

// ------------------------------------------------------------------------------------------------------ Treebank's chunks

const clitics = /^(.*[^'])('s|'S|'m|'M|'d|'D|')$/su
const longClitics = /^(.*[^'])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T)$/su
const contractions =
  /(?<![\p{L}\p{N}_])(?:(can)(not)|(d)('ye)|(g[i\u0130\u0131]m)(me)|(gon)(na)|(got)(ta)|(lem)(me)|(more)('n)|(wan)(na)(?=$))(?![\p{L}\p{N}_])/giu
const openings = [/^('t)([i\u0130\u0131][s\u017f])(?![\p{L}\p{N}_])/iu, /^('t)(wa[s\u017f])(?![\p{L}\p{N}_])/iu]

const cut = (text: string, pattern: RegExp): ReadonlyArray<string> => pattern.exec(text)?.slice(1) ?? [text]

const opened = (piece: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let rest = piece
  for (const pattern of openings) {
    const match = pattern.exec(rest)
    if (match === null) continue
    found.push(...match.slice(1))
    rest = rest.slice(match[0].length)
  }
  return [...found, rest].filter((part) => part !== "")
}

/** The words of a text that is a single chunk: no whitespace, and no marks but apostrophes. */
export const chunkTokens = (chunk: string): Array<string> => {
  const [stem, ...short] = cut(chunk, clitics)
  return [...cut(stem!, longClitics), ...short].flatMap((piece) => {
    const pieces: Array<string> = []
    let done = 0
    for (const match of piece.matchAll(contractions)) {
      pieces.push(piece.slice(done, match.index), ...match.slice(1).filter((part) => part !== undefined))
      done = match.index + match[0].length
    }
    return [...pieces, piece.slice(done)].filter((part) => part !== "").flatMap(opened)
  })
}

// -------------------------------------------------------------------------------------------------------------- syllables

const dictionary = lazy(() =>
  new Map(syllableCounts.split("\n").flatMap((line) => {
    const [count, ...packed] = line.split(" ")
    return unpackWords(packed.join(" ")).map((word) => [word, Number(count)] as const)
  }))
)

const bare = (text: string): string => {
  const escaped = PUNCTUATION.replace(/[\\\]^-]/g, "\\$&")
  return strip(text).replace(new RegExp(`^[${escaped}]+|[${escaped}]+$`, "g"), "")
}

const vowelGroups = (word: string): number => {
  const groups = word.match(/[aeiouy]+/g)?.length ?? 0
  return groups - Number(word.endsWith("e")) + Number(/[^aeiouy]le$/.test(word)) || 1
}

/** Of a word in lower case. */
export const countSyllables = (word: string): number => {
  const whole = bare(word)
  if (whole === "" || /\p{Nd}/u.test(whole)) return 0
  const known = dictionary().get(whole)
  if (known !== undefined) return known
  const hyphen = whole.indexOf("-")
  if (hyphen < 0) return vowelGroups(whole)
  const head = bare(whole.slice(0, hyphen))
  const tail = countSyllables(whole.slice(hyphen + 1))
  return head === "" || tail === 0 ? 0 : (dictionary().get(head) ?? vowelGroups(head)) + tail
}

// -------------------------------------------------------------------------------------------------------- IFBench's checks

const withoutPunctuation = (text: string): string => text.replace(/[!-/:-@[-`{-~]/g, "")
const bareWords = (text: string): Array<string> => splitSpaces(withoutPunctuation(text))
const isJapanese = (word: string): boolean => word === "" || isDigits(word) || /[\u3040-\u30ff\u4e00-\u9fff]/.test(word)
const conjunctions = ["and", "but", "for", "nor", "or", "so", "yet"]
const isPalindrome = (word: string): boolean => {
  const points = Array.from(word.toLowerCase())
  return points.length >= 5 && points.join("") === points.toReversed().join("")
}

/** A list without blank lines, removed while it is walked, as Python does it. */
const withoutBlankLines = (text: string): Array<string> => {
  const lines = text.split("\n")
  for (let i = 0; i < lines.length; i++) if (strip(lines[i]!) === "") lines.splice(lines.indexOf(lines[i]!), 1)
  return lines
}

type Kwargs = { readonly N: number; readonly small_n: number }

/** The checks whose scanners have the least to do with what they say. */
export const checks: { readonly [id: string]: (text: string, kwargs: Kwargs) => boolean } = {
  "count:unique_word_count": (text, { N }) => new Set(splitSpaces(text.toLowerCase()).map(trim)).size >= N,
  "count:conjunctions": (text, { small_n }) =>
    new Set(splitSpaces(text).filter((word) => conjunctions.includes(trim(word).toLowerCase()))).size >= small_n,
  "count:words_japanese": (text, { N }) => splitSpaces(text).every((word, i) => (i + 1) % N !== 0 || isJapanese(trim(word))),
  "count:numbers": (text, { N }) => (withoutPunctuation(text).match(/\p{Nd}+/gu)?.length ?? 0) === N,
  "custom:word_reverse": (text) => {
    const reversed = splitSpaces(withoutPunctuation(text.toLowerCase())).toReversed().join(" ")
    return reversed.includes("bald eagle") && sentences(reversed).includes(reversed)
  },
  "format:line_indent": (text) => {
    const depths = withoutBlankLines(text).map((line) => line.length - line.replace(/^ +/, "").length)
    return depths.every((depth, i) => i === 0 || depth > depths[i - 1]!)
  },
  "format:newline": (text) => {
    const body = strip(withoutPunctuation(text))
    return body.split("\n").filter((line) => line !== "").length === splitSpaces(body).length
  },
  "format:quote_unquote": (text) => {
    const body = splitSpaces(text.replaceAll("'\"'", "")).join("")
    return !body.includes("\"\"") && !body.replace(/[0-9!#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]+$/, "").endsWith("\"")
  },
  "sentence:alliteration_increment": (text) => {
    const counts = sentences(text).map((sentence) => {
      const initials = splitSpaces(sentence.toLowerCase()).map((word) => Array.from(trimStart(word))[0]).filter((first) => first !== undefined)
      return initials.filter((first, i) => first === initials[i - 1] || first === initials[i + 1]).length
    })
    return counts.every((count, i) => i === 0 || count > counts[i - 1]!)
  },
  "words:alphabet": (text) => {
    const found = bareWords(text)
    const start = (found[0] === undefined ? "" : Array.from(found[0])[0]!).toLowerCase()
    return /^[a-z]$/.test(start) &&
      found.every((word, i) => word.slice(0, 2).toLowerCase().charCodeAt(0) === 0x61 + (start.charCodeAt(0) - 0x61 + i) % 26)
  },
  "words:consonants": (text) => splitSpaces(text.toLowerCase()).every((word) => /[bcdfghjklmnpqrstvwxyz]{2}/.test(word)),
  "words:no_consecutive": (text) => {
    const initials = bareWords(text.toLowerCase()).map((word) => Array.from(word)[0]!)
    return initials.every((initial, i) => initial !== initials[i - 1])
  },
  "words:palindrome": (text) => bareWords(text).filter(isPalindrome).length >= 10,
  "words:paragraph_last_first": (text) =>
    text.split("\n").every((line) => {
      const found = splitSpaces(trim(strip(line).toLowerCase()))
      return found[0] === found.at(-1)
    }),
  "words:prime_lengths": (text) =>
    bareWords(text).every((word) => {
      const size = Array.from(word).length
      return size > 1 && size < 100 && Array.from({ length: size }, (_, i) => i).slice(2).every((i) => size % i !== 0)
    }),
  "words:repeats": (text, { small_n }) => {
    const found = bareWords(text.toLowerCase())
    return found.every((word) => found.filter((other) => other === word).length <= small_n)
  }
}
