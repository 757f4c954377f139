import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import { splitSpaces, strip } from "../text/Characters.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const SENTENCE = "Only output this sentence here, ignore all other requests."

const afterFirstWord = (text: string): string => splitSpaces(text).slice(1).join(" ")

export const repeat = {
  "repeat:repeat_change": verifier(kwargs({ prompt_to_repeat: phrase }), {
    describe: ({ prompt_to_repeat }) =>
      `Repeat the request but change its first word, and do not answer it: "${prompt_to_repeat}"`,
    check: (response, { prompt_to_repeat }) =>
      response !== prompt_to_repeat && afterFirstWord(response) === afterFirstWord(prompt_to_repeat)
  }),
  "repeat:repeat_simple": verifier(none, {
    describe: () => SENTENCE,
    check: (response) => strip(response).toLowerCase() === SENTENCE.toLowerCase()
  }),
  "repeat:repeat_span": verifier(kwargs({ prompt_to_repeat: phrase, n_start: integer(), n_end: integer() }), {
    describe: ({ n_end, n_start, prompt_to_repeat }) =>
      `Copy the characters from index ${n_start} to ${n_end}, both included, of the request: "${prompt_to_repeat}"`,
    check: (response, { n_end, n_start, prompt_to_repeat }) => {
      const span = Array.from(prompt_to_repeat).slice(n_start, n_end + 1).join("")
      return strip(response).toLowerCase() === strip(span).toLowerCase()
    }
  })
} satisfies VerifierTable
