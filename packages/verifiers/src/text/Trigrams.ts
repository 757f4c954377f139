// Sets of character trigrams in typed arrays: a megabyte of text has up to a million of them.

const points = (text: string): Array<number> => {
  const result: Array<number> = []
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!
    result.push(point)
    if (point > 0xffff) i++
  }
  return result
}

/** Open addressing over the three code points of each trigram. */
class TrigramSet {
  size = 0
  readonly #slots: Int32Array
  readonly #mask: number

  constructor(capacity: number) {
    let slots = 16
    while (slots < capacity * 2) slots *= 2
    this.#slots = new Int32Array(slots * 3)
    this.#mask = slots - 1
  }

  /** The slot of the trigram, or of the free place for it. A free place holds 0; code points are stored plus one. */
  #find(a: number, b: number, c: number): number {
    let hash = Math.imul(Math.imul(Math.imul(a + 1, 0x9e3779b1) ^ b, 0x85ebca6b) ^ c, 0xc2b2ae35)
    hash ^= hash >>> 15
    for (let slot = hash & this.#mask;; slot = (slot + 1) & this.#mask) {
      const at = slot * 3
      const first = this.#slots[at]!
      if (first === 0 || (first === a + 1 && this.#slots[at + 1] === b && this.#slots[at + 2] === c)) return at
    }
  }

  /** Whether the trigram was new. */
  add(a: number, b: number, c: number): boolean {
    const at = this.#find(a, b, c)
    if (this.#slots[at] !== 0) return false
    this.#slots[at] = a + 1
    this.#slots[at + 1] = b
    this.#slots[at + 2] = c
    this.size++
    return true
  }

  has(a: number, b: number, c: number): boolean {
    return this.#slots[this.#find(a, b, c)] !== 0
  }
}

/** The share of the text's different trigrams that the reference has too, or undefined for a text without any. */
export const trigramOverlap = (text: string, reference: string): number | undefined => {
  const wanted = points(reference)
  const known = new TrigramSet(wanted.length)
  for (let i = 2; i < wanted.length; i++) known.add(wanted[i - 2]!, wanted[i - 1]!, wanted[i]!)
  const given = points(text)
  const seen = new TrigramSet(given.length)
  let shared = 0
  for (let i = 2; i < given.length; i++) {
    const [a, b, c] = [given[i - 2]!, given[i - 1]!, given[i]!]
    if (seen.add(a, b, c) && known.has(a, b, c)) shared++
  }
  return seen.size === 0 ? undefined : shared / seen.size
}
