import type { VerifierTable } from "../Verifier.ts"
import { count } from "./Count.ts"
import { custom } from "./Custom.ts"
import { format } from "./Format.ts"
import { ratio } from "./Ratio.ts"
import { repeat } from "./Repeat.ts"
import { sentence } from "./Sentence.ts"
import { words } from "./Words.ts"

/** The 58 new instructions of IFBench (Pyatkin et al., 2025), as allenai/IFBench decides them at db69a6f. */
export const ifbench = {
  ...count,
  ...ratio,
  ...words,
  ...sentence,
  ...format,
  ...custom,
  ...repeat
} satisfies VerifierTable
