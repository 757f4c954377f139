// Literal search. Keywords are data: they are compared, never compiled, so a keyword such as "C++" means itself, and the
// time is linear in the text whatever both contain (Knuth-Morris-Pratt).
import { isBoundary } from "./Characters.ts"
import { fold } from "./Fold.ts"
import { unitsOf } from "./Units.ts"

const failures = (pattern: Uint16Array): Int32Array => {
  const table = new Int32Array(pattern.length)
  for (let i = 1, k = 0; i < pattern.length; i++) {
    while (k > 0 && pattern[i] !== pattern[k]) k = table[k - 1]!
    if (pattern[i] === pattern[k]) k++
    table[i] = k
  }
  return table
}

/**
 * Calls `visit` with the start of every occurrence, left to right, until it returns false. `overlapping` false resumes
 * behind each occurrence, as `re.findall` does. The empty pattern has no occurrence.
 */
export const eachOccurrence = (
  text: Uint16Array,
  pattern: Uint16Array,
  overlapping: boolean,
  visit: (start: number) => boolean
): void => {
  const size = pattern.length
  if (size === 0 || size > text.length) return
  const table = failures(pattern)
  for (let i = 0, k = 0; i < text.length; i++) {
    const unit = text[i]!
    while (k > 0 && unit !== pattern[k]) k = table[k - 1]!
    if (unit === pattern[k]) k++
    if (k === size) {
      if (!visit(i - size + 1)) return
      k = overlapping ? table[k - 1]! : 0
    }
  }
}

/** A text prepared for case-insensitive searches: `re.IGNORECASE` with the keyword taken literally. */
export interface Haystack {
  readonly text: string
  readonly folded: Uint16Array
}

export const haystack = (text: string): Haystack => ({ text, folded: fold(text) })

export const contains = ({ folded }: Haystack, keyword: string): boolean => {
  let found = false
  eachOccurrence(folded, fold(keyword), true, () => {
    found = true
    return false
  })
  return found
}

/** The number of occurrences that do not overlap. */
export const count = ({ folded }: Haystack, keyword: string): number => {
  let total = 0
  eachOccurrence(folded, fold(keyword), false, () => {
    total++
    return true
  })
  return total
}

/** Whether `keyword` occurs between two `\b`. */
export const containsWord = ({ folded, text }: Haystack, keyword: string): boolean => {
  const pattern = fold(keyword)
  let found = false
  eachOccurrence(folded, pattern, true, (start) => {
    found = isBoundary(text, start) && isBoundary(text, start + pattern.length)
    return !found
  })
  return found
}

/** Calls `visit` with the start of every occurrence of `keyword`, case-sensitive, overlapping ones included. */
export const eachExact = (text: string, keyword: string, visit: (start: number) => boolean): void =>
  eachOccurrence(unitsOf(text), unitsOf(keyword), true, visit)

/** The first occurrence of `keyword` at or after `from`, or -1: `indexOf` in linear time whatever both contain. */
export const indexFrom = (text: Uint16Array, keyword: Uint16Array, from: number): number => {
  if (keyword.length === 0) return from <= text.length ? from : -1
  let found = -1
  eachOccurrence(text.subarray(from), keyword, true, (start) => {
    found = from + start
    return false
  })
  return found
}

/** Whether `keyword` occurs between two `\b`, case-sensitive. */
export const containsExactWord = (text: string, keyword: string): boolean => {
  let found = false
  eachExact(text, keyword, (start) => {
    found = isBoundary(text, start) && isBoundary(text, start + keyword.length)
    return !found
  })
  return found
}
