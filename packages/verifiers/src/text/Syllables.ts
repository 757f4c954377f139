// Syllables of an English word as syllapy 0.8.0 counts them: its dictionary, else groups of vowels.
import { lazy, unpackWords } from "../data/Packing.ts"
import { syllableCounts } from "../data/syllables.ts"
import { asciiSet, isDecimal, isIn, PUNCTUATION } from "./Characters.ts"
import { strippedEnd, strippedStart, withoutEnd, withoutStart } from "./Ranges.ts"
import { pointAt, type Units } from "./Units.ts"
import { WordTable } from "./WordTable.ts"

const dictionary = lazy(() => {
  const counts = new Map<string, number>()
  for (const line of syllableCounts.split("\n")) {
    const at = line.indexOf(" ")
    for (const word of unpackWords(line.slice(at + 1))) counts.set(word, Number(line.slice(0, at)))
  }
  return new WordTable(counts)
})

const marks = asciiSet(PUNCTUATION)
const vowels = asciiSet("aeiouy")
const E = 0x65
const L = 0x6c
const HYPHEN = 0x2d

/** Groups of vowels; a final e is silent unless it follows a consonant and l. At least one. */
const vowelGroups = (units: Units, start: number, end: number): number => {
  let total = 0
  let inside = false
  for (let i = start; i < end; i++) {
    const vowel = isIn(vowels, units[i]!)
    if (vowel && !inside) total++
    inside = vowel
  }
  if (units[end - 1] === E) total--
  if (end - start > 2 && units[end - 1] === E && units[end - 2] === L && !isIn(vowels, units[end - 3]!)) total++
  return total === 0 ? 1 : total
}

const hasDecimal = (units: Units, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) {
    const point = pointAt(units, i)
    if (isDecimal(point)) return true
    if (point > 0xffff) i++
  }
  return false
}

/** Where a range starts and ends without whitespace, and then marks, around it. */
const bareStart = (units: Units, start: number, end: number): number => withoutStart(units, strippedStart(units, start, end), end, marks)
const bareEnd = (units: Units, start: number, end: number): number => withoutEnd(units, start, strippedEnd(units, start, end), marks)

/**
 * The syllables of a word in lower case: 0 for what is no word, nothing or something with a digit. Parts joined by hyphens are
 * counted one by one.
 */
export const countSyllables = (units: Units, start: number, end: number): number => {
  if (hasDecimal(units, start, end)) return 0
  let total = 0
  let [at, limit] = [start, end]
  while (true) {
    const first = bareStart(units, at, limit)
    const last = bareEnd(units, first, limit)
    if (first === last) return 0
    const whole = dictionary().get(units, first, last)
    if (whole > 0) return total + whole
    let hyphen = first
    while (hyphen < last && units[hyphen] !== HYPHEN) hyphen++
    const partStart = hyphen === last ? first : bareStart(units, first, hyphen)
    const partEnd = hyphen === last ? last : bareEnd(units, partStart, hyphen)
    const part = partStart === partEnd ? 0 : dictionary().get(units, partStart, partEnd) || vowelGroups(units, partStart, partEnd)
    if (part === 0) return 0
    total += part
    if (hyphen === last) return total
    at = hyphen + 1
    limit = last
  }
}
