// The sentence splitter that IFEval used before Punkt, and still uses for key sentences: periods that end no sentence are
// set aside by a fixed list of rules, the others end one. Rewritten from its description; kept for parity only.
//
// The reference substitutes over and over; here each rule is a pass over the code units, in which a period that is set aside
// becomes a noncharacter. As substitutions do not overlap, what one has matched is out of reach of the next.
import { isSpace } from "./Characters.ts"
import { isAt, strippedEnd, strippedStart } from "./Ranges.ts"
import { longTextOf, type Units, unitsOf } from "./Units.ts"

// Noncharacters: a period set aside, and the end of a sentence.
const PERIOD = 0xfdd0
const STOP = 0xfdd1

const SPACE = 0x20
const DOT = 0x2e
const QUESTION = 0x3f
const EXCLAMATION = 0x21
const QUOTE = 0x22
const CURLY_QUOTE = 0x201d

const codes = (text: string): ReadonlyArray<number> => Array.from(text, (character) => character.charCodeAt(0))
const all = (...texts: ReadonlyArray<string>) => texts.map(codes)

const titles = all("Mr", "St", "Mrs", "Ms", "Dr")
const sites = all("com", "net", "org", "io", "gov", "edu", "me")
const companies = all(" Inc", " Ltd", " Jr", " Sr", " Co")
const doctor = codes("Ph.D.")
// What begins a sentence behind an abbreviation; the second kind with whitespace behind it.
const starters = all("Mr", "Ms", "Dr", "Prof", "Capt", "Cpt", "Lt", "Wherever")
const spacedStarters = all("He", "She", "It", "They", "Their", "Our", "We", "But", "However", "That", "This")

const isUpper = (unit: number | undefined): boolean => unit !== undefined && unit >= 0x41 && unit <= 0x5a
const isLetter = (unit: number | undefined): boolean => unit !== undefined && isUpper(unit & ~0x20) && unit < 0x80
const isNumber = (unit: number | undefined): boolean => unit !== undefined && unit >= 0x30 && unit <= 0x39

/** The one of `list` that starts at `at`, or that ends before it. */
const oneAt = (units: Units, at: number, list: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<number> | undefined => {
  for (const one of list) if (isAt(units, at, one)) return one
  return undefined
}

const oneBefore = (units: Units, at: number, list: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<number> | undefined => {
  for (const one of list) if (units[at - 1] === one.at(-1) && isAt(units, at - one.length, one)) return one
  return undefined
}

/** The end of the starter at `at`, with the whitespace that belongs to it, or -1. */
const starterEnd = (units: Units, at: number): number => {
  if (!isUpper(units[at])) return -1
  for (const one of starters) if (isAt(units, at, one)) return at + one.length
  for (const one of spacedStarters) {
    const end = at + one.length
    if (isAt(units, at, one) && end < units.length && isSpace(units[end]!)) return end + 1
  }
  return -1
}

/** A text in the making. `stops` has a 1 where the end of a sentence was put behind a character. */
interface Marked {
  readonly units: Units
  readonly stops: Uint8Array
}

/** Calls `rule` with every period, which returns where the search goes on. */
const eachDot = (units: Units, rule: (at: number) => number): void => {
  for (let i = 0; i < units.length;) i = units[i] === DOT ? rule(i) : i + 1
}

/** Titles, web sites and numbers: "Mr.", ".com", "1.5". */
const setAsideWithin = (units: Units): void => {
  let reach = 0
  eachDot(units, (i) => {
    if (isLetter(units[i - 1]) && oneBefore(units, i, titles) !== undefined) {
      units[i] = PERIOD
    } else if (isLetter(units[i + 1]) && oneAt(units, i + 1, sites) !== undefined) {
      units[i] = PERIOD
    } else if (isNumber(units[i - 1]) && isNumber(units[i + 1]) && i > reach) {
      units[i] = PERIOD
      reach = i + 2
    }
    return i + 1
  })
}

/** Two periods or more end a sentence. */
const endAtRuns = ({ stops, units }: Marked): void =>
  eachDot(units, (i) => {
    let end = i
    while (units[end] === DOT) end++
    if (end - i < 2) return end
    units.fill(PERIOD, i, end)
    stops[end - 1] = 1
    return end
  })

/** "Ph.D." */
const setAsideDoctor = (units: Units): void =>
  eachDot(units, (i) => {
    if (i < 2 || !isAt(units, i - 2, doctor)) return i + 1
    units[i] = PERIOD
    units[i + 2] = PERIOD
    return i + 3
  })

/** A single letter between spaces: " a. ". */
const setAsideLetters = (units: Units): void => {
  let reach = 0
  eachDot(units, (i) => {
    if (units[i + 1] !== SPACE || !isLetter(units[i - 1]) || i - 2 < reach || !isSpace(units[i - 2]!)) return i + 1
    units[i - 2] = SPACE
    units[i] = PERIOD
    return reach = i + 2
  })
}

/** An acronym before a starter ends a sentence: "U.S. He". */
const endAtAcronyms = ({ stops, units }: Marked): void =>
  eachDot(units, (i) => {
    const acronym = isUpper(units[i - 1]) && units[i - 2] === DOT && isUpper(units[i - 3])
    if (acronym && units[i + 1] === SPACE && starterEnd(units, i + 2) > 0) stops[i] = 1
    return i + 1
  })

/** `count` letters with a period behind each. */
const setAsideAcronyms = (units: Units, count: number): void => {
  let reach = 0
  eachDot(units, (first) => {
    if (first - 1 < reach) return first + 1
    for (let k = 0; k < count; k++) if (units[first + 2 * k] !== DOT || !isLetter(units[first + 2 * k - 1])) return first + 1
    for (let k = 0; k < count; k++) units[first + 2 * k] = PERIOD
    return reach = first + 2 * count - 1
  })
}

/** Companies and the like before a starter end a sentence, in place of their period; else it is set aside, as behind " a". */
const setAsideCompanies = (units: Units): void => {
  let reach = 0
  eachDot(units, (i) => {
    if (!isLetter(units[i - 1])) return i + 1
    const company = oneBefore(units, i, companies)
    const starter = company !== undefined && i - company.length >= reach && units[i + 1] === SPACE ? starterEnd(units, i + 2) : -1
    if (starter > 0) {
      units[i] = STOP
      reach = starter
    } else if (company !== undefined || units[i - 2] === SPACE) {
      units[i] = PERIOD
    }
    return i + 1
  })
}

/** Moves a mark behind the quote that follows it. */
const swap = (units: Units, mark: number, quote: number): void => {
  for (let i = 0; i + 1 < units.length; i++) {
    if (units[i] !== mark || units[i + 1] !== quote) continue
    units[i] = quote
    units[++i] = mark
  }
}

const mark = (text: string): Marked => {
  const plain = text.includes("<prd>") || text.includes("<stop>")
    ? text.replaceAll("<prd>", String.fromCharCode(PERIOD)).replaceAll("<stop>", String.fromCharCode(STOP))
    : text
  const units = new Uint16Array(plain.length + 3).fill(SPACE)
  units.set(unitsOf(plain), 1)
  for (let i = 0; i < units.length; i++) if (units[i] === 0x0a) units[i] = SPACE
  const marked = { units, stops: new Uint8Array(units.length) }
  setAsideWithin(units)
  endAtRuns(marked)
  setAsideDoctor(units)
  setAsideLetters(units)
  endAtAcronyms(marked)
  setAsideAcronyms(units, 3)
  setAsideAcronyms(units, 2)
  setAsideCompanies(units)
  swap(units, DOT, CURLY_QUOTE)
  swap(units, DOT, QUOTE)
  swap(units, EXCLAMATION, QUOTE)
  swap(units, QUESTION, QUOTE)
  return marked
}

/** Visits every sentence, stripped, in units of its own making; a blank one at the end is left out. */
export const eachRegexSentence = (text: string, visit: (units: Units, start: number, end: number) => void): void => {
  const { stops, units } = mark(text)
  const give = (from: number, to: number, final: boolean): void => {
    const start = strippedStart(units, from, to)
    const end = strippedEnd(units, start, to)
    if (final && start === end) return
    for (let i = start; i < end; i++) if (units[i] === PERIOD) units[i] = DOT
    visit(units, start, end)
  }
  let start = 0
  for (let i = 0; i < units.length; i++) {
    const unit = units[i]!
    const ends = unit === DOT || unit === QUESTION || unit === EXCLAMATION
    if (ends || unit === STOP) {
      give(start, ends ? i + 1 : i, false)
      start = i + 1
    }
    if (stops[i] === 1) {
      give(start, i + 1, false)
      start = i + 1
    }
  }
  give(start, units.length, true)
}

/** The sentences as a list. */
export const regexSentences = (text: string): Array<string> => {
  const found: Array<string> = []
  eachRegexSentence(text, (units, start, end) => found.push(longTextOf(units.subarray(start, end))))
  return found
}
