// Penn Treebank words as NLTK 3.9.1's `word_tokenize` gives them. The reference rewrites each sentence by some thirty
// substitutions and splits the result at whitespace. All they do is put spaces around characters and rename quotes, so one
// pass over the text finds the same words: a chunk is a run of characters between two spaces, in the text or put there, and
// clitics and contractions are then cut off the chunks.
import { isDecimal, isSpace, isWord } from "./Characters.ts"
import { eachSentence } from "./Punkt.ts"
import type { HoldsRange } from "./Ranges.ts"
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

/** Straight quotes become the first two; all other words are as they stand in the text. */
export type Quote = typeof OPENING | typeof CLOSING | ""

/** Looks at the word `[start, end)`; false ends the walk. */
export type VisitToken = (start: number, end: number, quote: Quote) => boolean

// -------------------------------------------------------------------------------------------- clitics and contractions

/** ASCII letters in lower case, and a few other characters as what is no letter. */
const lower = (unit: number): number => unit >= 0x41 && unit <= 0x5a ? unit + 0x20 : unit

const code = (character: string): number => character.charCodeAt(0)

/** The length of 's, 'm, 'd or ' at the end of a chunk, behind a character other than an apostrophe, or 0. */
const shortClitic = (units: Units, start: number, end: number): number => {
  const last = units[end - 1]!
  const letter = lower(last)
  const size = last === APOSTROPHE ? 1 : letter === code("s") || letter === code("m") || letter === code("d") ? 2 : 0
  const at = end - size
  return size > 0 && at > start && units[at] === APOSTROPHE && units[at - 1] !== APOSTROPHE ? size : 0
}

// In one case; by their units.
const longClitics = ["'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't", "N'T"].map((clitic) => Array.from(clitic, code))

/** The length of one of these at the end of a chunk, or 0. */
const longClitic = (units: Units, start: number, end: number): number => {
  const at = end - 3
  if (at <= start || units[at - 1] === APOSTROPHE || (units[at] !== APOSTROPHE && units[at + 1] !== APOSTROPHE)) return 0
  const [first, second, third] = [units[at], units[at + 1], units[at + 2]]
  return longClitics.some((clitic) => clitic[0] === first && clitic[1] === second && clitic[2] === third) ? 3 : 0
}

/** Words that are cut in two wherever they stand alone, any case, and where; the last only at the end of a chunk. */
const contractions = ([["can", "not"], ["d", "'ye"], ["gim", "me"], ["gon", "na"], ["got", "ta"], ["lem", "me"], ["more", "'n"], ["wan", "na"]] as const).map(
  ([head, tail]) => ({ units: Array.from(head + tail, code), cut: head.length, final: head === "wan" })
)

// Under `re.IGNORECASE` an i is also matched by U+0130 and U+0131, an s by U+017F.
const isLetter = (unit: number, wanted: number): boolean =>
  lower(unit) === wanted || (wanted === code("i") && (unit === 0x130 || unit === 0x131)) || (wanted === code("s") && unit === 0x17f)

/** Whether `wanted`, in lower case, stands at `at` and no word character follows in the chunk. */
const standsAt = (units: Units, wanted: ReadonlyArray<number>, at: number, end: number): boolean => {
  const next = at + wanted.length
  if (next > end) return false
  for (let i = 0; i < wanted.length; i++) if (!isLetter(units[at + i]!, wanted[i]!)) return false
  return next === end || !isWord(pointAt(units, next))
}

/** Whether a chunk may have one of the contractions in it: all have nna, nno, mme, tta, 'y or 'n. */
const mayContract = (units: Units, start: number, end: number): boolean => {
  for (let i = start + 1; i < end; i++) {
    const before = units[i - 1]!
    const letter = lower(units[i]!)
    if (before === APOSTROPHE) {
      if (letter === code("y") || letter === code("n")) return true
    } else if (i + 1 < end && lower(before) === letter) {
      const next = lower(units[i + 1]!)
      if (letter === code("n") ? next === code("a") || next === code("o") : letter === code("m") ? next === code("e") : letter === code("t") && next === code("a")) {
        return true
      }
    }
  }
  return false
}

const tis = Array.from("'tis", code)
const twas = Array.from("'twas", code)

// ------------------------------------------------------------------------------------------------------------- chunks

/** Tokenizes parts of one text. */
export class Tokenizer {
  /** False once the visitor has had enough. */
  more = true
  readonly #units: Units
  readonly #visit: VisitToken
  #end = 0
  /** Where the current chunk starts. */
  #chunk = 0
  /** The last apostrophe inside a chunk. */
  #apostrophe = -1

  constructor(units: Units, visit: VisitToken) {
    this.#units = units
    this.#visit = visit
  }

  #emit(start: number, end: number, quote: Quote = ""): void {
    if (this.more) this.more = this.#visit(start, end, quote)
  }

  /** Ends the current chunk before `at`. `spaced` as for `#emitChunk`. */
  #flush(at: number, spaced: boolean): void {
    const start = this.#chunk
    if (at <= start) return
    if (this.#apostrophe >= start) this.#emitChunk(start, at, spaced)
    // No contraction without an apostrophe is shorter than "gonna".
    else if (at - start < 5) this.#emit(start, at)
    else this.#emitPiece(start, at)
  }

  /** `spaced`: a space, not just any break, follows by the time that apostrophes before spaces are split off. */
  #emitChunk(start: number, end: number, spaced: boolean): void {
    const units = this.#units
    if (spaced && end - start > 1 && units[end - 1] === APOSTROPHE && units[end - 2] !== APOSTROPHE) {
      this.#emitChunk(start, end - 1, false)
      this.#emit(end - 1, end)
      return
    }
    const short = end - shortClitic(units, start, end)
    const long = short - longClitic(units, start, short)
    this.#emitPiece(start, long)
    if (long < short) this.#emitPiece(long, short)
    if (short < end) this.#emitPiece(short, end)
  }

  #emitPiece(start: number, end: number): void {
    const units = this.#units
    let done = start
    if (mayContract(units, start, end)) {
      let inside = false
      for (let i = start; i < end;) {
        const found = inside ? undefined : contractions.find((one) => standsAt(units, one.units, i, end) && !(one.final && i + one.units.length < end))
        if (found === undefined) {
          const point = pointAt(units, i)
          inside = isWord(point)
          i += point > 0xffff ? 2 : 1
          continue
        }
        if (i > done) this.#emitOpening(done, i)
        done = i + found.units.length
        this.#emitOpening(i, i + found.cut)
        this.#emitOpening(i + found.cut, done)
        inside = isWord(units[done - 1]!)
        i = done
      }
    }
    if (done < end) this.#emitOpening(done, end)
  }

  /** Cuts "'tis" and "'twas" at the start of a piece in two. */
  #emitOpening(start: number, end: number): void {
    let rest = start
    for (const word of [tis, twas]) {
      if (this.#units[rest] !== APOSTROPHE || !standsAt(this.#units, word, rest, end)) continue
      this.#emit(rest, rest + 2)
      this.#emit(rest + 2, rest + word.length)
      rest += word.length
    }
    if (rest < end) this.#emit(rest, end)
  }

  #isSpacedEarly(at: number): boolean {
    return at < this.#end && (traitsOf(this.#units[at]!) & SPACED_EARLY) !== 0
  }

  /** Emits the characters from `at` to `next`, between two spaces. */
  #alone(at: number, next: number, quote: Quote = ""): number {
    this.#flush(at, this.#isSpacedEarly(at))
    this.#emit(at, next, quote)
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
        i = this.#alone(i, i + 1)
        before = (traits[unit]! & OPENING_MARK) !== 0 ? SPACE : unit
      } else if (unit === QUOTE) {
        const opens = i === start || (traitsOf(before) & BRACKET) !== 0
        before = i === start ? SPACE : QUOTE
        i = this.#alone(i, i + 1, opens ? OPENING : CLOSING)
      } else if (unit === BACKTICK) {
        const stop = runEnd(units, i, end, BACKTICK)
        while (stop - i >= 2) i = this.#alone(i, i + 2)
        if (i < stop) i = this.#alone(i, stop)
        before = SPACE
      } else if (unit === APOSTROPHE) {
        const stop = runEnd(units, i, end, APOSTROPHE)
        if (stop - i >= 2) i = this.#alone(i, i + 2, (traitsOf(before) & BRACKET) !== 0 ? OPENING : CLOSING)
        while (stop - i >= 2) i = this.#alone(i, i + 2)
        if (i < stop) this.#apostrophe = i++
        if (precedesLetter(units, stop - 1, end)) {
          this.#flush(i, true)
          this.#chunk = i
        }
        before = APOSTROPHE
      } else if (unit === DASH) {
        const stop = runEnd(units, i, end, DASH)
        while (stop - i >= 2) i = this.#alone(i, i + 2)
        i = stop
        before = DASH
      } else if (unit === DOT) {
        const stop = runEnd(units, i, end, DOT)
        if (stop - i >= 2 || i === period) i = this.#alone(i, stop)
        else i++
        before = DOT
      } else {
        const last = i + 1 === end
        if (last || (i !== taken && !isDecimal(pointAt(units, i + 1)))) {
          taken = !last && (traitsOf(units[i + 1]!) & SEPARATOR) !== 0 ? i + 1 : -1
          i = this.#alone(i, i + 1)
        } else {
          i++
        }
        before = unit
      }
    }
    this.#flush(end, false)
  }
}

/** Visits the words of a text, sentence by sentence. */
export const eachToken = (units: Units, visit: VisitToken): void => new Tokenizer(units, visit).range(0, units.length)

/** The words of a text, at most `limit` of them. */
export const tokens = (text: string, limit = Infinity): Array<string> => {
  const found: Array<string> = []
  eachToken(unitsOf(text), (start, end, quote) => found.push(quote === "" ? text.slice(start, end) : quote) < limit)
  return found
}

/** The number of words that are as wanted, of which no more than `limit` are looked for. None is a straight quote. */
export const countTokens = (units: Units, wanted: HoldsRange, limit = Infinity): number => {
  let total = 0
  eachToken(units, (start, end, quote) => {
    if (quote === "" && wanted(units, start, end)) total++
    return total < limit
  })
  return total
}
