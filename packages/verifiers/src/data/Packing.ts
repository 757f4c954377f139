// Reads what tools/verifier-data/build.mjs packs: numbers in base 37, word lists front-coded in base-36 prefix lengths.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"

const digitOf = new Int8Array(128).fill(-1)
for (let i = 0; i < DIGITS.length; i++) digitOf[DIGITS.charCodeAt(i)] = i

const SPACE = 0x20

/**
 * Calls `visit` for each `<key><number>` from `start` to the next space, where keys are single characters that are no digits.
 * Returns the index behind the space.
 */
export const eachNumber = (text: string, start: number, visit: (key: number, value: number) => void): number => {
  let i = start
  while (i < text.length && text.charCodeAt(i) !== SPACE) {
    const key = text.charCodeAt(i++)
    let value = 0
    for (let digit; i < text.length && (digit = digitOf[text.charCodeAt(i)]!) >= 0; i++) value = value * 37 + digit
    visit(key, value)
  }
  return i + 1
}

/** One number in base 37. */
export const unpackNumber = (text: string): number => {
  let value = 0
  for (let i = 0; i < text.length; i++) value = value * 37 + digitOf[text.charCodeAt(i)]!
  return value
}

/** The words of a front-coded list, in order. */
export const unpackWords = (text: string): Array<string> => {
  const words: Array<string> = []
  if (text === "") return words
  let previous = ""
  for (const piece of text.split(" ")) {
    previous = previous.slice(0, parseInt(piece[0]!, 36)) + piece.slice(1)
    words.push(previous)
  }
  return words
}

/** A function that computes its value on the first call. */
export const lazy = <A>(make: () => A): () => A => {
  let value: { readonly made: A } | undefined
  return () => (value ??= { made: make() }).made
}
