// FollowBench's own notion of a sentence: a piece between two of `. ! ?` that is not empty, though it may be blank.
import { isSpace, splitSpaces } from "../text/Characters.ts"
import { containsExactWord } from "../text/Search.ts"
import { unitsOf } from "../text/Units.ts"
import { eachWord } from "../text/Words.ts"

export const pieces = (text: string): Array<string> => text.split(/[.!?]/).filter((piece) => piece !== "")

export const everyPiece = (text: string, holds: (words: number) => boolean): boolean =>
  pieces(text).every((piece) => holds(splitSpaces(piece).length))

/** Whether piece number `n`, from 1, contains the word. */
export const pieceContains = (text: string, n: number, word: string): boolean => {
  const piece = pieces(text)[n - 1]
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
