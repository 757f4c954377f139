import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import { isPunctuation, isSpace } from "../text/Characters.ts"
import { plural, quoted } from "../text/Phrases.ts"
import { eachSentence, sentences } from "../text/Punkt.ts"
import { eachPiece, trimmedStart } from "../text/Ranges.ts"
import { containsWord, haystack } from "../text/Search.ts"
import { pointAt, type Units, unitsOf } from "../text/Units.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** The lengths of the sentence's runs of words that begin alike, those of one word left out, added up. */
const alliteration = (sentence: string): number => {
  let total = 0
  let previous = -1
  let inside = false
  const units = unitsOf(sentence.toLowerCase())
  eachPiece(units, (start, end) => {
    const at = trimmedStart(units, start, end)
    if (at === end) return true
    const first = pointAt(units, at)
    const alike = first === previous
    if (alike) total += inside ? 1 : 2
    inside = alike
    previous = first
    return true
  })
  return total
}

/** The words between whitespace, those of nothing but punctuation left out. */
const countBareWords = (units: Units, start: number, end: number): number => {
  let total = 0
  let inside = false
  for (let i = start; i < end; i++) {
    const unit = units[i]!
    if (isPunctuation(unit)) continue
    const word = !isSpace(unit)
    if (word && !inside) total++
    inside = word
  }
  return total
}

/** Whether there is a sentence, and `holds` of the value of each and of the next. */
const increases = (
  text: string,
  valueOf: (units: Units, start: number, end: number) => number,
  holds: (before: number, after: number) => boolean
): boolean | undefined => {
  const units = unitsOf(text)
  let before: number | undefined
  let all = true
  eachSentence(units, 0, units.length, (start, end) => {
    const value = valueOf(units, start, end)
    all = before === undefined || holds(before, value)
    before = value
    return all
  })
  return before === undefined ? undefined : all
}

export const sentence = {
  "sentence:alliteration_increment": verifier(none, {
    describe: () => "Give each sentence a longer sequence of alliterative words than the sentence before.",
    check: (response) =>
      increases(response, (_, start, end) => alliteration(response.slice(start, end)), (before, after) => after > before) ?? true
  }),
  "sentence:increment": verifier(kwargs({ small_n: integer() }), {
    describe: ({ small_n }) => `Give each sentence exactly ${plural(small_n, "word")} more than the sentence before.`,
    // The reference raises on a text without sentences.
    check: (response, { small_n }) => increases(response, countBareWords, (before, after) => after === before + small_n) ?? false
  }),
  "sentence:keyword": verifier(kwargs({ word: phrase, N: integer(1) }), {
    describe: ({ N, word }) => `Use the word ${quoted(word)} in sentence number ${N}.`,
    check: (response, { N, word }) => {
      const found = sentences(response, N)[N - 1]
      return found !== undefined && containsWord(haystack(found), word)
    }
  })
} satisfies VerifierTable
