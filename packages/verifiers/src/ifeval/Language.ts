import { kwargs, oneOf } from "../Kwargs.ts"
import { detectLanguage, languageCodes } from "../text/Language.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

export const language = {
  // A text in which no language can be told counts as followed, as in the reference.
  "language:response_language": verifier(kwargs({ language: oneOf(...languageCodes) }), {
    describe: ({ language }) => `Write the entire response in the language "${language}" and in no other.`,
    check: (response, { language }) => (detectLanguage(response) ?? language) === language
  })
} satisfies VerifierTable
