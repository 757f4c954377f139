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

interface Profiles {
  readonly codes: ReadonlyArray<string>
  /** For each n-gram, the languages that know it and `ln(1 + p * BASE / ALPHA)` in each. */
  readonly grams: ReadonlyMap<string, { readonly languages: Uint8Array; readonly scores: Float64Array }>
}

const profiles = lazy((): Profiles => {
  const codes: Array<string> = []
  const totals: Array<ReadonlyArray<number>> = []
  for (const line of data.languageTotals.split("\n")) {
    const [code, ...counts] = line.split(" ")
    codes.push(code!)
    totals.push(counts.map(unpackNumber))
  }
  const index = new Map([...data.languageKeys].map((key, i) => [key, i]))
  const grams = new Map<string, { readonly languages: Uint8Array; readonly scores: Float64Array }>()
  const tables = [[data.grams1, data.counts1], [data.grams2, data.counts2], [data.grams3, data.counts3]] as const
  for (const [n, [runs, counts]] of tables.entries()) {
    let start = 0
    for (const run of runs.split("|")) {
      for (let i = n; i < run.length; i++) {
        const space = counts.indexOf(" ", start)
        const end = space < 0 ? counts.length : space
        const languages: Array<number> = []
        const scores: Array<number> = []
        eachNumber(counts, start, end, (key, count) => {
          const language = index.get(key)!
          languages.push(language)
          scores.push(Math.log1p(count / totals[language]![n]! * BASE / ALPHA))
        })
        grams.set(run.slice(0, n) + run[i]!, { languages: Uint8Array.from(languages), scores: Float64Array.from(scores) })
        start = end + 1
      }
    }
  }
  return { codes, grams }
})

/** The codes of the languages that can be detected, such as "en" or "zh-cn". */
export const languageCodes: ReadonlyArray<string> = data.languageTotals.split("\n").map((line) =>
  line.slice(0, line.indexOf(" "))
)

// -------------------------------------------------------------------------------------------------------- the alphabet

const kanji = lazy(() => {
  const representative = new Map<string, string>()
  for (const group of data.kanji.split("|")) for (const character of group) representative.set(character, group[0]!)
  return representative
})

/** Folds characters that the profiles do not tell apart. */
const normalize = (character: string): string => {
  const point = character.codePointAt(0)!
  if (point < 0x80) return point < 0x41 || (point > 0x5a && point < 0x61) || point > 0x7a ? " " : character
  if (point < 0x100) return data.excludedLatin1.includes(character) ? " " : character
  if (point === 0x219) return "\u015f"
  if (point === 0x21b) return "\u0163"
  if (point === 0x6cc) return "\u064a"
  if (point >= 0x1ea0 && point <= 0x1eff) return "\u1ec3"
  if (point >= 0x2000 && point <= 0x206f) return " "
  if (point >= 0x3040 && point <= 0x309f) return "\u3042"
  if (point >= 0x30a0 && point <= 0x30ff) return "\u30a2"
  if ((point >= 0x3100 && point <= 0x312f) || (point >= 0x31a0 && point <= 0x31bf)) return "\u3105"
  if (point >= 0x4e00 && point <= 0x9fff) return kanji().get(character) ?? character
  if (point >= 0xac00 && point <= 0xd7af) return "\uac00"
  return character
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

const vietnamese = lazy(() => {
  const rows = data.vietnameseComposed.split("|")
  const composed = new Map<string, string>()
  for (const [i, mark] of [...data.vietnameseMarks].entries()) {
    for (const [j, letter] of [...data.vietnameseLetters].entries()) composed.set(letter + mark, rows[i]![j]!)
  }
  return composed
})

/** The first 10,000 characters, Vietnamese letters composed, runs of spaces collapsed. */
const prepare = (text: string): Array<string> => {
  const composed = vietnamese()
  const source = withoutAddresses(text.replace(/https?:\/\/[-_.?&~;+=/#0-9A-Za-z]{1,2076}/g, " "))
  const characters: Array<string> = []
  let previous = ""
  let pending = ""
  let taken = 0
  const take = (character: string): boolean => {
    if (character !== " " || previous !== " ") characters.push(character)
    previous = character
    return ++taken < MAX_LENGTH
  }
  for (const character of source) {
    const merged = pending === "" ? undefined : composed.get(pending + character)
    if (merged !== undefined) {
      pending = ""
      if (!take(merged)) return characters
      continue
    }
    if (pending !== "" && !take(pending)) return characters
    pending = character
  }
  if (pending !== "") take(pending)
  return characters
}

/** Drops Latin letters (and the six marks between Z and a) from a text that is mostly written in another script. */
const withoutStrayLatin = (characters: ReadonlyArray<string>): ReadonlyArray<string> => {
  let latin = 0
  let other = 0
  for (const character of characters) {
    if (character >= "A" && character <= "z") latin++
    else if (character >= "\u0300") other++
  }
  return latin * 2 < other ? characters.filter((character) => character < "A" || character > "z") : characters
}

/** Calls `visit` with every n-gram (n = 1, 2, 3) of the text. */
const eachGram = (characters: ReadonlyArray<string>, visit: (gram: string) => void): void => {
  // The two characters before, "" where the window does not reach: it starts anew at every space.
  let second = ""
  let last = " "
  let capitals = false
  for (const original of characters) {
    const character = normalize(original)
    if (last === " ") {
      second = ""
      capitals = false
      if (character === " ") continue
    }
    // Two upper-case letters in a row: the word is an acronym, nothing more is taken from it.
    capitals = isUpper(character.codePointAt(0)!) && (capitals || isUpper(last.codePointAt(0)!))
    if (!capitals) {
      if (character !== " ") visit(character)
      visit(last + character)
      if (second !== "") visit(second + last + character)
    }
    second = last
    last = character
  }
}

/** The code of the most probable language, or undefined when the text holds nothing to tell it by. */
export const detectLanguage = (text: string): string | undefined => {
  const { codes, grams } = profiles()
  const totals = new Float64Array(codes.length)
  let found = false
  eachGram(withoutStrayLatin(prepare(text)), (gram) => {
    const entry = grams.get(gram)
    if (entry === undefined) return
    found = true
    for (let i = 0; i < entry.languages.length; i++) totals[entry.languages[i]!]! += entry.scores[i]!
  })
  return found ? codes[totals.indexOf(Math.max(...totals))] : undefined
}
