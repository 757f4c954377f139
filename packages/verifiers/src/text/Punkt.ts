// Punkt sentence boundaries (Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary Detection", 2006) with NLTK's
// English model and NLTK 3.8-3.9's decisions. A boundary is decided from a small context around each candidate mark, so the
// time is linear in the text.
import { lazy, unpackWords } from "../data/Packing.ts"
import * as data from "../data/punkt.ts"
import { isDecimal, isLower, isSpace, isUpper, isWord, skipSpaces } from "./Characters.ts"

// Orthographic contexts in which the model saw a word: where in a sentence, and with which case of the first letter.
const MIDDLE_UPPER = 4
const ANY_UPPER = 2 | 4 | 8
const BEGIN_LOWER = 16
const ANY_LOWER = 16 | 32 | 64

const model = lazy(() => {
  const contexts = new Map<string, number>()
  for (const line of data.contexts.split("\n")) {
    const at = line.indexOf(" ")
    const bits = Number(line.slice(0, at))
    for (const word of unpackWords(line.slice(at + 1))) contexts.set(word, bits)
  }
  return {
    abbreviations: new Set(data.abbreviations.split("\n")),
    collocations: new Set(data.collocations.split("\n")),
    starters: new Set(data.sentenceStarters.split("\n")),
    contexts
  }
})

// ------------------------------------------------------------------------------------------------------------- tokens

const DOT = 0x2e
const COMMA = 0x2c
const DASH = 0x2d

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

interface Token {
  readonly text: string
  readonly type: string
  sentenceBreak: boolean
  abbreviation: boolean
  readonly ellipsis: boolean
}

/** `^-?[.,]?\d[\d,.-]*\.?$` */
const isNumber = (text: string): boolean => {
  let i = text[0] === "-" ? 1 : 0
  if (text[i] === "." || text[i] === ",") i++
  if (i >= text.length || !isDecimal(text.codePointAt(i)!)) return false
  for (const character of text.slice(i)) {
    if (character !== "," && character !== "." && character !== "-" && !isDecimal(character.codePointAt(0)!)) return false
  }
  return true
}

const isEllipsis = (text: string): boolean => {
  if (text.length < 2) return false
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== DOT) return false
  return true
}

/** `^[^\W\d]\.$` */
const isInitial = (text: string): boolean => {
  const point = text.codePointAt(0)!
  const size = point > 0xffff ? 2 : 1
  return text.length === size + 1 && text.charCodeAt(size) === DOT && isWord(point) && !isDecimal(point)
}

const token = (text: string): Token => {
  const lower = text.toLowerCase()
  const ellipsis = isEllipsis(text)
  const mark = text.length === 1 && has(marks, text.charCodeAt(0))
  let abbreviation = false
  let sentenceBreak = mark
  if (!mark && !ellipsis && text.endsWith(".") && !text.endsWith("..")) {
    const stem = text.slice(0, -1).toLowerCase()
    const { abbreviations } = model()
    abbreviation = abbreviations.has(stem) || abbreviations.has(stem.slice(stem.lastIndexOf("-") + 1))
    sentenceBreak = !abbreviation
  }
  return { text, type: isNumber(lower) ? "##number##" : lower, sentenceBreak, abbreviation, ellipsis }
}

/** Calls `visit` with each token of `text`, line by line, until it returns false. */
const eachToken = (text: string, visit: (token: Token) => boolean): void => {
  let start = 0
  while (start <= text.length) {
    const newline = text.indexOf("\n", start)
    const end = newline < 0 ? text.length : newline
    let i = start
    while (i < end) {
      const unit = text.charCodeAt(i)
      if (isSpace(unit)) {
        i++
        continue
      }
      let j = multiple(text, i, end)
      if (j === i) {
        j = i + 1
        if (!has(neverFirst, unit)) {
          while (
            !endsWord(text, j, end) &&
            !(text.charCodeAt(j) === COMMA && endsWord(text, j + 1, end))
          ) j++
        }
      }
      if (!visit(token(text.slice(i, j)))) return
      i = j
    }
    start = end + 1
  }
}

// ---------------------------------------------------------------------------------------------------------- decisions

const withoutPeriod = (type: string): string => type.length > 1 && type.endsWith(".") ? type.slice(0, -1) : type
const withoutSentencePeriod = (token: Token): string => token.sentenceBreak ? withoutPeriod(token.type) : token.type

/** Whether the model takes `token` for the first of a sentence; undefined when it cannot tell. */
const startsSentence = (token: Token): boolean | undefined => {
  if (token.text.length === 1 && ";:,.!?".includes(token.text)) return false
  const context = model().contexts.get(withoutSentencePeriod(token)) ?? 0
  const first = token.text.codePointAt(0)!
  if (isUpper(first) && (context & ANY_LOWER) !== 0 && (context & MIDDLE_UPPER) === 0) return true
  if (isLower(first) && ((context & ANY_UPPER) !== 0 || (context & BEGIN_LOWER) === 0)) return false
  return undefined
}

/** Reconsiders the break after `token`, which ends with a period, given the token that follows. */
const breaksBefore = (token: Token, next: Token): boolean => {
  if (!token.text.endsWith(".")) return token.sentenceBreak
  const { collocations, contexts, starters } = model()
  const type = withoutPeriod(token.type)
  const nextType = withoutSentencePeriod(next)
  if (collocations.has(`${type}\t${nextType}`)) return false
  const initial = isInitial(token.text)
  const nextUpper = isUpper(next.text.codePointAt(0)!)
  if ((token.abbreviation || token.ellipsis) && !initial) {
    if (startsSentence(next) === true) return true
    if (nextUpper && starters.has(nextType)) return true
  }
  if (initial || type === "##number##") {
    const starts = startsSentence(next)
    if (starts === false) return false
    if (starts === undefined && initial && nextUpper && ((contexts.get(nextType) ?? 0) & ANY_LOWER) === 0) return false
  }
  return token.sentenceBreak
}

/** Whether some token of the context other than the last ends a sentence. */
const containsBreak = (context: string): boolean => {
  let previous: Token | undefined
  let found = false
  eachToken(context, (next) => {
    found = previous !== undefined && breaksBefore(previous, next)
    previous = next
    return !found
  })
  return found
}

// ---------------------------------------------------------------------------------------------------------- sentences

interface Candidate {
  readonly mark: number
  readonly wordStart: number
  readonly contextEnd: number
  readonly nextStart: number
}

/** Calls `visit` with the candidates that no later one overlaps. */
const eachCandidate = (text: string, visit: (candidate: Candidate) => void): void => {
  let previous: Candidate | undefined
  for (let i = 0; i + 1 < text.length; i++) {
    if (!has(marks, text.charCodeAt(i))) continue
    let contextEnd = i + 2
    let nextStart = i + 1
    if (!has(nonWord, text.charCodeAt(i + 1))) {
      nextStart = skipSpaces(text, i + 1)
      if (nextStart === i + 1 || nextStart === text.length) continue
      contextEnd = nextStart
      while (contextEnd < text.length && !isSpace(text.charCodeAt(contextEnd))) contextEnd++
    }
    // The word before the mark begins behind the last ASCII whitespace. One that stands first in the stretch since the
    // previous mark is overlooked, as in the reference.
    const from = previous?.mark ?? 0
    let space = i - 1
    while (space > from && !has(asciiSpace, text.charCodeAt(space))) space--
    const wordStart = space > from ? space + 1 : previous?.wordStart ?? 0
    if (previous !== undefined && previous.mark <= wordStart) visit(previous)
    previous = { mark: i, wordStart, contextEnd, nextStart }
  }
  if (previous !== undefined) visit(previous)
}

/** The end of the closing punctuation that opens `[start, end)` but belongs to the sentence before, or `start`. */
const closing = (text: string, start: number, end: number): number => {
  for (let i = start; i < end && has(closers, text.charCodeAt(i)); i++) {
    const next = i + 1
    if (next >= end || isSpace(text.charCodeAt(next)) || text.startsWith("--", next) && next + 2 <= end) return next
  }
  return start
}

/** The `[start, end)` of every sentence. A newline alone never ends one. */
export const sentenceSpans = (text: string): Array<readonly [start: number, end: number]> => {
  let last = text.length
  while (last > 0 && isSpace(text.charCodeAt(last - 1))) last--
  const slices: Array<readonly [number, number]> = []
  let start = 0
  eachCandidate(text, ({ contextEnd, mark, nextStart, wordStart }) => {
    if (containsBreak(text.slice(wordStart, contextEnd))) {
      slices.push([start, mark + 1])
      start = nextStart
    }
  })
  slices.push([start, last])

  const spans: Array<readonly [number, number]> = []
  let moved = 0
  for (let i = 0; i < slices.length; i++) {
    const [from, to] = slices[i]!
    const begin = from + moved
    const next = slices[i + 1]
    moved = 0
    if (next !== undefined) {
      const end = closing(text, next[0], next[1])
      if (end > next[0]) {
        let resume = end
        while (resume < next[1] && isSpace(text.charCodeAt(resume))) resume++
        moved = resume - next[0]
        spans.push([begin, end])
        continue
      }
    }
    if (to > begin) spans.push([begin, to])
  }
  return spans
}

/** The sentences as they stand in the text, inner newlines kept. */
export const sentences = (text: string): Array<string> => sentenceSpans(text).map(([start, end]) => text.slice(start, end))

export const countSentences = (text: string): number => sentenceSpans(text).length
