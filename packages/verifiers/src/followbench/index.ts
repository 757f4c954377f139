import type { VerifierTable } from "../Verifier.ts"
import { example } from "./Example.ts"
import { rules } from "./Rules.ts"

/** FollowBench's records that a rule checks; all others need a judge. */
export const followbench = {
  ...rules,
  ...example
} satisfies VerifierTable

/** A record of FollowBench's data files, as far as it decides the rule. */
export interface FollowBenchRecord {
  readonly category: string
  readonly source: string
  readonly example_id: number
  readonly level: number
  readonly target: string
}

/** The instruction that checks a record, or undefined for the base instruction (level 0) and for records left to a judge. */
export const followbenchInstruction = (
  { category, example_id, level, source, target }: FollowBenchRecord
): { readonly id: string; readonly kwargs: { readonly level: number; readonly target: string } } | undefined => {
  if (level < 1) return undefined
  const id = category === "example"
    ? "followbench:example"
    : category === "format" && (example_id === 22 || example_id === 30)
    ? `followbench:format_${example_id}`
    : `followbench:${source}`
  return Object.hasOwn(rules, id) || Object.hasOwn(example, id) ? { id, kwargs: { level, target } } : undefined
}
