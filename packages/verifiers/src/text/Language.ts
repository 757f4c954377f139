// Language identification with langdetect 1.0.9's profiles (Nakatani Shuyo, Cybozu Labs). The reference draws n-grams at
// random, unseeded; here every n-gram counts once per occurrence:
//   argmax over languages of  sum over grams of  ln(0.5 / 10000 + p(gram | language))
// which gives the reference's answer wherever that answer does not depend on its seed.
import * as data from "../data/languages.ts"
import { eachNumber, lazy, unpackNumber } from "../data/Packing.ts"
import { isUpper } from "./Characters.ts"

const ALPHA = 0.5
const BASE = 10_000
const MAX_LENGTH = 10_000
const SPACE = 0x20

/** The codes of the languages that can be detected, such as "en" or "zh-cn". */
export const languageCodes: ReadonlyArray<string> = data.languageTotals.split("\n").map((line) =>
  line.slice(0, line.indexOf(" "))
)

// -------------------------------------------------------------------------------------------------------- the profiles
// All n-grams in one open-addressing table of code units; shorter ones are filled up with zeros in front.

class Profiles {
  readonly #slots: Int32Array
  readonly #first: Uint16Array
  readonly #rest: Int32Array
  /** The languages that know gram i, and `ln(1 + p * BASE / ALPHA)` in each, lie in [starts[i], starts[i + 1]). */
  readonly starts: Int32Array
  readonly languages: Uint8Array
  readonly scores: Float64Array

  constructor() {
    const totals = data.languageTotals.split("\n").map((line) => line.split(" ").slice(1).map(unpackNumber))
    const tables = [[data.grams1, data.counts1], [data.grams2, data.counts2], [data.grams3, data.counts3]] as const
    const capacity = tables.reduce((sum, [grams]) => sum + grams.length, 1)
    const pairs = tables.reduce((sum, [, counts]) => sum + counts.length, 0)
    let slots = 1024
    while (slots < capacity) slots *= 2
    this.#slots = new Int32Array(slots)
    this.#first = new Uint16Array(capacity)
    this.#rest = new Int32Array(capacity)
    this.starts = new Int32Array(capacity + 1)
    const languages = new Uint8Array(pairs)
    const scores = new Float64Array(pairs)
    const keys = new Uint8Array(128)
    for (let i = 0; i < data.languageKeys.length; i++) keys[data.languageKeys.charCodeAt(i)] = i
    let gram = 1
    let pair = 0
    for (const [n, [runs, counts]] of tables.entries()) {
      const perCount = totals.map((total) => BASE / ALPHA / total[n]!)
      const add = (key: number, count: number): void => {
        languages[pair] = keys[key]!
        scores[pair++] = Math.log1p(count * perCount[keys[key]!]!)
      }
      let at = 0
      for (const run of runs.split("|")) {
        for (let i = n; i < run.length; i++) {
          this.#insert(gram, n > 1 ? run.charCodeAt(0) : 0, n > 0 ? run.charCodeAt(n - 1) : 0, run.charCodeAt(i))
          this.starts[gram++] = pair
          at = eachNumber(counts, at, add)
        }
      }
    }
    this.starts[gram] = pair
    this.languages = languages.slice(0, pair)
    this.scores = scores.slice(0, pair)
  }

  #slot(first: number, rest: number): number {
    const hash = Math.imul(Math.imul(first + 1, 0x9e3779b1) ^ rest, 0x85ebca6b)
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1)
  }

  #insert(gram: number, first: number, second: number, third: number): void {
    this.#first[gram] = first
    this.#rest[gram] = (second << 16) | third
    let slot = this.#slot(first, this.#rest[gram]!)
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1)
    this.#slots[slot] = gram
  }

  /** The number of the gram of these characters (0 where it is shorter), or 0. */
  find(first: number, second: number, third: number): number {
    if ((first | second | third) > 0xffff) return 0
    const rest = (second << 16) | third
    let slot = this.#slot(first, rest)
    for (let gram; (gram = this.#slots[slot]!) !== 0; slot = (slot + 1) & (this.#slots.length - 1)) {
      if (this.#rest[gram] === rest && this.#first[gram] === first) return gram
    }
    return 0
  }
}

const profiles = lazy(() => new Profiles())

// -------------------------------------------------------------------------------------------------------- the alphabet

const kanji = lazy(() => {
  const representative = new Map<number, number>()
  for (const group of data.kanji.split("|")) {
    for (let i = 0; i < group.length; i++) representative.set(group.charCodeAt(i), group.charCodeAt(0))
  }
  return representative
})

const excluded = new Set(Array.from(data.excludedLatin1, (character) => character.charCodeAt(0)))

/** Folds characters that the profiles do not tell apart. */
const normalize = (point: number): number => {
  if (point < 0x80) return point < 0x41 || (point > 0x5a && point < 0x61) || point > 0x7a ? SPACE : point
  if (point < 0x100) return excluded.has(point) ? SPACE : point
  if (point < 0x219) return point
  if (point === 0x219) return 0x15f
  if (point === 0x21b) return 0x163
  if (point === 0x6cc) return 0x64a
  if (point >= 0x1ea0 && point <= 0x1eff) return 0x1ec3
  if (point >= 0x2000 && point <= 0x206f) return SPACE
  if (point >= 0x3040 && point <= 0x309f) return 0x3042
  if (point >= 0x30a0 && point <= 0x30ff) return 0x30a2
  if ((point >= 0x3100 && point <= 0x312f) || (point >= 0x31a0 && point <= 0x31bf)) return 0x3105
  if (point >= 0x4e00 && point <= 0x9fff) return kanji().get(point) ?? point
  if (point >= 0xac00 && point <= 0xd7af) return 0xac00
  return point
}

// ----------------------------------------------------------------------------------------------------------- the text

const mailLocal = (unit: number): boolean => mailDomain(unit) || unit === 0x2e
const mailDomain = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a) ||
  unit === 0x2d || unit === 0x5f

const runLength = (text: string, start: number, limit: number, accepts: (unit: number) => boolean): number => {
  let n = 0
  while (n < limit && start + n < text.length && accepts(text.charCodeAt(start + n))) n++
  return n
}

/** `[-_.0-9A-Za-z]{1,64}@[-_0-9A-Za-z]{1,255}[-_.0-9A-Za-z]{1,255}`, each replaced by a space, in as much as is used. */
const withoutAddresses = (text: string): string => {
  const enough = 2 * MAX_LENGTH
  let result = ""
  let done = 0
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    if (result.length + at - done > enough) break
    let start = at
    while (start > done && at - start < 64 && mailLocal(text.charCodeAt(start - 1))) start--
    if (start === at) continue
    const domain = runLength(text, at + 1, 255, mailDomain)
    const rest = runLength(text, at + 1 + domain, 255, mailLocal)
    if (domain === 0 || domain + rest < 2) continue
    result += `${text.slice(done, start)} `
    done = at + 1 + domain + rest
    at = done - 1
  }
  return result + text.slice(done, done + enough)
}

/** Letter and mark to composed letter; both are in the basic plane. */
const vietnamese = lazy(() => {
  const rows = data.vietnameseComposed.split("|")
  const composed = new Map<number, number>()
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < data.vietnameseLetters.length; j++) {
      composed.set((data.vietnameseLetters.charCodeAt(j) << 16) | data.vietnameseMarks.charCodeAt(i), rows[i]!.charCodeAt(j))
    }
  }
  return composed
})

/** The first 10,000 characters, Vietnamese letters composed, runs of spaces collapsed. */
const prepare = (text: string): ReadonlyArray<number> => {
  const composed = vietnamese()
  const source = withoutAddresses(text.replace(/https?:\/\/[-_.?&~;+=/#0-9A-Za-z]{1,2076}/g, " "))
  const points: Array<number> = []
  let previous = 0
  for (let i = 0, taken = 0; i < source.length && taken < MAX_LENGTH; i++, taken++) {
    let point = source.codePointAt(i)!
    if (point > 0xffff) {
      i++
    } else if (i + 1 < source.length && source.charCodeAt(i + 1) >= 0x300) {
      const whole = composed.get((point << 16) | source.charCodeAt(i + 1))
      if (whole !== undefined) {
        point = whole
        i++
      }
    }
    if (point !== SPACE || previous !== SPACE) points.push(point)
    previous = point
  }
  return points
}

const isLatin = (point: number): boolean => point >= 0x41 && point <= 0x7a

/** Drops Latin letters (and the six marks between Z and a) from a text that is mostly written in another script. */
const withoutStrayLatin = (points: ReadonlyArray<number>): ReadonlyArray<number> => {
  let latin = 0
  let other = 0
  for (const point of points) {
    if (isLatin(point)) latin++
    else if (point >= 0x300) other++
  }
  return latin * 2 < other ? points.filter((point) => !isLatin(point)) : points
}

/** Calls `visit` with every n-gram (n = 1, 2, 3) of the text, 0 for the characters that shorter ones lack. */
const eachGram = (
  points: ReadonlyArray<number>,
  visit: (first: number, second: number, third: number) => void
): void => {
  // The window starts anew at every space.
  let second = 0
  let last = SPACE
  let capitals = false
  for (const original of points) {
    const point = normalize(original)
    if (last === SPACE) {
      second = 0
      capitals = false
      if (point === SPACE) continue
    }
    // Two upper-case letters in a row: the word is an acronym, nothing more is taken from it.
    capitals = isUpper(point) && (capitals || isUpper(last))
    if (!capitals) {
      if (point !== SPACE) visit(0, 0, point)
      visit(0, last, point)
      if (second !== 0) visit(second, last, point)
    }
    second = last
    last = point
  }
}

/** How often each n-gram occurs in the text at hand, at most `MAX_LENGTH` times; all 0 between two texts. */
let occurrences: Uint16Array | undefined

/** The code of the most probable language, or undefined when the text holds nothing to tell it by. */
export const detectLanguage = (text: string): string | undefined => {
  const table = profiles()
  const { languages, scores, starts } = table
  // Most n-grams of a text come again and again, and each is in dozens of profiles: they are counted first.
  occurrences ??= new Uint16Array(starts.length)
  const counts = occurrences
  const seen: Array<number> = []
  eachGram(withoutStrayLatin(prepare(text)), (first, second, third) => {
    const gram = table.find(first, second, third)
    if (gram !== 0 && counts[gram]!++ === 0) seen.push(gram)
  })
  const totals = new Float64Array(languageCodes.length)
  for (const gram of seen) {
    const count = counts[gram]!
    counts[gram] = 0
    for (let i = starts[gram]!; i < starts[gram + 1]!; i++) totals[languages[i]!]! += count * scores[i]!
  }
  return seen.length > 0 ? languageCodes[totals.indexOf(Math.max(...totals))] : undefined
}
