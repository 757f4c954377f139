import { kwargs, none, phrase } from "../Kwargs.ts"
import { isBlank, strip } from "../text/Characters.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** Whether `text` is exactly two different responses between `******`; only the outer pieces may be blank. */
const twoResponses = (text: string): boolean => {
  const pieces = text.split("******", 5)
  const filled: Array<string> = []
  for (const [i, piece] of pieces.entries()) {
    if (!isBlank(piece)) filled.push(strip(piece))
    else if (i > 0 && i < pieces.length - 1) return false
  }
  return filled.length === 2 && filled[0] !== filled[1]
}

export const combination = {
  "combination:two_responses": verifier(none, {
    describe: () => "Give two different responses, separated by six asterisks: ******.",
    check: twoResponses
  }),
  "combination:repeat_prompt": verifier(kwargs({ prompt_to_repeat: phrase }), {
    describe: ({ prompt_to_repeat }) => `First repeat the request word for word, then answer it: "${prompt_to_repeat}"`,
    check: (response, { prompt_to_repeat }) =>
      strip(response).toLowerCase().startsWith(strip(prompt_to_repeat).toLowerCase())
  })
} satisfies VerifierTable
