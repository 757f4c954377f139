import { isWord } from "./Characters.ts"
import type { VisitRange } from "./Ranges.ts"
import { pointAt, type Units, unitsOf } from "./Units.ts"

/** Visits every run of `\w+`. */
export const eachWord = (units: Units, visit: VisitRange): void => {
  let start = -1
  for (let i = 0; i < units.length; i++) {
    const point = pointAt(units, i)
    if (isWord(point)) {
      if (start < 0) start = i
    } else if (start >= 0) {
      if (!visit(start, i)) return
      start = -1
    }
    if (point > 0xffff) i++
  }
  if (start >= 0) visit(start, units.length)
}

/** The runs of `\w+`: "don't" is two words, "_a_" is one. */
export const words = (text: string): Array<string> => {
  const found: Array<string> = []
  eachWord(unitsOf(text), (start, end) => found.push(text.slice(start, end)) > 0)
  return found
}

/** `words(text).length` without the words. */
export const countWords = (text: string): number => {
  let total = 0
  eachWord(unitsOf(text), () => ++total > 0)
  return total
}
