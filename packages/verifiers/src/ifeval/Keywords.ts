// IFEval's keywords:*. The reference compiles keywords as regular expressions; here they are literal. No keyword of the
// public data holds a special character, so the verdicts there are the same; "C++" counts "C++" here and fails there.
import { character, compare, integer, kwargs, listOf, phrase, relation } from "../Kwargs.ts"
import { strip } from "../text/Characters.ts"
import { contains, containsWord, count, haystack } from "../text/Search.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"
import { list, times } from "../text/Phrases.ts"

const countCharacter = (text: string, wanted: string): number => {
  let total = 0
  for (const character of text) if (character === wanted) total++
  return total
}

export const keywords = {
  "keywords:existence": verifier(kwargs({ keywords: listOf(phrase) }), {
    describe: ({ keywords }) => `Include ${list(keywords)} in the response.`,
    // Anywhere, also inside a longer word.
    check: (response, { keywords }) => {
      const text = haystack(response)
      return keywords.every((keyword) => contains(text, keyword))
    }
  }),
  "keywords:frequency": verifier(kwargs({ keyword: phrase, frequency: integer(), relation }), {
    describe: ({ frequency, keyword, relation }) => `Use "${strip(keyword)}" ${relation} ${times(frequency)}.`,
    check: (response, { frequency, keyword, relation }) =>
      compare(count(haystack(response), strip(keyword)), relation, frequency)
  }),
  "keywords:forbidden_words": verifier(kwargs({ forbidden_words: listOf(phrase) }), {
    describe: ({ forbidden_words }) => `Do not use the words ${list(forbidden_words)}.`,
    check: (response, { forbidden_words }) => {
      const text = haystack(response)
      return !forbidden_words.some((word) => containsWord(text, word))
    }
  }),
  // Any character: the guard that replaced others than a-z by a random letter is gone from the reference since 2025.
  "keywords:letter_frequency": verifier(kwargs({ letter: character, let_frequency: integer(), let_relation: relation }), {
    describe: ({ let_frequency, let_relation, letter }) =>
      `Use the letter "${letter}" ${let_relation} ${times(let_frequency)}.`,
    check: (response, { let_frequency, let_relation, letter }) =>
      compare(countCharacter(response.toLowerCase(), letter.toLowerCase()), let_relation, let_frequency)
  })
} satisfies VerifierTable
