import { isWord } from "./Characters.ts"

const step = (text: string, index: number): number => {
  const point = text.codePointAt(index)!
  return point > 0xffff ? 2 : 1
}

const scan = (text: string, visit: (start: number, end: number) => void): void => {
  let i = 0
  while (i < text.length) {
    while (i < text.length && !isWord(text.codePointAt(i)!)) i += step(text, i)
    if (i >= text.length) return
    const start = i
    while (i < text.length && isWord(text.codePointAt(i)!)) i += step(text, i)
    visit(start, i)
  }
}

/** The runs of `\w+`: "don't" is two words, "_a_" is one. */
export const words = (text: string): Array<string> => {
  const found: Array<string> = []
  scan(text, (start, end) => found.push(text.slice(start, end)))
  return found
}

/** `words(text).length` without the words. */
export const countWords = (text: string): number => {
  let total = 0
  scan(text, () => total++)
  return total
}
