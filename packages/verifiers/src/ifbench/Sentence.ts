import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import { firstCharacter, splitSpaces, trimStart, withoutPunctuation } from "../text/Characters.ts"
import { plural, quoted } from "../text/Phrases.ts"
import { sentences } from "../text/Punkt.ts"
import { containsWord, haystack } from "../text/Search.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** The lengths of the sentence's runs of words that begin alike, those of one word left out, added up. */
const alliteration = (sentence: string): number => {
  let total = 0
  let previous: string | undefined
  let inside = false
  for (const word of splitSpaces(sentence.toLowerCase())) {
    const first = firstCharacter(trimStart(word))
    if (first === "") continue
    const alike = first === previous
    if (alike) total += inside ? 1 : 2
    inside = alike
    previous = first
  }
  return total
}

const increases = (values: ReadonlyArray<number>, holds: (before: number, after: number) => boolean): boolean =>
  values.every((value, i) => i === 0 || holds(values[i - 1]!, value))

export const sentence = {
  "sentence:alliteration_increment": verifier(none, {
    describe: () => "Give each sentence a longer sequence of alliterative words than the sentence before.",
    check: (response) => increases(sentences(response).map(alliteration), (before, after) => after > before)
  }),
  "sentence:increment": verifier(kwargs({ small_n: integer() }), {
    describe: ({ small_n }) => `Give each sentence exactly ${plural(small_n, "word")} more than the sentence before.`,
    // The reference raises on a text without sentences.
    check: (response, { small_n }) => {
      const counts = sentences(response).map((text) => splitSpaces(withoutPunctuation(text)).length)
      return counts.length > 0 && increases(counts, (before, after) => after === before + small_n)
    }
  }),
  "sentence:keyword": verifier(kwargs({ word: phrase, N: integer(1) }), {
    describe: ({ N, word }) => `Use the word ${quoted(word)} in sentence number ${N}.`,
    check: (response, { N, word }) => {
      const found = sentences(response, N)[N - 1]
      return found !== undefined && containsWord(haystack(found), word)
    }
  })
} satisfies VerifierTable
