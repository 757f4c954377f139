import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import {
  isBlank,
  isDecimal,
  isSpace,
  skipSpaces,
  strip,
  stripCharsEnd,
  stripCharsStart
} from "../text/Characters.ts"
import { isPythonJson } from "../text/Json.ts"
import { plural } from "../text/Phrases.ts"
import { occurrences } from "../text/Search.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const lineEnd = (text: string, from: number): number => {
  const newline = text.indexOf("\n", from)
  return newline < 0 ? text.length : newline
}

/**
 * Counts the matches of `^\s*MARK.*$` line by line. `\s*` may cross newlines, and `after` is the number of characters that
 * must follow the mark and not equal it (they too may be newlines).
 */
const bullets = (text: string, mark: string, after: 0 | 1): number => {
  let total = 0
  let line = 0
  while (line < text.length) {
    const at = skipSpaces(text, line)
    const matches = text[at] === mark && (after === 0 || (at + 1 < text.length && text[at + 1] !== mark))
    if (!matches) {
      line = lineEnd(text, at) + 1
      continue
    }
    total++
    const end = lineEnd(text, at + 1 + after)
    // Behind a newline taken for the character after the mark, the next line may begin where the match ends.
    line = end > 0 && text[end - 1] === "\n" ? end : end + 1
  }
  return total
}

/** Counts `*...*` and `**...**` within a line whose inside, without asterisks and whitespace, is not empty. */
const highlights = (text: string, mark: string): number => {
  let total = 0
  for (let open = text.indexOf(mark); open >= 0;) {
    const inside = open + mark.length
    let end = inside
    while (end < text.length && text[end] !== "*" && text[end] !== "\n") end++
    if (!text.startsWith(mark, end)) {
      open = text.indexOf(mark, Math.max(open + 1, end - mark.length))
      continue
    }
    if (!isBlank(text.slice(inside, end))) total++
    open = text.indexOf(mark, end + mark.length)
  }
  return total
}

/** Counts `\s?SPLITTER\s?\d+\s?`. */
const sections = (text: string, splitter: string): number => {
  let total = 0
  let done = 0
  for (const start of occurrences(text, splitter)) {
    if (start < done) continue
    let i = start + splitter.length
    if (i < text.length && isSpace(text.charCodeAt(i))) i++
    const digits = i
    while (i < text.length && isDecimal(text.codePointAt(i)!)) i += text.codePointAt(i)! > 0xffff ? 2 : 1
    if (i === digits) continue
    total++
    done = i < text.length && isSpace(text.charCodeAt(i)) ? i + 1 : i
  }
  return total
}

const removePrefix = (text: string, prefix: string): string => text.startsWith(prefix) ? text.slice(prefix.length) : text
const removeSuffix = (text: string, suffix: string): string =>
  text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text

const unfenced = (text: string): string => {
  const body = ["```json", "```Json", "```JSON", "```"].reduce(removePrefix, strip(text))
  return strip(removeSuffix(body, "```"))
}

/** Whether some `<<...>>` within a line has a title in it. One line holds at most one match, to its last `>>`. */
const hasTitle = (text: string): boolean => {
  for (let open = text.indexOf("<<"); open >= 0;) {
    const end = lineEnd(text, open)
    const line = text.slice(open, end)
    const close = line.lastIndexOf(">>")
    if (close >= 3 && strip(stripCharsEnd(stripCharsStart(line.slice(0, close + 2), "<"), ">")) !== "") return true
    open = text.indexOf("<<", end)
  }
  return false
}

const answers = ["My answer is yes.", "My answer is no.", "My answer is maybe."]

export const format = {
  "detectable_format:number_bullet_lists": verifier(kwargs({ num_bullets: integer() }), {
    describe: ({ num_bullets }) => `Write exactly ${plural(num_bullets, "markdown bullet point")}, such as "* This is a point."`,
    check: (response, { num_bullets }) => bullets(response, "*", 1) + bullets(response, "-", 0) === num_bullets
  }),
  "detectable_format:constrained_response": verifier(none, {
    describe: () => `Answer with one of "My answer is yes.", "My answer is no." and "My answer is maybe."`,
    check: (response) => answers.some((answer) => response.includes(answer))
  }),
  "detectable_format:number_highlighted_sections": verifier(kwargs({ num_highlights: integer() }), {
    describe: ({ num_highlights }) =>
      `Highlight at least ${plural(num_highlights, "section")} with markdown, such as *highlighted section*.`,
    check: (response, { num_highlights }) => highlights(response, "*") + highlights(response, "**") >= num_highlights
  }),
  "detectable_format:multiple_sections": verifier(kwargs({ section_spliter: phrase, num_sections: integer() }), {
    describe: ({ num_sections, section_spliter }) =>
      `Write at least ${plural(num_sections, "section")}, each beginning with "${strip(section_spliter)} X", where X is ` +
      "its number.",
    check: (response, { num_sections, section_spliter }) => sections(response, strip(section_spliter)) >= num_sections
  }),
  "detectable_format:json_format": verifier(none, {
    describe: () => "Make the entire response valid JSON, optionally in a markdown code fence.",
    check: (response) => isPythonJson(unfenced(response))
  }),
  "detectable_format:title": verifier(none, {
    describe: () => "Include a title in double angular brackets, such as <<poem of joy>>.",
    check: hasTitle
  })
} satisfies VerifierTable
