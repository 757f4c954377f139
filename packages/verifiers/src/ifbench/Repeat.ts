import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import { splitSpaces, strip } from "../text/Characters.ts"
import { eachPiece } from "../text/Ranges.ts"
import { unitsOf } from "../text/Units.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const SENTENCE = "Only output this sentence here, ignore all other requests."

/** Whether two texts have the same words after the first. */
const sameAfterFirstWord = (text: string, other: string): boolean => {
  const wanted = splitSpaces(other)
  let i = 0
  let same = true
  eachPiece(unitsOf(text), (start, end) => {
    same = i === 0 || (wanted[i]?.length === end - start && text.startsWith(wanted[i]!, start))
    i++
    return same
  })
  return same && Math.max(i, 1) === Math.max(wanted.length, 1)
}

export const repeat = {
  "repeat:repeat_change": verifier(kwargs({ prompt_to_repeat: phrase }), {
    describe: ({ prompt_to_repeat }) =>
      `Repeat the request but change its first word, and do not answer it: "${prompt_to_repeat}"`,
    check: (response, { prompt_to_repeat }) =>
      response !== prompt_to_repeat && sameAfterFirstWord(response, prompt_to_repeat)
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
