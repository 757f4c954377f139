/**
 * Philox4x32-10, a counter-based random generator: each block of four 32-bit words is a pure function of a key and a
 * counter, so any draw can be made again without the draws before it. Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011; constants and known answers from its Random123 distribution.
 */

/** What a stream of draws belongs to. Different keys give independent streams. */
export interface PhiloxKey {
  /** Integer in [0, 2^53). */
  readonly seed: number
  /** Integer in [0, 2^53): a training step, an epoch, a position in a sequence. */
  readonly step: number
  /** Integer in [0, 2^32): a row of a batch. */
  readonly row: number
}

const multipliers = [0xd2511f53, 0xcd9e8d57] as const
const weyl = [0x9e3779b9, 0xbb67ae85] as const
const rounds = 10

/** The upper 32 bits of the 64-bit product. */
const high = (a: number, b: number): number => {
  const al = a & 0xffff
  const ah = a >>> 16
  const bl = b & 0xffff
  const bh = b >>> 16
  const middle = ah * bl + ((al * bl) >>> 16)
  const carry = (middle & 0xffff) + al * bh
  return ah * bh + (middle >>> 16) + (carry >>> 16)
}

/** One block: four words of `counter` under two words of `key`, into `target`. */
export const philoxBlock = (
  counter: ArrayLike<number>,
  key: ArrayLike<number>,
  target: Uint32Array = new Uint32Array(4)
): Uint32Array => {
  let [c0, c1, c2, c3] = [counter[0]! >>> 0, counter[1]! >>> 0, counter[2]! >>> 0, counter[3]! >>> 0]
  let [k0, k1] = [key[0]! >>> 0, key[1]! >>> 0]
  for (let round = 0; round < rounds; round++) {
    const h0 = high(multipliers[0], c0)
    const l0 = Math.imul(multipliers[0], c0)
    const h1 = high(multipliers[1], c2)
    const l1 = Math.imul(multipliers[1], c2)
    c0 = (h1 ^ c1 ^ k0) >>> 0
    c1 = l1 >>> 0
    c2 = (h0 ^ c3 ^ k1) >>> 0
    c3 = l0 >>> 0
    k0 = (k0 + weyl[0]) >>> 0
    k1 = (k1 + weyl[1]) >>> 0
  }
  target[0] = c0
  target[1] = c1
  target[2] = c2
  target[3] = c3
  return target
}

/** Keeps the kinds of draw apart that share a key: bits 21 to 31 of the last counter word, above those of the step. */
const purposes = { uniform: 0, permutation: 1, normal: 2 } as const

const check = (name: string, value: number, limit: number) => {
  if (!Number.isSafeInteger(value) || value < 0 || value >= limit) {
    throw new RangeError(`philox: ${name} is ${value}; give an integer from 0 up to ${limit - 1}`)
  }
}

const two32 = 2 ** 32

/** Words of a stream one after the other. */
const words = (key: PhiloxKey, purpose: keyof typeof purposes): () => number => {
  check("seed", key.seed, 2 ** 53)
  check("step", key.step, 2 ** 53)
  check("row", key.row, two32)
  const seed = [key.seed % two32, Math.floor(key.seed / two32)]
  const counter = [0, key.row, key.step % two32, Math.floor(key.step / two32) | (purposes[purpose] << 21)]
  const block = new Uint32Array(4)
  let used = 4
  return () => {
    if (used === 4) {
      philoxBlock(counter, seed, block)
      counter[0]!++
      used = 0
    }
    return block[used++]!
  }
}

const uniform = (word: number) => (word >>> 8) * 2 ** -24

/**
 * `count` uniforms in [0, 1), multiples of 2^-24, so that each is exact in float32 and never rounds up to 1. The first n
 * values do not depend on `count`. Throws RangeError for a key out of range.
 */
export const philox = (key: PhiloxKey, count: number): Float32Array<ArrayBuffer> => {
  check("count", count, 2 ** 34)
  const next = words(key, "uniform")
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) values[i] = uniform(next())
  return values
}

/** `count` standard normals (Box and Muller, 1958), for initial weights. Drawn apart from `philox` of the same key. */
export const philoxNormal = (key: PhiloxKey, count: number): Float32Array<ArrayBuffer> => {
  check("count", count, 2 ** 34)
  const next = words(key, "normal")
  const values = new Float32Array(count)
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((next() + 1) / two32))
    const angle = 2 * Math.PI * (next() / two32)
    values[i] = radius * Math.cos(angle)
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle)
  }
  return values
}

/** An unbiased integer in [0, n), n up to 2^32: words that would favour small results are drawn again. */
const below = (next: () => number, n: number): number => {
  const limit = two32 - two32 % n
  for (;;) {
    const word = next()
    if (word < limit) return word % n
  }
}

/**
 * The integers 0 to n-1 in an order that the key decides, every order equally likely (Fisher and Yates). Drawn apart
 * from `philox` of the same key.
 */
export const permutation = (key: PhiloxKey, n: number): Uint32Array<ArrayBuffer> => {
  check("n", n, two32)
  const next = words(key, "permutation")
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = below(next, i + 1)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}
