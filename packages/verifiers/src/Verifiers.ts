import { collie } from "./collie/Constraint.ts"
import { followbench } from "./followbench/index.ts"
import { ifbench } from "./ifbench/index.ts"
import { ifeval } from "./ifeval/index.ts"
import { unregistered } from "./ifeval/Unregistered.ts"
import type { VerifierTable } from "./Verifier.ts"

/** Every verifier by id. */
export const verifiers: VerifierTable = {
  ...ifeval,
  ...unregistered,
  ...ifbench,
  ...followbench,
  ...collie
}
