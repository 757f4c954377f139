import { none } from "../Kwargs.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

export const punctuation = {
  "punctuation:no_comma": verifier(none, {
    describe: () => "Do not use any commas.",
    check: (response) => !response.includes(",")
  })
} satisfies VerifierTable
