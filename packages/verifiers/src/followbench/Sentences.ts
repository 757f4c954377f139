// FollowBench's own notion of a sentence: a piece between two of `. ! ?` that is not empty, though it may be blank.
import { asciiSet, isIn, isSpace, splitSpaces } from "../text/Characters.ts"
import { containsExactWord } from "../text/Search.ts"
import { unitsOf } from "../text/Units.ts"
import { eachWord } from "../text/Words.ts"

const marks = asciiSet(".!?")

/** Calls `visit` with every piece until it returns false. */
const eachPiece = (text: string, visit: (start: number, end: number) => boolean): void => {
  let start = 0
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && !isIn(marks, text.charCodeAt(i))) continue
    if (i > start && !visit(start, i)) return
    start = i + 1
  }
}

export const everyPiece = (text: string, holds: (words: number) => boolean): boolean => {
  let all = true
  eachPiece(text, (start, end) => all = holds(splitSpaces(text.slice(start, end)).length))
  return all
}

/** How many pieces there are, up to `limit`. */
export const countPieces = (text: string, limit: number): number => {
  let count = 0
  eachPiece(text, () => ++count < limit)
  return count
}

/** Piece number `n`, from 1. */
export const pieceAt = (text: string, n: number): string | undefined => {
  let count = 0
  let piece: string | undefined
  eachPiece(text, (start, end) => {
    if (++count === n) piece = text.slice(start, end)
    return count < n
  })
  return piece
}

/** Whether piece number `n`, from 1, contains the word. */
export const pieceContains = (text: string, n: number, word: string): boolean => {
  const piece = pieceAt(text, n)
  return piece !== undefined && containsExactWord(piece, word)
}

/** Whether one of `heads` is followed, after nothing but whitespace, by a word that `accepts`. */
export const hasPair = (text: string, heads: ReadonlySet<string>, accepts: (word: string) => boolean): boolean => {
  let head = -1
  let found = false
  const units = unitsOf(text)
  eachWord(units, (start, end) => {
    if (head >= 0) {
      let i = head
      while (i < start && isSpace(units[i]!)) i++
      found = i === start && accepts(text.slice(start, end))
    }
    head = end - start <= 4 && heads.has(text.slice(start, end)) ? end : -1
    return !found
  })
  return found
}
