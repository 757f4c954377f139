import { compare, integer, kwargs, none, relation } from "../Kwargs.ts"
import { isLowerText, isUpperRange, isUpperText } from "../text/Characters.ts"
import { detectLanguage } from "../text/Language.ts"
import { times } from "../text/Phrases.ts"
import { countTokens } from "../text/Treebank.ts"
import { unitsOf } from "../text/Units.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** A text in which no language can be told counts as English, as in the reference. */
const isEnglish = (text: string): boolean => (detectLanguage(text) ?? "en") === "en"

export const letterCase = {
  "change_case:capital_word_frequency": verifier(kwargs({ capital_frequency: integer(), capital_relation: relation }), {
    describe: ({ capital_frequency, capital_relation }) =>
      `Use words in all capital letters ${capital_relation} ${times(capital_frequency)}.`,
    check: (response, { capital_frequency, capital_relation }) =>
      compare(countTokens(unitsOf(response), isUpperRange, capital_frequency), capital_relation, capital_frequency)
  }),
  "change_case:english_capital": verifier(none, {
    describe: () => "Write the entire response in English and in all capital letters.",
    check: (response) => isUpperText(response) && isEnglish(response)
  }),
  "change_case:english_lowercase": verifier(none, {
    describe: () => "Write the entire response in English and in all lowercase letters.",
    check: (response) => isLowerText(response) && isEnglish(response)
  })
} satisfies VerifierTable
