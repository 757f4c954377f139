import type { VerifierTable } from "../Verifier.ts"
import { combination } from "./Combination.ts"
import { content } from "./Content.ts"
import { format } from "./Format.ts"
import { keywords } from "./Keywords.ts"
import { language } from "./Language.ts"
import { length } from "./Length.ts"
import { letterCase } from "./Case.ts"
import { punctuation } from "./Punctuation.ts"
import { startEnd } from "./StartEnd.ts"

/** The 25 instructions of IFEval (Zhou et al., 2023), as google-research's checkers decide them since 2025. */
export const ifeval = {
  ...keywords,
  ...language,
  ...length,
  ...content,
  ...format,
  ...combination,
  ...startEnd,
  ...letterCase,
  ...punctuation
} satisfies VerifierTable
