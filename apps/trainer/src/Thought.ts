// Completions of reasoning models: a thought, then the answer that constraints and rewards are about.
import { answerAfterThink } from "@ifrl/verifiers"

/** Whether completions must contain a thought. */
export type ThoughtRule = "required" | "optional"

/**
 * The part of a completion that answers. With a thought required, a completion whose thought never ends has none; with
 * an optional one, it is then the whole completion.
 */
export const answerOf = (completion: string, rule: ThoughtRule): string =>
  answerAfterThink(completion) ?? (rule === "optional" ? completion : "")

/**
 * A well-formed completion: one thought that ends once and says something (where it is required), then an answer that is not blank.
 * The opening `<think>` may be missing, because some chat templates end the prompt with it.
 */
export const isFormatted = (completion: string, rule: ThoughtRule): boolean => {
  const parts = completion.split("</think>")
  const opens = completion.split("<think>").length - 1
  if (parts.length === 1) return rule === "optional" && opens === 0 && completion.trim() !== ""
  const thought = parts[0]!.replace(/^\s*<think>/, "")
  return parts.length === 2 && opens <= 1 && !thought.includes("<think>") && thought.trim() !== "" && parts[1]!.trim() !== ""
}
