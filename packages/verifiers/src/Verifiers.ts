import { ifbench } from "./ifbench/index.ts"
import { ifeval } from "./ifeval/index.ts"
import type { VerifierTable } from "./Verifier.ts"

/** Every verifier by id. */
export const verifiers: VerifierTable = {
  ...ifeval,
  ...ifbench
}
