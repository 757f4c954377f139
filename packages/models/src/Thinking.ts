/** Prompts of reasoning models: some chat templates end them inside a thought, or behind an empty one. */

/** What a prompt ends with that belongs to the answer: `<think>\n` of R1, an empty thought of Qwen3, or nothing. */
export const prefilledThought = (prompt: string): string => {
  const at = prompt.lastIndexOf("<think>")
  const end = at < 0 ? "" : prompt.slice(at)
  return /^<think>\s*(<\/think>\s*)?$/.test(end) ? end : ""
}

/**
 * What remains of an answer to be generated after a prompt: all of it, or what follows the prefilled thought. Undefined
 * where the two contradict each other: the prompt opens a thought and the answer has none, or the other way round.
 */
export const continuationOf = (prompt: string, answer: string): string | undefined => {
  const prefill = prefilledThought(prompt)
  if (prefill === "") return answer
  if (answer.startsWith(prefill)) return answer.slice(prefill.length)
  const [, opening, rest] = /^(\s*<think>)([\s\S]*)$/.exec(answer) ?? [undefined, "", answer]
  if (prefill.includes("</think>")) return opening === "" && !answer.includes("</think>") ? answer : undefined
  if (!rest!.includes("</think>")) return undefined
  return prefill.endsWith("\n") ? rest!.replace(/^\n/, "") : rest
}
