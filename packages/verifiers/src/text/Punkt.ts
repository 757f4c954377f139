// Punkt sentence boundaries (Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary Detection", 2006) with NLTK's
// English model and NLTK 3.8-3.9's decisions. A boundary is decided from a small context around each candidate mark, so the
// time is linear in the text.
import { lazy, unpackWords } from "../data/Packing.ts"
import * as data from "../data/punkt.ts"
import { asciiSet, isDecimal, isIn, isLower, isSpace, isUpper, isWord } from "./Characters.ts"
import { pointAt, textOf, type Units, unitsOf } from "./Units.ts"
import { WordTable } from "./WordTable.ts"

// What the model knows of a word: the contexts it was seen in (where in a sentence, with which case of the first letter),
// and three roles.
const MIDDLE_UPPER = 4
const ANY_UPPER = 2 | 4 | 8
const BEGIN_LOWER = 16
const ANY_LOWER = 16 | 32 | 64
const ABBREVIATION = 128
const STARTER = 256
const AFTER_NUMBER = 512

const NUMBER = "##number##"

const model = lazy(() => {
  const words = new Map<string, number>()
  const add = (word: string, bits: number): void => void words.set(word, (words.get(word) ?? 0) | bits)
  for (const line of data.contexts.split("\n")) {
    const at = line.indexOf(" ")
    for (const word of unpackWords(line.slice(at + 1))) add(word, Number(line.slice(0, at)))
  }
  for (const word of data.abbreviations.split("\n")) add(word, ABBREVIATION)
  for (const word of data.sentenceStarters.split("\n")) add(word, STARTER)
  const collocations = data.collocations.split("\n").map((pair) => pair.split("\t") as [string, string])
  for (const [first, second] of collocations) if (first === NUMBER) add(second, AFTER_NUMBER)
  return {
    words: new WordTable(words),
    number: words.get(NUMBER) ?? 0,
    longest: Math.max(...data.abbreviations.split("\n").map((word) => word.length)),
    collocations: new Set(collocations.filter(([first]) => first !== NUMBER).map((pair) => pair.join("\t"))),
    longestCollocate: Math.max(...collocations.map(([, second]) => second.length)),
    // Those heads are single letters.
    collocationHeads: new Set(collocations.flatMap(([first]) => [first, first.toUpperCase()]).map((c) => c.charCodeAt(0)))
  }
})

// ------------------------------------------------------------------------------------------------------------- tokens

const DOT = 0x2e
const COMMA = 0x2c
const DASH = 0x2d
const NEWLINE = 0x0a

const marks = asciiSet(".?!")
const nonWord = asciiSet(")\";}]*:@'({[?!")
const neverFirst = asciiSet("(\"`{[:;&#*@)}]-,")
const closers = asciiSet("\"')]}")
const neverStarts = asciiSet(";:,.!?")
const asciiSpaces = [0x20, 0x09, 0x0a, 0x0d, 0x0b, 0x0c]
const asciiSpace = asciiSet(" \t\n\r\v\f")

/** The end of a run of two or more of `unit` at `i`, or `i`. */
const runOf = (units: Units, i: number, end: number, unit: number): number => {
  let j = i
  while (j < end && units[j] === unit) j++
  return j - i >= 2 ? j : i
}

/** The end of `--`, `..` or `. . .` (within a line) at `i`, or `i` when there is none. */
const multiple = (units: Units, i: number, end: number): number => {
  const unit = units[i]!
  if (unit === DASH) return runOf(units, i, end, DASH)
  if (unit !== DOT) return i
  const dots = runOf(units, i, end, DOT)
  if (dots > i) return dots
  let j = i
  let pairs = 0
  while (j + 1 < end && units[j] === DOT && units[j + 1] !== NEWLINE && isSpace(units[j + 1]!)) {
    j += 2
    pairs++
  }
  if (j < end && units[j] === DOT && pairs >= 2) return j + 1
  return pairs >= 3 ? j - 1 : i
}

// What a character means for the word that it would continue.
const ENDS = 1
const MAY_END = 2
const continuation = new Uint8Array(128)
for (const unit of [...asciiSpaces, 0x1c, 0x1d, 0x1e, 0x1f]) continuation[unit] = ENDS
for (let unit = 0; unit < 128; unit++) if (isIn(nonWord, unit)) continuation[unit] = ENDS
for (const unit of [DOT, DASH, COMMA]) continuation[unit] = MAY_END

/** Whether a word ends before `i`: at whitespace, at the end, at a character that is never inside a word, at `..` or `--`. */
const endsWord = (units: Units, i: number, end: number): boolean => {
  if (i >= end) return true
  const unit = units[i]!
  if (unit >= 128) return isSpace(unit)
  const kind = continuation[unit]!
  return kind === ENDS || (kind === MAY_END && unit !== COMMA && multiple(units, i, end) > i)
}

/** The end of the token at `i`, which is no whitespace. */
const tokenEnd = (units: Units, i: number, end: number): number => {
  const first = units[i]!
  if (first === DOT || first === DASH) {
    const run = multiple(units, i, end)
    if (run > i) return run
  }
  let j = i + 1
  if (isIn(neverFirst, first)) return j
  for (; j < end; j++) {
    const unit = units[j]!
    if (unit < 128 ? continuation[unit] === 0 : !isSpace(unit)) continue
    if (endsWord(units, j, end) || (unit === COMMA && endsWord(units, j + 1, end))) break
  }
  return j
}

/** `^-?[.,]?\d[\d,.-]*\.?$` */
const isNumber = (units: Units, start: number, end: number): boolean => {
  let i = start
  if (units[i] === DASH) i++
  if (i < end && (units[i] === DOT || units[i] === COMMA)) i++
  if (i >= end || !isDecimal(pointAt(units, i))) return false
  for (; i < end; i++) {
    const point = pointAt(units, i)
    if (point !== COMMA && point !== DOT && point !== DASH && !isDecimal(point)) return false
    if (point > 0xffff) i++
  }
  return true
}

const isEllipsis = (units: Units, start: number, end: number): boolean => {
  if (end - start < 2) return false
  for (let i = start; i < end; i++) if (units[i] !== DOT) return false
  return true
}

/** `^[^\W\d]\.$` */
const isInitial = (units: Units, start: number, end: number): boolean => {
  const point = pointAt(units, start)
  return end - start === (point > 0xffff ? 3 : 2) && isWord(point) && !isDecimal(point)
}

/** Whether a word, given what is known of it, or its last part behind a hyphen is an abbreviation. */
const isAbbreviation = (units: Units, start: number, end: number, known: number): boolean => {
  if ((known & ABBREVIATION) !== 0) return true
  const { longest, words } = model()
  for (let i = end - 1; i >= start && end - i <= longest + 1; i--) {
    if (units[i] === DASH) return (words.get(units, i + 1, end) & ABBREVIATION) !== 0
  }
  return false
}

const isMark = (units: Units, start: number, end: number): boolean => end - start === 1 && isIn(marks, units[start]!)

/** Whether a token is longer than its single final period. */
const endsInPeriod = (units: Units, start: number, end: number): boolean =>
  end - start > 1 && units[end - 1] === DOT && units[end - 2] !== DOT

// ---------------------------------------------------------------------------------------------------------- decisions

/** What the model knows of the type of a token: without its final period if that ends a sentence at first sight. */
const knownOf = (units: Units, start: number, end: number): number => {
  const { number, words } = model()
  if (isNumber(units, start, end)) return number
  if (!endsInPeriod(units, start, end)) return words.get(units, start, end)
  const bare = words.get(units, start, end - 1)
  return isAbbreviation(units, start, end - 1, bare) ? words.get(units, start, end) : bare
}

/** Whether the model takes the token for the first of a sentence; undefined when it cannot tell. */
const startsSentence = (units: Units, start: number, end: number, known: number): boolean | undefined => {
  if (end - start === 1 && isIn(neverStarts, units[start]!)) return false
  const first = pointAt(units, start)
  if (isUpper(first) && (known & ANY_LOWER) !== 0 && (known & MIDDLE_UPPER) === 0) return true
  if (isLower(first) && ((known & ANY_UPPER) !== 0 || (known & BEGIN_LOWER) === 0)) return false
  return undefined
}

/** Whether the letter before the period and the next word stand together without a sentence ending. */
const isCollocation = (units: Units, start: number, end: number, next: number, nextEnd: number): boolean => {
  const { collocationHeads, collocations, longestCollocate } = model()
  if (end - start !== 2 || !collocationHeads.has(units[start]!)) return false
  const head = textOf(units, start, start + 1).toLowerCase()
  const bare = endsInPeriod(units, next, nextEnd) &&
    !isAbbreviation(units, next, nextEnd - 1, model().words.get(units, next, nextEnd - 1))
  const typeEnd = bare ? nextEnd - 1 : nextEnd
  return typeEnd - next <= longestCollocate && collocations.has(`${head}\t${textOf(units, next, typeEnd).toLowerCase()}`)
}

/** Whether a sentence ends behind the token `[start, end)`, given the token `[next, nextEnd)` that follows. */
const breaksBetween = (units: Units, start: number, end: number, next: number, nextEnd: number): boolean => {
  if (units[end - 1] !== DOT) return isMark(units, start, end)
  const mark = end - start === 1
  const period = endsInPeriod(units, start, end)
  // No number is an abbreviation.
  const number = isNumber(units, start, end)
  const abbreviation = period && !number && isAbbreviation(units, start, end - 1, model().words.get(units, start, end - 1))
  const ends = mark || (period && !abbreviation)
  const initial = period && isInitial(units, start, end)
  const ellipsis = !mark && !period && !number && isEllipsis(units, start, end)
  // Most words end here: nothing that follows could change that they end a sentence.
  if (!initial && !number && !abbreviation && !ellipsis) return ends
  const known = knownOf(units, next, nextEnd)
  if (number ? (known & AFTER_NUMBER) !== 0 : isCollocation(units, start, end, next, nextEnd)) return false
  const starts = startsSentence(units, next, nextEnd, known)
  const nextUpper = isUpper(pointAt(units, next))
  if ((abbreviation || ellipsis) && !initial && (starts === true || (nextUpper && (known & STARTER) !== 0))) return true
  if (initial || number) {
    if (starts === false) return false
    if (starts === undefined && initial && nextUpper && (known & ANY_LOWER) === 0) return false
  }
  return ends
}

/** Whether some token of `[start, end)` other than the last ends a sentence. */
const containsBreak = (units: Units, start: number, end: number): boolean => {
  let token = -1
  let last = -1
  for (let i = start; i < end; i++) {
    if (isSpace(units[i]!)) continue
    const stop = tokenEnd(units, i, end)
    if (token >= 0 && breaksBetween(units, token, last, i, stop)) return true
    token = i
    last = stop
    i = stop - 1
  }
  return false
}

// Short contexts come again and again, and are all that a text crammed with marks has: their decisions are remembered.
const REMEMBERED = 16
const ENTRIES = 4096
const contexts = new Uint16Array(ENTRIES * REMEMBERED)
const lengths = new Uint8Array(ENTRIES)
const decisions = new Uint8Array(ENTRIES)

const endsIn = (units: Units, start: number, end: number): boolean => {
  const size = end - start
  if (size > REMEMBERED) return containsBreak(units, start, end)
  let hash = size
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ units[i]!, 0x9e3779b1)
  const entry = (hash ^ (hash >>> 15)) & (ENTRIES - 1)
  const at = entry * REMEMBERED
  let i = lengths[entry] === size ? 0 : size + 1
  while (i < size && contexts[at + i] === units[start + i]) i++
  if (i !== size) {
    lengths[entry] = size
    contexts.set(units.subarray(start, end), at)
    decisions[entry] = containsBreak(units, start, end) ? 1 : 0
  }
  return decisions[entry] === 1
}

// ---------------------------------------------------------------------------------------------------------- sentences

/**
 * Calls `visit` with every candidate that no later one overlaps: the index of its mark, its context (the word before, the
 * mark and what follows) and where the next sentence would start. Stops when `visit` returns false.
 */
const eachCandidate = (
  units: Units,
  from: number,
  to: number,
  visit: (mark: number, contextStart: number, contextEnd: number, nextStart: number) => boolean
): void => {
  let mark = -1
  let wordStart = from
  let contextEnd = 0
  let nextStart = 0
  for (let i = from; i + 1 < to; i++) {
    if (!isIn(marks, units[i]!)) continue
    let following = i + 1
    let end = i + 2
    if (!isIn(nonWord, units[i + 1]!)) {
      while (following < to && isSpace(units[following]!)) following++
      if (following === i + 1 || following === to) continue
      end = following
      while (end < to && !isSpace(units[end]!)) end++
    }
    // The word before the mark begins behind the last ASCII whitespace. One that stands first in the stretch since the
    // previous mark is overlooked, as in the reference.
    const stretch = Math.max(mark, from)
    let space = i - 1
    while (space > stretch && !isIn(asciiSpace, units[space]!)) space--
    const start = space > stretch ? space + 1 : wordStart
    if (mark >= 0 && mark <= start && !visit(mark, wordStart, contextEnd, nextStart)) return
    mark = i
    wordStart = start
    contextEnd = end
    nextStart = following
  }
  if (mark >= 0) visit(mark, wordStart, contextEnd, nextStart)
}

/** The end of the closing punctuation that opens `[start, end)` but belongs to the sentence before, or `start`. */
const closing = (units: Units, start: number, end: number): number => {
  for (let i = start; i < end && isIn(closers, units[i]!); i++) {
    const next = i + 1
    if (next >= end || isSpace(units[next]!) || (next + 2 <= end && units[next] === DASH && units[next + 1] === DASH)) return next
  }
  return start
}

/**
 * Calls `visit` with the start and the end of every sentence of the text `[from, to)` until it returns false. A newline alone
 * never ends a sentence.
 */
export const eachSentence = (
  units: Units,
  from: number,
  to: number,
  visit: (start: number, end: number) => boolean
): void => {
  let last = to
  while (last > from && isSpace(units[last - 1]!)) last--
  let start = from
  let more = true
  // The slice before the one being built waits: closing punctuation at the start of the latter is moved into it.
  let pendingStart = 0
  let pendingEnd = -1
  const slice = (first: number, stop: number): void => {
    let begin = first
    if (pendingEnd >= 0) {
      const end = closing(units, first, stop)
      if (end > first) {
        more = visit(pendingStart, end)
        begin = end
        while (begin < stop && isSpace(units[begin]!)) begin++
      } else if (pendingEnd > pendingStart) {
        more = visit(pendingStart, pendingEnd)
      }
    }
    pendingStart = begin
    pendingEnd = stop
  }
  eachCandidate(units, from, to, (mark, contextStart, contextEnd, nextStart) => {
    // A lone ? or ! is a token of its own and always ends a sentence.
    if (units[mark] !== DOT || endsIn(units, contextStart, contextEnd)) {
      slice(start, mark + 1)
      start = nextStart
    }
    return more
  })
  if (more) slice(start, last)
  if (more && pendingEnd > pendingStart) visit(pendingStart, pendingEnd)
}

/** The sentences as they stand in the text, inner newlines kept. At most `limit` of them are looked for. */
export const sentences = (text: string, limit = Infinity): Array<string> => {
  const found: Array<string> = []
  eachSentence(unitsOf(text), 0, text.length, (start, end) => found.push(text.slice(start, end)) < limit)
  return found
}

export const countSentences = (text: string): number => {
  let total = 0
  eachSentence(unitsOf(text), 0, text.length, () => ++total > 0)
  return total
}
