// Punkt sentence boundaries (Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary Detection", 2006) with NLTK's
// English model and NLTK 3.8-3.9's decisions. A boundary is decided from a small context around each candidate mark, so the
// time is linear in the text.
import { lazy, unpackWords } from "../data/Packing.ts"
import * as data from "../data/punkt.ts"
import { WordTable } from "./WordTable.ts"
import { isDecimal, isLower, isSpace, isUpper, isWord, skipSpaces } from "./Characters.ts"

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
    collocationHeads: new Set(collocations.filter(([first]) => first !== NUMBER).map(([first]) => first))
  }
})

// ------------------------------------------------------------------------------------------------------------- tokens

const DOT = 0x2e
const COMMA = 0x2c
const DASH = 0x2d
const NEWLINE = 0x0a

const membership = (characters: string): Uint8Array => {
  const table = new Uint8Array(128)
  for (const character of characters) table[character.charCodeAt(0)] = 1
  return table
}
const has = (table: Uint8Array, unit: number): boolean => unit < 128 && table[unit] === 1

const marks = membership(".?!")
const nonWord = membership(")\";}]*:@'({[?!")
const neverFirst = membership("(\"`{[:;&#*@)}]-,")
const closers = membership("\"')]}")
const asciiSpace = membership(" \t\n\r\v\f")

/** The end of a run of two or more of `unit` at `i`, or `i`. */
const runOf = (text: string, i: number, end: number, unit: number): number => {
  let j = i
  while (j < end && text.charCodeAt(j) === unit) j++
  return j - i >= 2 ? j : i
}

/** The end of `--`, `..` or `. . .` at `i`, or `i` when there is none. */
const multiple = (text: string, i: number, end: number): number => {
  const unit = text.charCodeAt(i)
  if (unit === DASH) return runOf(text, i, end, DASH)
  if (unit !== DOT) return i
  const dots = runOf(text, i, end, DOT)
  if (dots > i) return dots
  let j = i
  let pairs = 0
  while (j + 1 < end && text.charCodeAt(j) === DOT && isSpace(text.charCodeAt(j + 1))) {
    j += 2
    pairs++
  }
  if (j < end && text.charCodeAt(j) === DOT && pairs >= 2) return j + 1
  return pairs >= 3 ? j - 1 : i
}

const endsWord = (text: string, i: number, end: number): boolean =>
  i >= end || isSpace(text.charCodeAt(i)) || has(nonWord, text.charCodeAt(i)) || multiple(text, i, end) > i

/** The end of the token at `i`, which is no whitespace, in a line that ends at `end`. */
const tokenEnd = (text: string, i: number, end: number): number => {
  const run = multiple(text, i, end)
  if (run > i) return run
  let j = i + 1
  if (has(neverFirst, text.charCodeAt(i))) return j
  while (!endsWord(text, j, end) && !(text.charCodeAt(j) === COMMA && endsWord(text, j + 1, end))) j++
  return j
}

/** `^-?[.,]?\d[\d,.-]*\.?$` */
const isNumber = (text: string, start: number, end: number): boolean => {
  let i = start
  if (text.charCodeAt(i) === DASH) i++
  if (i < end && (text.charCodeAt(i) === DOT || text.charCodeAt(i) === COMMA)) i++
  if (i >= end || !isDecimal(text.codePointAt(i)!)) return false
  for (; i < end; i++) {
    const point = text.codePointAt(i)!
    if (point !== COMMA && point !== DOT && point !== DASH && !isDecimal(point)) return false
    if (point > 0xffff) i++
  }
  return true
}

const isEllipsis = (text: string, start: number, end: number): boolean => {
  if (end - start < 2) return false
  for (let i = start; i < end; i++) if (text.charCodeAt(i) !== DOT) return false
  return true
}

/** `^[^\W\d]\.$` */
const isInitial = (text: string, start: number, end: number): boolean => {
  const point = text.codePointAt(start)!
  return end - start === (point > 0xffff ? 3 : 2) && isWord(point) && !isDecimal(point)
}

/** Whether the word before the final period of `[start, end)`, or its last part behind a hyphen, is an abbreviation. */
const isAbbreviation = (text: string, start: number, end: number): boolean => {
  const { longest, words } = model()
  const last = end - 1
  if ((words.get(text, start, last) & ABBREVIATION) !== 0) return true
  for (let i = last - 1; i >= start && last - i <= longest + 1; i--) {
    if (text.charCodeAt(i) === DASH) return (words.get(text, i + 1, last) & ABBREVIATION) !== 0
  }
  return false
}

const isMark = (text: string, start: number, end: number): boolean => end - start === 1 && has(marks, text.charCodeAt(start))

/** Whether the token is a mark, or ends with a single period and is no abbreviation. */
const endsSentence = (text: string, start: number, end: number): boolean =>
  text.charCodeAt(end - 1) === DOT && end - start > 1
    ? text.charCodeAt(end - 2) !== DOT && !isAbbreviation(text, start, end)
    : isMark(text, start, end)

// ---------------------------------------------------------------------------------------------------------- decisions

/** Whether the model takes the token for the first of a sentence; undefined when it cannot tell. */
const startsSentence = (text: string, start: number, end: number, known: number): boolean | undefined => {
  if (end - start === 1 && ";:,.!?".includes(text[start]!)) return false
  const first = text.codePointAt(start)!
  if (isUpper(first) && (known & ANY_LOWER) !== 0 && (known & MIDDLE_UPPER) === 0) return true
  if (isLower(first) && ((known & ANY_UPPER) !== 0 || (known & BEGIN_LOWER) === 0)) return false
  return undefined
}

/** Whether the word before the period at `end - 1` and the next one stand together without a sentence ending. */
const isCollocation = (text: string, start: number, end: number, next: number, nextEnd: number): boolean => {
  const { collocationHeads, collocations } = model()
  if (end - start !== 2) return false
  const head = text[start]!.toLowerCase()
  return collocationHeads.has(head) && collocations.has(`${head}\t${text.slice(next, nextEnd).toLowerCase()}`)
}

/** Whether a sentence ends behind the token `[start, end)`, given the token `[next, nextEnd)` that follows. */
const breaksBetween = (text: string, start: number, end: number, next: number, nextEnd: number): boolean => {
  if (text.charCodeAt(end - 1) !== DOT) return isMark(text, start, end)
  const initial = isInitial(text, start, end)
  const number = isNumber(text, start, end)
  const ellipsis = !number && isEllipsis(text, start, end)
  // No abbreviation is a number.
  const ends = !ellipsis && (number ? text.charCodeAt(end - 2) !== DOT : endsSentence(text, start, end))
  const abbreviation = !ellipsis && !ends && !number && text.charCodeAt(end - 2) !== DOT
  // Most words end here: nothing that follows could change that they end a sentence.
  if (!initial && !number && !abbreviation && !ellipsis) return ends
  const { number: numberBits, words } = model()
  const bare = nextEnd - next > 1 && text.charCodeAt(nextEnd - 1) === DOT && endsSentence(text, next, nextEnd)
  const typeEnd = bare ? nextEnd - 1 : nextEnd
  const known = isNumber(text, next, nextEnd) ? numberBits : words.get(text, next, typeEnd)
  if (number ? (known & AFTER_NUMBER) !== 0 : isCollocation(text, start, end, next, typeEnd)) return false
  const starts = startsSentence(text, next, nextEnd, known)
  const nextUpper = isUpper(text.codePointAt(next)!)
  if ((abbreviation || ellipsis) && !initial && (starts === true || (nextUpper && (known & STARTER) !== 0))) return true
  if (initial || number) {
    if (starts === false) return false
    if (starts === undefined && initial && nextUpper && (known & ANY_LOWER) === 0) return false
  }
  return ends
}

/** Whether some token of `[start, end)` other than the last ends a sentence. Tokens end at newlines. */
const containsBreak = (text: string, start: number, end: number): boolean => {
  let token = -1
  let last = -1
  let i = start
  let line = -1
  while (true) {
    while (i < end && isSpace(text.charCodeAt(i))) i++
    if (i >= end) return false
    if (i > line) {
      line = i
      while (line < end && text.charCodeAt(line) !== NEWLINE) line++
    }
    const stop = tokenEnd(text, i, line)
    if (token >= 0 && breaksBetween(text, token, last, i, stop)) return true
    token = i
    last = stop
    i = stop
  }
}

// ---------------------------------------------------------------------------------------------------------- sentences

/**
 * Calls `visit` with every candidate that no later one overlaps: the index of its mark, its context (the word before, the
 * mark and what follows) and where the next sentence would start.
 */
const eachCandidate = (
  text: string,
  visit: (mark: number, contextStart: number, contextEnd: number, nextStart: number) => void
): void => {
  let mark = -1
  let wordStart = 0
  let contextEnd = 0
  let nextStart = 0
  for (let i = 0; i + 1 < text.length; i++) {
    if (!has(marks, text.charCodeAt(i))) continue
    let following = i + 1
    let end = i + 2
    if (!has(nonWord, text.charCodeAt(i + 1))) {
      following = skipSpaces(text, i + 1)
      if (following === i + 1 || following === text.length) continue
      end = following
      while (end < text.length && !isSpace(text.charCodeAt(end))) end++
    }
    // The word before the mark begins behind the last ASCII whitespace. One that stands first in the stretch since the
    // previous mark is overlooked, as in the reference.
    const from = Math.max(mark, 0)
    let space = i - 1
    while (space > from && !has(asciiSpace, text.charCodeAt(space))) space--
    const start = space > from ? space + 1 : wordStart
    if (mark >= 0 && mark <= start) visit(mark, wordStart, contextEnd, nextStart)
    mark = i
    wordStart = start
    contextEnd = end
    nextStart = following
  }
  if (mark >= 0) visit(mark, wordStart, contextEnd, nextStart)
}

/** The end of the closing punctuation that opens `[start, end)` but belongs to the sentence before, or `start`. */
const closing = (text: string, start: number, end: number): number => {
  for (let i = start; i < end && has(closers, text.charCodeAt(i)); i++) {
    const next = i + 1
    if (next >= end || isSpace(text.charCodeAt(next)) || (next + 2 <= end && text.startsWith("--", next))) return next
  }
  return start
}

/** Calls `visit` with the start and the end of every sentence. A newline alone never ends one. */
export const eachSentence = (text: string, visit: (start: number, end: number) => void): void => {
  let last = text.length
  while (last > 0 && isSpace(text.charCodeAt(last - 1))) last--
  let start = 0
  // The slice before the one being built waits: closing punctuation at the start of the latter is moved into it.
  let pendingStart = 0
  let pendingEnd = -1
  const slice = (from: number, to: number): void => {
    let begin = from
    if (pendingEnd >= 0) {
      const end = closing(text, from, to)
      if (end > from) {
        visit(pendingStart, end)
        begin = end
        while (begin < to && isSpace(text.charCodeAt(begin))) begin++
      } else if (pendingEnd > pendingStart) {
        visit(pendingStart, pendingEnd)
      }
    }
    pendingStart = begin
    pendingEnd = to
  }
  eachCandidate(text, (mark, contextStart, contextEnd, nextStart) => {
    // A lone ? or ! is a token of its own and always ends a sentence.
    if (text.charCodeAt(mark) === DOT && !containsBreak(text, contextStart, contextEnd)) return
    slice(start, mark + 1)
    start = nextStart
  })
  slice(start, last)
  if (pendingEnd > pendingStart) visit(pendingStart, pendingEnd)
}

/** The sentences as they stand in the text, inner newlines kept. */
export const sentences = (text: string): Array<string> => {
  const found: Array<string> = []
  eachSentence(text, (start, end) => found.push(text.slice(start, end)))
  return found
}

export const countSentences = (text: string): number => {
  let total = 0
  eachSentence(text, () => total++)
  return total
}
