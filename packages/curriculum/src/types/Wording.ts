// Small pieces of English that phrasings are made of.
import type { Random } from "../Random.ts"

/** An integer from `least` to `most`, both included. */
export const between = (random: Random, least: number, most: number): number => least + random.int(most - least + 1)

/** `3 words`, `1 word`. */
export const counted = (count: unknown, thing: string): string => `${count} ${thing}${Number(count) === 1 ? "" : "s"}`

const joined = (items: ReadonlyArray<string>, word: string): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} ${word} ${items.at(-1)}`

/** `the word "a"`, `the words "a" and "b"`. */
export const quoted = (words: unknown, word: "and" | "or" = "and"): string => {
  const list = (words as ReadonlyArray<string>).map((item) => `"${item}"`)
  return `the ${list.length === 1 ? "word" : "words"} ${joined(list, word)}`
}

const ordinals = ["first", "second", "third", "fourth", "fifth"] as const

/** `1` as "first"; from six on as "6th". */
export const ordinal = (n: unknown): string => ordinals[Number(n) - 1] ?? `${n}th`
