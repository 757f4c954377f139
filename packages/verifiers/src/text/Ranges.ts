// Parts of a text as ranges of its code units: a megabyte of short words is half a million of them, which take several times
// longer to make strings of than to look at.
import { type AsciiSet, isIn, isSpace, MARGIN } from "./Characters.ts"
import type { Units } from "./Units.ts"

/** Looks at `[start, end)`; false ends the walk. */
export type VisitRange = (start: number, end: number) => boolean

/** Visits the pieces of `str.split()`: those between runs of whitespace, none of them empty. */
export const eachPiece = (units: Units, visit: VisitRange): void => {
  const size = units.length
  for (let i = 0; i < size; i++) {
    if (isSpace(units[i]!)) continue
    const start = i++
    while (i < size && !isSpace(units[i]!)) i++
    if (!visit(start, i)) return
  }
}

/** Whether something of the units of `[start, end)` holds. */
export type HoldsRange = (units: Units, start: number, end: number) => boolean

/** Whether `holds` of every piece of `eachPiece`. */
export const everyPiece = (units: Units, holds: HoldsRange): boolean => {
  let all = true
  eachPiece(units, (start, end) => all = holds(units, start, end))
  return all
}

/** Whether `holds` of every line between newlines, the empty ones too. */
export const everyLine = (units: Units, holds: HoldsRange): boolean => {
  let start = 0
  for (let i = 0; i < units.length; i++) {
    if (units[i] !== 0x0a) continue
    if (!holds(units, start, i)) return false
    start = i + 1
  }
  return holds(units, start, units.length)
}

/** Whether two ranges hold the same. */
export const sameRange = (units: Units, start: number, end: number, otherStart: number, otherEnd: number): boolean => {
  if (end - start !== otherEnd - otherStart) return false
  for (let i = start; i < end; i++) if (units[i] !== units[otherStart + i - start]) return false
  return true
}

/** Whether `wanted` stands at `at`. */
export const isAt = (units: Units, at: number, wanted: ArrayLike<number>): boolean => {
  for (let i = 0; i < wanted.length; i++) if (units[at + i] !== wanted[i]) return false
  return true
}

/** Whether `[start, end)` holds `wanted`. */
export const isRange = (units: Units, start: number, end: number, wanted: Units): boolean =>
  end - start === wanted.length && isAt(units, start, wanted)

/** Where `[start, end)` starts and ends without whitespace around it: the range of `strip`. */
export const strippedStart = (units: Units, start: number, end: number): number => {
  let i = start
  while (i < end && isSpace(units[i]!)) i++
  return i
}

export const strippedEnd = (units: Units, start: number, end: number): number => {
  let i = end
  while (i > start && isSpace(units[i - 1]!)) i--
  return i
}

/** Where `[start, end)` starts and ends without any of `chars` around it: the range of `stripChars`. */
export const withoutStart = (units: Units, start: number, end: number, chars: AsciiSet): number => {
  let i = start
  while (i < end && isIn(chars, units[i]!)) i++
  return i
}

export const withoutEnd = (units: Units, start: number, end: number, chars: AsciiSet): number => {
  let i = end
  while (i > start && isIn(chars, units[i - 1]!)) i--
  return i
}

/** The same without punctuation and spaces: the range of `trim`. */
export const trimmedStart = (units: Units, start: number, end: number): number => withoutStart(units, start, end, MARGIN)
export const trimmedEnd = (units: Units, start: number, end: number): number => withoutEnd(units, start, end, MARGIN)

/** An odd number that differs from process to process: with it in a hash, no text is made of what collides. */
export const randomOdd = (): number => Math.floor(Math.random() * 2 ** 32) | 1

/** How often each different range of one text was seen. */
export class RangeCounts {
  /** The number of different ranges. */
  size = 0
  readonly #units: Units
  readonly #multiplier = randomOdd()
  #slots = new Int32Array(64)
  // What is known of each different range, from 1 on.
  #starts = new Int32Array(33)
  #ends = new Int32Array(33)
  #hashes = new Int32Array(33)
  #counts = new Int32Array(33)

  constructor(units: Units) {
    this.#units = units
  }

  /** Counts `[start, end)`, and returns how often it was seen with this time. */
  add(start: number, end: number): number {
    const units = this.#units
    let hash = end - start
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ units[i]!, this.#multiplier)
    hash ^= hash >>> 15
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let entry; (entry = this.#slots[slot]!) !== 0; slot = (slot + 1) & mask) {
      if (this.#hashes[entry] !== hash || !sameRange(units, start, end, this.#starts[entry]!, this.#ends[entry]!)) continue
      return ++this.#counts[entry]!
    }
    const entry = ++this.size
    this.#slots[slot] = entry
    this.#starts[entry] = start
    this.#ends[entry] = end
    this.#hashes[entry] = hash
    this.#counts[entry] = 1
    if (entry * 2 === this.#slots.length) this.#grow()
    return 1
  }

  #grow(): void {
    const size = this.#slots.length * 2
    const wider = (known: Int32Array): Int32Array<ArrayBuffer> => {
      const copy = new Int32Array(size / 2 + 1)
      copy.set(known)
      return copy
    }
    this.#starts = wider(this.#starts)
    this.#ends = wider(this.#ends)
    this.#hashes = wider(this.#hashes)
    this.#counts = wider(this.#counts)
    this.#slots = new Int32Array(size)
    for (let entry = 1; entry <= this.size; entry++) {
      let slot = this.#hashes[entry]! & (size - 1)
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (size - 1)
      this.#slots[slot] = entry
    }
  }
}
