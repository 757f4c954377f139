// Python's view of characters, which the reference checkers were written in: classes by Unicode property rather than
// ASCII, whitespace without U+FEFF but with U+001C-1F and U+0085, lengths and positions in code points where it matters.

/** The 32 ASCII marks of Python's `string.punctuation`. */
export const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

/** Python's whitespace, as the inside of a character class. */
export const SPACES =
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

const WORD = 1
const DIGIT = 2
const UPPER = 4
const LOWER = 8
const TITLE = 16
const ALPHA = 32

const classes: ReadonlyArray<readonly [mask: number, pattern: RegExp]> = [
  [WORD, /[\p{L}\p{N}_]+/gu],
  [DIGIT, /\p{Nd}+/gu],
  [UPPER, /\p{Uppercase}+/gu],
  [LOWER, /\p{Lowercase}+/gu],
  [TITLE, /\p{Lt}+/gu],
  [ALPHA, /\p{L}+/gu]
]

const isSurrogate = (unit: number): boolean => (unit & 0xf800) === 0xd800

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

/** `\s` and `str.isspace`: with U+001C-1F and U+0085, without U+FEFF. */
export const isSpace = (point: number): boolean => {
  if (point <= 0x20) return point >= 0x1c || (point >= 0x09 && point <= 0x0d)
  if (point < 0x85) return false
  if (point < 0x1680) return point === 0x85 || point === 0xa0
  if (point < 0x2000) return point === 0x1680
  return point <= 0x200a || point === 0x2028 || point === 0x2029 || point === 0x202f || point === 0x205f || point === 0x3000
}

/** `\d`: a decimal digit of any script. */
export const isDecimal = (point: number): boolean => (flags(point) & DIGIT) !== 0

/** `str.isalpha` for one character. */
export const isAlpha = (point: number): boolean => (flags(point) & ALPHA) !== 0

/** `str.isupper` for one character. */
export const isUpper = (point: number): boolean => (flags(point) & UPPER) !== 0

/** `str.islower` for one character. */
export const isLower = (point: number): boolean => (flags(point) & LOWER) !== 0

const everyCased = (text: string, wanted: number, opposite: number): boolean => {
  let found = false
  for (let i = 0; i < text.length; i++) {
    let point = text.charCodeAt(i)
    if (isSurrogate(point)) {
      point = text.codePointAt(i)!
      if (point > 0xffff) i++
    }
    const mask = flags(point)
    if ((mask & opposite) !== 0) return false
    if ((mask & wanted) !== 0) found = true
  }
  return found
}

/** `str.isupper`: at least one cased character, all of them upper case. */
export const isUpperText = (text: string): boolean => everyCased(text, UPPER, LOWER | TITLE)

/** `str.islower`: at least one cased character, all of them lower case. */
export const isLowerText = (text: string): boolean => everyCased(text, LOWER, UPPER | TITLE)

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

/** `str.lstrip(chars)`: removes any of `chars` (of the basic plane), in any order. */
export const stripCharsStart = (text: string, chars: string): string => {
  let start = 0
  while (start < text.length && chars.includes(text[start]!)) start++
  return text.slice(start)
}

export const stripCharsEnd = (text: string, chars: string): string => {
  let end = text.length
  while (end > 0 && chars.includes(text[end - 1]!)) end--
  return text.slice(0, end)
}

export const stripChars = (text: string, chars: string): string => stripCharsEnd(stripCharsStart(text, chars), chars)

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

/** The first and the last code point as text, empty for the empty text. */
export const firstCharacter = (text: string): string =>
  text === "" ? "" : String.fromCodePoint(text.codePointAt(0)!)

export const lastCharacter = (text: string): string =>
  text === "" ? "" : String.fromCodePoint(pointBefore(text, text.length))

// Characters that `re.IGNORECASE` treats as equal though lower-casing one does not give the other.
const equivalents = [
  "i\u0131", "s\u017f", "\u00b5\u03bc", "\u0345\u03b9\u1fbe", "\u0390\u1fd3", "\u03b0\u1fe3", "\u03b2\u03d0",
  "\u03b5\u03f5", "\u03b8\u03d1", "\u03ba\u03f0", "\u03c0\u03d6", "\u03c1\u03f1", "\u03c2\u03c3", "\u03c6\u03d5",
  "\u0432\u1c80", "\u0434\u1c81", "\u043e\u1c82", "\u0441\u1c83", "\u0442\u1c84\u1c85", "\u044a\u1c86", "\u0463\u1c87",
  "\u1c88\ua64b", "\u1e61\u1e9b", "\ufb05\ufb06"
]
const canonical = new Map(
  equivalents.flatMap((group) => [...group].slice(1).map((other) => [other, group[0]!] as const))
)

const foldPoint = (character: string): number => {
  const lower = String.fromCodePoint(character.toLowerCase().codePointAt(0)!)
  return (canonical.get(lower) ?? lower).codePointAt(0)!
}

let folds: Uint16Array | undefined
const foldTable = (): Uint16Array => {
  if (folds === undefined) {
    folds = new Uint16Array(0x10000)
    for (let unit = 0; unit < 0x10000; unit++) {
      folds[unit] = isSurrogate(unit) ? unit : foldPoint(String.fromCharCode(unit))
    }
  }
  return folds
}

/**
 * The text as code units in which characters equal under Python's `re.IGNORECASE` are the same: simple lower case, then
 * one representative of each equivalence class. Positions are those of the text.
 */
export const fold = (text: string): Uint16Array => {
  const units = new Uint16Array(text.length)
  let table: Uint16Array | undefined
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) {
      units[i] = unit >= 0x41 && unit <= 0x5a ? unit + 0x20 : unit
    } else if (!isSurrogate(unit)) {
      table ??= foldTable()
      units[i] = table[unit]!
    } else {
      units[i] = unit
      const point = text.codePointAt(i)!
      if (point > 0xffff) {
        const low = text.charCodeAt(++i)
        // Both cases of every script beyond the basic plane share their high surrogate.
        units[i] = isUpper(point) ? String.fromCodePoint(point).toLowerCase().charCodeAt(1) : low
      }
    }
  }
  return units
}

/** Whether a code unit is one of `PUNCTUATION`. */
export const isPunctuation = (unit: number): boolean =>
  unit < 0x80 && unit > 0x20 && unit !== 0x7f && (flags(unit) & (ALPHA | DIGIT)) === 0

/** The text without ASCII punctuation: `str.translate(str.maketrans("", "", string.punctuation))`. */
export const withoutPunctuation = (text: string): string => {
  const kept = new Uint16Array(text.length)
  let size = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (!isPunctuation(unit)) kept[size++] = unit
  }
  if (size === text.length) return text
  let result = ""
  for (let i = 0; i < size; i += 8192) {
    result += String.fromCharCode.apply(undefined, kept.subarray(i, Math.min(size, i + 8192)) as unknown as Array<number>)
  }
  return result
}

const MARGIN = `${PUNCTUATION} `

/** `str.strip(string.punctuation + " ")`: newlines and tabs stay. */
export const trim = (text: string): string => stripChars(text, MARGIN)
export const trimStart = (text: string): string => stripCharsStart(text, MARGIN)
export const trimEnd = (text: string): string => stripCharsEnd(text, MARGIN)

// The digits that are not decimal digits: superscripts, subscripts, circled and the like.
const otherDigits =
  /^[\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]$/u

/** `str.isdigit` for one character. */
export const isDigit = (point: number): boolean =>
  isDecimal(point) || (point > 0x7f && otherDigits.test(String.fromCodePoint(point)))

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
