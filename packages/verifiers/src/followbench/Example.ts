// FollowBench's "example" records: the response must have the form of the template that the demonstrations follow.
import { kwargs, text } from "../Kwargs.ts"
import { indexFrom } from "../text/Search.ts"
import { unitsOf } from "../text/Units.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const WILDCARD = ".*"

/** Whether a line consists of `parts` in this order with anything between two of them. */
const matchesLine = (line: string, parts: ReadonlyArray<string>): boolean => {
  const [first, ...rest] = parts
  const last = rest.pop()
  if (last === undefined) return line === first
  if (!line.startsWith(first!)) return false
  const units = unitsOf(line)
  let at = first!.length
  for (const part of rest) {
    const found = indexFrom(units, unitsOf(part), at)
    if (found < 0) return false
    at = found + part.length
  }
  return line.length - last.length >= at && line.endsWith(last)
}

/**
 * Whether `response` is `template` with anything in place of `{answer}`, a line break excepted. So both have the same number
 * of lines, which are matched one by one. Doubled braces stand for single ones; a literal ".*" is a place holder too.
 */
export const matchesTemplate = (template: string, response: string): boolean => {
  const pattern = template.replaceAll("{{", "{").replaceAll("}}", "}").replaceAll("{answer}", WILDCARD).split("\n")
  const lines = response.split("\n", pattern.length + 1)
  return lines.length === pattern.length && lines.every((line, i) => matchesLine(line, pattern[i]!.split(WILDCARD)))
}

export const example = {
  // `target` is the record's, `{instruction}` and its line break included.
  "followbench:example": verifier(kwargs({ target: text }), {
    describe: ({ target }) => `Answer in the form of the examples: ${target.replaceAll("{instruction}\n", "")}`,
    check: (response, { target }) => matchesTemplate(target.replaceAll("{instruction}\n", ""), response)
  })
} satisfies VerifierTable
