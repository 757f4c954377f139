// Penn Treebank words as NLTK 3.9.1's `word_tokenize` gives them. The reference rewrites each sentence by some thirty
// substitutions and splits the result at whitespace. All they do is put spaces around characters and rename quotes, so one
// pass over the text finds the same words: a chunk is a run of characters between two spaces, in the text or put there, and
// clitics and contractions are then cut off the chunks.
import { isDecimal, isSpace, isWord } from "./Characters.ts"
import { eachSentence } from "./Punkt.ts"
import { pointAt, type Units, unitsOf } from "./Units.ts"

const OPENING = "``"
const CLOSING = "''"

const DOT = 0x2e
const DASH = 0x2d
const QUOTE = 0x22
const APOSTROPHE = 0x27
const BACKTICK = 0x60
const SPACE = 0x20

// What a character does, by its code; everything not listed is an ordinary letter of a chunk.
const PLAIN = 0
const ALONE = 1
const SPECIAL = 2

const SEPARATOR = 4
const OPENING_MARK = 8
const BRACKET = 16
const CLOSER = 32
// A space, or a mark that has spaces around it before apostrophes are looked at.
const SPACED_EARLY = 64
const KIND = 3

const traits = new Uint8Array(0x2020)
const give = (characters: string, trait: number): void => {
  for (const character of characters) traits[character.charCodeAt(0)]! |= trait
}
give(";@#$%&?!*[](){}<>»”’«“‘„", ALONE)
give("\"'`:,.-", SPECIAL)
give(":,", SEPARATOR)
give("«“‘„", OPENING_MARK)
give(" ([{<", BRACKET)
give("])}>\"'»”’ ", CLOSER)
give(" ;@#$%&?!:,.«“‘„`", SPACED_EARLY)

const traitsOf = (unit: number): number => unit < traits.length ? traits[unit]! : 0

const runEnd = (units: Units, start: number, end: number, unit: number): number => {
  let i = start
  while (i < end && units[i] === unit) i++
  return i
}

/** The index of the final period of a sentence if only closing punctuation and spaces follow it, else -1. */
const finalPeriod = (units: Units, start: number, end: number): number => {
  let i = end - 1
  for (; i > start && (traitsOf(units[i]!) & CLOSER) !== 0; i--) {
    // A quote behind a space opens: it has been rewritten by the time that periods are looked at.
    const unit = units[i]!
    const opens = unit === QUOTE || (unit === APOSTROPHE && i + 1 < end && units[i + 1] === APOSTROPHE)
    if (opens && units[i - 1] === SPACE) return -1
  }
  return i > start && units[i] === DOT && units[i - 1] !== DOT ? i : -1
}

/** Whether an apostrophe at `i` is followed by a word of one letter other than those of clitics: 'm, 't, 's, 'd, 'n. */
const precedesLetter = (units: Units, i: number, end: number): boolean => {
  if (i + 1 >= end) return false
  const point = pointAt(units, i + 1)
  if (!isWord(point)) return false
  const next = i + (point > 0xffff ? 3 : 2)
  if (next < end && isWord(pointAt(units, next))) return false
  return !"mtsdnMTSDN\u017f".includes(String.fromCodePoint(point))
}

type Emit = (token: string) => void

// -------------------------------------------------------------------------------------------- clitics and contractions

const clitics = ["'s", "'S", "'m", "'M", "'d", "'D", "'"]
const longClitics = ["'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't", "N'T"]

/** The length of the clitic that ends `chunk` behind a character other than an apostrophe, or 0. */
const cliticLength = (chunk: string, candidates: ReadonlyArray<string>): number => {
  for (const clitic of candidates) {
    const at = chunk.length - clitic.length
    if (at > 0 && chunk.endsWith(clitic) && chunk.charCodeAt(at - 1) !== APOSTROPHE) return clitic.length
  }
  return 0
}

// Under `re.IGNORECASE` an i is also matched by U+0130 and U+0131, an s by U+017F.
const contractions =
  /(?<![\p{L}\p{N}_])(?:(can)(not)|(d)('ye)|(g[i\u0130\u0131]m)(me)|(gon)(na)|(got)(ta)|(lem)(me)|(more)('n)|(wan)(na)(?=$))(?![\p{L}\p{N}_])/giu
const contractionHint = /nn[oa]|'[yn]|mme|tta/i
const tis = /^('t)([i\u0130\u0131][s\u017f])(?![\p{L}\p{N}_])/iu
const twas = /^('t)(wa[s\u017f])(?![\p{L}\p{N}_])/iu

/** Splits what `pattern` finds at the start of `piece` and returns the rest. */
const splitStart = (piece: string, pattern: RegExp, emit: Emit): string => {
  const match = pattern.exec(piece)
  if (match === null) return piece
  emit(match[1]!)
  emit(match[2]!)
  return piece.slice(match[0].length)
}

const emitOpening = (piece: string, emit: Emit): void => {
  const rest = piece.charCodeAt(0) === APOSTROPHE ? splitStart(splitStart(piece, tis, emit), twas, emit) : piece
  if (rest !== "") emit(rest)
}

const emitPiece = (piece: string, emit: Emit): void => {
  if (!contractionHint.test(piece)) return emitOpening(piece, emit)
  let done = 0
  for (const match of piece.matchAll(contractions)) {
    if (match.index > done) emitOpening(piece.slice(done, match.index), emit)
    for (const part of match.slice(1)) if (part !== undefined) emitOpening(part, emit)
    done = match.index + match[0].length
  }
  if (done < piece.length) emitOpening(piece.slice(done), emit)
}

/** `spaced`: a space, not just any break, follows by the time that apostrophes before spaces are split off. */
const emitChunk = (chunk: string, spaced: boolean, emit: Emit): void => {
  const size = chunk.length
  if (spaced && size > 1 && chunk.charCodeAt(size - 1) === APOSTROPHE && chunk.charCodeAt(size - 2) !== APOSTROPHE) {
    emitChunk(chunk.slice(0, -1), false, emit)
    emit("'")
    return
  }
  const short = chunk.includes("'") ? cliticLength(chunk, clitics) : 0
  const stem = short === 0 ? chunk : chunk.slice(0, -short)
  const long = stem.includes("'") ? cliticLength(stem, longClitics) : 0
  emitPiece(long === 0 ? stem : stem.slice(0, -long), emit)
  if (long > 0) emitPiece(stem.slice(-long), emit)
  if (short > 0) emitPiece(chunk.slice(-short), emit)
}

// ------------------------------------------------------------------------------------------------------------- chunks

/** Tokenizes parts of one text. */
export class Tokenizer {
  /** False once the visitor has had enough. */
  more = true
  readonly #text: string
  readonly #units: Units
  #end = 0
  /** Where the current chunk starts. */
  #chunk = 0
  /** The last apostrophe inside a chunk. */
  #apostrophe = -1

  readonly #emit: Emit

  constructor(text: string, units: Units, visit: (token: string) => boolean) {
    this.#text = text
    this.#units = units
    this.#emit = (token) => {
      if (this.more) this.more = visit(token)
    }
  }

  /** Ends the current chunk before `at`. `spaced` as for `emitChunk`. */
  #flush(at: number, spaced: boolean): void {
    const start = this.#chunk
    if (at <= start) return
    const word = this.#text.slice(start, at)
    if (this.#apostrophe >= start) emitChunk(word, spaced, this.#emit)
    // No contraction without an apostrophe is shorter than "gonna".
    else if (at - start < 5) this.#emit(word)
    else emitPiece(word, this.#emit)
  }

  #isSpacedEarly(at: number): boolean {
    return at < this.#end && (traitsOf(this.#units[at]!) & SPACED_EARLY) !== 0
  }

  /** Emits `token` for the characters from `at` to `next`, between two spaces. */
  #alone(at: number, next: number, token: string): number {
    this.#flush(at, this.#isSpacedEarly(at))
    this.#emit(token)
    this.#chunk = next
    return next
  }

  /** Visits the words of `[start, end)`, taken for a text of its own. */
  range(start: number, end: number): void {
    eachSentence(this.#units, start, end, this.#each)
  }

  readonly #each = (start: number, end: number): boolean => {
    this.#sentence(start, end)
    return this.more
  }

  #sentence(start: number, end: number): void {
    const text = this.#text
    const units = this.#units
    const period = finalPeriod(units, start, end)
    this.#end = end
    this.#chunk = start
    /** The character before, as the rule for opening quotes sees it: padded marks leave a space behind. */
    let before = 0
    /** The index of a separator taken along by the one before it. */
    let taken = -1
    let i = start
    while (i < end && this.more) {
      const unit = units[i]!
      const kind = traitsOf(unit) & KIND
      if (kind === PLAIN) {
        if (isSpace(unit)) {
          this.#flush(i, unit === SPACE)
          this.#chunk = i + 1
        }
        before = unit
        i++
      } else if (kind === ALONE) {
        i = this.#alone(i, i + 1, text[i]!)
        before = (traits[unit]! & OPENING_MARK) !== 0 ? SPACE : unit
      } else if (unit === QUOTE) {
        const opens = i === start || (traitsOf(before) & BRACKET) !== 0
        before = i === start ? SPACE : QUOTE
        i = this.#alone(i, i + 1, opens ? OPENING : CLOSING)
      } else if (unit === BACKTICK) {
        const stop = runEnd(units, i, end, BACKTICK)
        while (stop - i >= 2) i = this.#alone(i, i + 2, OPENING)
        if (i < stop) i = this.#alone(i, stop, "`")
        before = SPACE
      } else if (unit === APOSTROPHE) {
        const stop = runEnd(units, i, end, APOSTROPHE)
        if (stop - i >= 2) i = this.#alone(i, i + 2, (traitsOf(before) & BRACKET) !== 0 ? OPENING : CLOSING)
        while (stop - i >= 2) i = this.#alone(i, i + 2, CLOSING)
        if (i < stop) this.#apostrophe = i++
        if (precedesLetter(units, stop - 1, end)) {
          this.#flush(i, true)
          this.#chunk = i
        }
        before = APOSTROPHE
      } else if (unit === DASH) {
        const stop = runEnd(units, i, end, DASH)
        while (stop - i >= 2) i = this.#alone(i, i + 2, "--")
        i = stop
        before = DASH
      } else if (unit === DOT) {
        const stop = runEnd(units, i, end, DOT)
        if (stop - i >= 2 || i === period) i = this.#alone(i, stop, text.slice(i, stop))
        else i++
        before = DOT
      } else {
        const last = i + 1 === end
        if (last || (i !== taken && !isDecimal(pointAt(units, i + 1)))) {
          taken = !last && (traitsOf(units[i + 1]!) & SEPARATOR) !== 0 ? i + 1 : -1
          i = this.#alone(i, i + 1, text[i]!)
        } else {
          i++
        }
        before = unit
      }
    }
    this.#flush(end, false)
  }
}

/**
 * Calls `visit` with the words of a text, sentence by sentence, until it returns false. Straight quotes become `` or ''.
 */
export const eachToken = (text: string, visit: (token: string) => boolean): void =>
  new Tokenizer(text, unitsOf(text), visit).range(0, text.length)

/** The words of a text, at most `limit` of them. */
export const tokens = (text: string, limit = Infinity): Array<string> => {
  const found: Array<string> = []
  eachToken(text, (token) => found.push(token) < limit)
  return found
}

/** Whether every word of a text is as it should be. */
export const everyToken = (text: string, holds: (token: string) => boolean): boolean => {
  let all = true
  eachToken(text, (token) => all = holds(token))
  return all
}

/** The number of words that are as wanted, of which no more than `limit` are looked for. */
export const countTokens = (text: string, wanted: (token: string) => boolean, limit = Infinity): number => {
  let total = 0
  eachToken(text, (token) => {
    if (wanted(token)) total++
    return total < limit
  })
  return total
}
