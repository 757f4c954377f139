// A set of lower-case ASCII words with a number each, looked up in place: the characters of a text are compared as they
// stand, any case, without making a string of them.
import { type Units, unitsOf } from "./Units.ts"

/** Lower case as far as it is ASCII. Of all other characters only the Kelvin sign becomes so. */
const lower = (unit: number): number => unit >= 0x41 && unit <= 0x5a ? unit + 0x20 : unit === 0x212a ? 0x6b : unit

/** The words, each with a number of 1. */
export const wordTable = (words: ReadonlyArray<string>): WordTable => new WordTable(new Map(words.map((word) => [word, 1])))

export class WordTable {
  readonly #slots: Int32Array
  readonly #starts: Int32Array
  readonly #values: Int32Array
  readonly #letters: Uint8Array
  readonly #longest: number

  constructor(words: ReadonlyMap<string, number>) {
    let size = 64
    while (size < words.size * 3) size *= 2
    this.#slots = new Int32Array(size)
    this.#starts = new Int32Array(words.size + 2)
    this.#values = new Int32Array(words.size + 1)
    const text = [...words.keys()].join("")
    this.#letters = new Uint8Array(text.length)
    for (let i = 0; i < text.length; i++) this.#letters[i] = text.charCodeAt(i)
    let entry = 1
    let longest = 0
    for (const [word, value] of words) {
      this.#values[entry] = value
      this.#starts[entry + 1] = this.#starts[entry]! + word.length
      let slot = this.#slot(unitsOf(word), 0, word.length)
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (size - 1)
      this.#slots[slot] = entry++
      longest = Math.max(longest, word.length)
    }
    this.#longest = longest
  }

  /** The first slot to look at, or -1 when a character is not ASCII. */
  #slot(units: Units, start: number, end: number): number {
    let hash = 0x811c9dc5
    for (let i = start; i < end; i++) {
      const unit = lower(units[i]!)
      if (unit >= 0x80) return -1
      hash = Math.imul(hash ^ unit, 0x01000193)
    }
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1)
  }

  /** The number of the word that `units[start, end)` is in lower case, or 0. */
  get(units: Units, start: number, end: number): number {
    const size = end - start
    if (size > this.#longest) return 0
    let slot = this.#slot(units, start, end)
    if (slot < 0) return 0
    while (true) {
      const entry = this.#slots[slot]!
      if (entry === 0) return 0
      const first = this.#starts[entry]!
      if (this.#starts[entry + 1]! - first === size) {
        let i = 0
        while (i < size && this.#letters[first + i] === lower(units[start + i]!)) i++
        if (i === size) return this.#values[entry]!
      }
      slot = (slot + 1) & (this.#slots.length - 1)
    }
  }
}
