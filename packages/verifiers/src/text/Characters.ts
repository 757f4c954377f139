// Python's view of characters, which the reference checkers were written in: classes by Unicode property rather than
// ASCII, whitespace without U+FEFF but with U+001C-1F and U+0085, lengths and positions in code points where it matters.

import { pointAt as pointOf, type Units, unitsOf } from "./Units.ts"

/** The 32 ASCII marks of Python's `string.punctuation`. */
export const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

/** Python's whitespace, as the inside of a character class. */
export const SPACES =
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

/** ASCII characters, looked up by code. */
export type AsciiSet = Uint8Array

export const asciiSet = (characters: string): AsciiSet => {
  const set = new Uint8Array(0x80)
  for (let i = 0; i < characters.length; i++) set[characters.charCodeAt(i)] = 1
  return set
}

export const isIn = (set: AsciiSet, unit: number): boolean => unit < 0x80 && set[unit] === 1

const WORD = 1
const DIGIT = 2
const UPPER = 4
const LOWER = 8
const TITLE = 16
const ALPHA = 32
const EMOJI = 64
const OTHER_DIGIT = 128

const classes: ReadonlyArray<readonly [mask: number, pattern: RegExp]> = [
  [WORD, /[\p{L}\p{N}_]+/gu],
  [DIGIT, /\p{Nd}+/gu],
  [UPPER, /\p{Uppercase}+/gu],
  [LOWER, /\p{Lowercase}+/gu],
  [TITLE, /\p{Lt}+/gu],
  [ALPHA, /\p{L}+/gu],
  [EMOJI, /\p{Emoji}+/gu],
  // Superscripts, subscripts, circled digits and the like.
  [
    OTHER_DIGIT,
    /[\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]+/gu
  ]
]

/** Whether a code unit is half of a pair. */
export const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff

const PLANE = 0x10000

/** The classes of `size` code points from `first` on. Surrogates belong to none. */
const classify = (first: number, size: number): Uint8Array => {
  const table = new Uint8Array(size)
  const width = first < PLANE ? 1 : 2
  let text = ""
  for (let point = first; point < first + size; point++) text += isSurrogate(point) ? " " : String.fromCodePoint(point)
  for (const [mask, pattern] of classes) {
    for (const match of text.matchAll(pattern)) {
      const start = match.index / width
      for (let i = start; i < start + match[0].length / width; i++) table[i]! |= mask
    }
  }
  if (first < PLANE) table.fill(0, 0xd800, 0xe000)
  return table
}

const ascii = classify(0, 0x80)
const planes: Array<Uint8Array> = []

const flags = (point: number): number => {
  if (point < 0x80) return ascii[point]!
  const plane = (planes[point >> 16] ??= classify(point & ~0xffff, PLANE))
  return plane[point & 0xffff]!
}

/** `\w`: a letter, a number of any kind, or `_`. Combining marks are not word characters. */
export const isWord = (point: number): boolean => (flags(point) & WORD) !== 0

const whitespace = new Uint8Array(0x3001)
for (const match of String.fromCharCode(...whitespace.keys()).matchAll(new RegExp(`[${SPACES}]`, "g"))) whitespace[match.index] = 1

/** `\s` and `str.isspace`: with U+001C-1F and U+0085, without U+FEFF. */
export const isSpace = (point: number): boolean => point <= 0x3000 && whitespace[point] === 1

/** `\d`: a decimal digit of any script. */
export const isDecimal = (point: number): boolean => (flags(point) & DIGIT) !== 0

/** Unicode's Emoji property, which digits, "#" and "*" have too. */
export const isEmojiCharacter = (point: number): boolean => (flags(point) & EMOJI) !== 0

/** `str.isalpha` for one character. */
export const isAlpha = (point: number): boolean => (flags(point) & ALPHA) !== 0

/** `str.isupper` for one character. */
export const isUpper = (point: number): boolean => (flags(point) & UPPER) !== 0

/** `str.islower` for one character. */
export const isLower = (point: number): boolean => (flags(point) & LOWER) !== 0

const everyCased = (units: Units, start: number, end: number, wanted: number, opposite: number): boolean => {
  let found = false
  for (let i = start; i < end; i++) {
    const point = pointOf(units, i)
    const mask = flags(point)
    if ((mask & opposite) !== 0) return false
    if ((mask & wanted) !== 0) found = true
    if (point > 0xffff) i++
  }
  return found
}

/** `str.isupper` of `[start, end)`: at least one cased character, all of them upper case. */
export const isUpperRange = (units: Units, start: number, end: number): boolean => everyCased(units, start, end, UPPER, LOWER | TITLE)

/** `str.islower` of `[start, end)`: at least one cased character, all of them lower case. */
export const isLowerRange = (units: Units, start: number, end: number): boolean => everyCased(units, start, end, LOWER, UPPER | TITLE)

/** The same of a whole text. */
export const isUpperText = (text: string): boolean => isUpperRange(unitsOf(text), 0, text.length)
export const isLowerText = (text: string): boolean => isLowerRange(unitsOf(text), 0, text.length)

/** The code point that ends before `index`, or -1 at the start of the text. */
export const pointBefore = (text: string, index: number): number => {
  if (index <= 0) return -1
  const unit = text.charCodeAt(index - 1)
  if ((unit & 0xfc00) === 0xdc00 && index > 1) {
    const point = text.codePointAt(index - 2)!
    if (point > 0xffff) return point
  }
  return unit
}

/** The code point at `index`, or -1 at the end of the text. */
export const pointAt = (text: string, index: number): number => index >= text.length ? -1 : text.codePointAt(index)!

/** Whether `\b` holds before the code unit at `index`. */
export const isBoundary = (text: string, index: number): boolean => {
  const before = pointBefore(text, index)
  const after = pointAt(text, index)
  return (before >= 0 && isWord(before)) !== (after >= 0 && isWord(after))
}

/** The first index at or after `index` that holds no whitespace. */
export const skipSpaces = (text: string, index: number): number => {
  let i = index
  while (i < text.length && isSpace(text.charCodeAt(i))) i++
  return i
}

/** `str.lstrip()`, `str.rstrip()` and `str.strip()`. */
export const stripStart = (text: string): string => text.slice(skipSpaces(text, 0))

export const stripEnd = (text: string): string => {
  let end = text.length
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(0, end)
}

export const strip = (text: string): string => stripEnd(stripStart(text))

/** `str.lstrip(chars)` and the like: removes any of these characters, in any order. */
export const stripCharsStart = (text: string, chars: AsciiSet): string => {
  let start = 0
  while (start < text.length && isIn(chars, text.charCodeAt(start))) start++
  return text.slice(start)
}

export const stripCharsEnd = (text: string, chars: AsciiSet): string => {
  let end = text.length
  while (end > 0 && isIn(chars, text.charCodeAt(end - 1))) end--
  return text.slice(0, end)
}

export const stripChars = (text: string, chars: AsciiSet): string => stripCharsEnd(stripCharsStart(text, chars), chars)

/** `not str.strip()`: the text is empty or only whitespace. */
export const isBlank = (text: string): boolean => skipSpaces(text, 0) === text.length

/** `str.split()`: the pieces between runs of whitespace, none of them empty. */
export const splitSpaces = (text: string): Array<string> => {
  const pieces: Array<string> = []
  let i = skipSpaces(text, 0)
  while (i < text.length) {
    const start = i
    while (i < text.length && !isSpace(text.charCodeAt(i))) i++
    pieces.push(text.slice(start, i))
    i = skipSpaces(text, i)
  }
  return pieces
}

/** The number of code points: Python's `len(str)`. */
export const length = (text: string): number => {
  let count = text.length
  for (let i = 1; i < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800) count--
  }
  return count
}

/** The first code point as text, empty for the empty text. */
export const firstCharacter = (text: string): string =>
  text === "" ? "" : String.fromCodePoint(text.codePointAt(0)!)

const marks = asciiSet(PUNCTUATION)

/** Whether a code unit is one of `PUNCTUATION`. */
export const isPunctuation = (unit: number): boolean => isIn(marks, unit)

/** The code units without ASCII punctuation: `str.translate(str.maketrans("", "", string.punctuation))`. */
export const unitsWithoutPunctuation = (text: string): Units => {
  const units = unitsOf(text)
  let size = 0
  for (let i = 0; i < units.length; i++) {
    const unit = units[i]!
    if (!isPunctuation(unit)) units[size++] = unit
  }
  return units.subarray(0, size)
}

/** Punctuation and the space. */
export const MARGIN = asciiSet(`${PUNCTUATION} `)

/** `str.strip(string.punctuation + " ")`: newlines and tabs stay. */
export const trim = (text: string): string => stripChars(text, MARGIN)
export const trimStart = (text: string): string => stripCharsStart(text, MARGIN)
export const trimEnd = (text: string): string => stripCharsEnd(text, MARGIN)

/** `str.isdigit` for one character. */
export const isDigit = (point: number): boolean => (flags(point) & (DIGIT | OTHER_DIGIT)) !== 0

/** `str.isdigit`: one or more digits and nothing else. */
export const isDigits = (text: string): boolean => {
  for (const character of text) if (!isDigit(character.codePointAt(0)!)) return false
  return text !== ""
}

/** The value of a decimal digit of any script; they come in runs of ten. */
export const decimalValue = (point: number): number => {
  if (point < 0x80) return point - 0x30
  let first = point
  while (isDecimal(first - 1)) first--
  return (point - first) % 10
}

/** `int(str)` of decimal digits. */
export const parseDecimal = (text: string): number => {
  let value = 0
  for (const character of text) value = value * 10 + decimalValue(character.codePointAt(0)!)
  return value
}

const plain = new Map<number, string>()

/** The ASCII characters of a character's compatibility decomposition. */
const plainOf = (point: number): string => {
  const known = plain.get(point)
  if (known !== undefined) return known
  const made = Array.from(String.fromCodePoint(point).normalize("NFKD")).filter((c) => c < "\x80").join("")
  plain.set(point, made)
  return made
}

/** The ASCII characters of the text's compatibility decomposition: "São Tomé" becomes "Sao Tome". */
export const toAscii = (text: string): string => {
  const pieces: Array<string> = []
  let done = 0
  // One character at a time: normalising a long run of combining marks takes quadratic time.
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (i > done) pieces.push(text.slice(done, i))
    const point = isSurrogate(unit) ? text.codePointAt(i)! : unit
    const ascii = plainOf(point)
    if (ascii !== "") pieces.push(ascii)
    if (point > 0xffff) i++
    done = i + 1
  }
  return done === 0 ? text : pieces.join("") + text.slice(done)
}
