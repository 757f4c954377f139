import { isWord } from "./Characters.ts"

/** The code point at `index`, given the unit there. Pairs of surrogates are rare, so they are looked at last. */
const pointOf = (text: string, index: number, unit: number): number =>
  (unit & 0xfc00) === 0xd800 ? text.codePointAt(index)! : unit

/** Calls `visit` with the start and the end of every run of `\w+`. */
export const scanWords = (text: string, visit: (start: number, end: number) => void): void => {
  let start = -1
  for (let i = 0; i < text.length; i++) {
    const point = pointOf(text, i, text.charCodeAt(i))
    if (isWord(point)) {
      if (start < 0) start = i
    } else if (start >= 0) {
      visit(start, i)
      start = -1
    }
    if (point > 0xffff) i++
  }
  if (start >= 0) visit(start, text.length)
}

/** The runs of `\w+`: "don't" is two words, "_a_" is one. */
export const words = (text: string): Array<string> => {
  const found: Array<string> = []
  scanWords(text, (start, end) => found.push(text.slice(start, end)))
  return found
}

/** `words(text).length` without the words. */
export const countWords = (text: string): number => {
  let total = 0
  scanWords(text, () => total++)
  return total
}
