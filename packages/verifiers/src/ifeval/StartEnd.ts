import { kwargs, none, phrase } from "../Kwargs.ts"
import { asciiSet, strip, stripChars } from "../text/Characters.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const QUOTES = asciiSet("\"")

export const startEnd = {
  "startend:end_checker": verifier(kwargs({ end_phrase: phrase }), {
    describe: ({ end_phrase }) => `End with the exact phrase "${strip(end_phrase)}" and nothing after it.`,
    check: (response, { end_phrase }) =>
      stripChars(strip(response), QUOTES).toLowerCase().endsWith(strip(end_phrase).toLowerCase())
  }),
  "startend:quotation": verifier(none, {
    describe: () => "Wrap the entire response in double quotation marks.",
    check: (response) => {
      const text = strip(response)
      return text.length > 1 && text.startsWith("\"") && text.endsWith("\"")
    }
  })
} satisfies VerifierTable
