// Randomness without state: the n-th draw of a stream is a function of the stream's key and n (SplitMix64), so a
// draw depends on nothing that was drawn elsewhere and a saved position resumes exactly.

const gamma = 0x9e3779b97f4a7c15n
const mask = 0xffffffffffffffffn

const mix = (state: bigint): bigint => {
  const a = ((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
  const b = ((a ^ (a >> 27n)) * 0x94d049bb133111ebn) & mask
  return b ^ (b >> 31n)
}

/** Output `index` (from 0) of SplitMix64 seeded with `seed` (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195). */
export const splitMix64 = (seed: bigint, index: number): bigint => mix((seed + gamma * BigInt(index + 1)) & mask)

/** A stream of draws. Equal keys give equal streams; different keys, unrelated ones. */
export interface Random {
  /** In [0, 1), a multiple of 2^-53. */
  readonly uniform: () => number
  /** In 0..n-1. */
  readonly int: (n: number) => number
  /** True with the given probability. */
  readonly chance: (probability: number) => boolean
  /** One of the items, which must not be empty. */
  readonly pick: <A>(items: ReadonlyArray<A>) => A
  /** A shuffled copy (Fisher-Yates). */
  readonly shuffle: <A>(items: ReadonlyArray<A>) => Array<A>
}

/** A key's part taken in: integers as they are, other numbers by their decimal form, strings by code point. */
const absorb = (state: bigint, part: number | string): bigint => {
  if (Number.isSafeInteger(part)) return mix((state + gamma + BigInt.asUintN(64, BigInt(part))) & mask)
  let next = mix(state ^ 0x5851f42d4c957f2dn)
  for (const character of String(part)) next = mix((next + gamma + BigInt(character.codePointAt(0)!)) & mask)
  return next
}

/** The stream of a key, for example `random(seed, "shuffle", epoch)`. */
export const random = (...key: ReadonlyArray<number | string>): Random => {
  const seed = key.reduce(absorb, BigInt(key.length))
  let index = 0
  const uniform = () => Number(splitMix64(seed, index++) >> 11n) * 2 ** -53
  const int = (n: number) => Math.floor(uniform() * n)
  return {
    uniform,
    int,
    chance: (probability) => uniform() < probability,
    pick: (items) => {
      if (items.length === 0) throw new RangeError("pick: no items to choose from; give at least one")
      return items[int(items.length)]!
    },
    shuffle: (items) => {
      const out = [...items]
      for (let i = out.length - 1; i > 0; i--) {
        const j = int(i + 1)
        const kept = out[i]!
        out[i] = out[j]!
        out[j] = kept
      }
      return out
    }
  }
}
