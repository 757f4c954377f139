import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import {
  asciiSet,
  isDecimal,
  isSpace,
  skipSpaces,
  strip,
  stripCharsEnd,
  stripCharsStart
} from "../text/Characters.ts"
import { isPythonJson } from "../text/Json.ts"
import { plural } from "../text/Phrases.ts"
import { eachExact } from "../text/Search.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const ASTERISK = 0x2a
const NEWLINE = 0x0a

const lineEnd = (text: string, from: number): number => {
  let i = from
  while (i < text.length && text.charCodeAt(i) !== NEWLINE) i++
  return i
}

/**
 * Counts the matches of `^\s*MARK.*$` line by line, where `\s*` may cross newlines. An asterisk must not be followed by
 * another, but by some character, which may also be a newline.
 */
const bullets = (text: string, mark: "*" | "-"): number => {
  const unit = mark.charCodeAt(0)
  let total = 0
  let line = 0
  while (line < text.length) {
    let at = skipSpaces(text, line)
    let matches = text.charCodeAt(at) === unit
    if (matches && unit === ASTERISK) {
      at++
      matches = at < text.length && text.charCodeAt(at) !== ASTERISK
    }
    if (!matches) {
      line = lineEnd(text, at) + 1
      continue
    }
    total++
    const end = lineEnd(text, at + 1)
    // Behind a newline taken for the character after the mark, the next line may begin where the match ends.
    line = text.charCodeAt(end - 1) === NEWLINE ? end : end + 1
  }
  return total
}

/** Counts `*...*` (size 1) or `**...**` (size 2) within a line whose inside is not blank. */
const highlights = (text: string, size: 1 | 2): number => {
  const opens = (at: number): boolean =>
    text.charCodeAt(at) === ASTERISK && (size === 1 || text.charCodeAt(at + 1) === ASTERISK)
  let total = 0
  let i = 0
  while (i < text.length) {
    if (!opens(i)) {
      i++
      continue
    }
    let end = i + size
    let filled = false
    for (let unit; end < text.length && (unit = text.charCodeAt(end)) !== ASTERISK && unit !== NEWLINE; end++) {
      filled ||= !isSpace(unit)
    }
    if (!opens(end)) {
      // No asterisk lies between the opening and here, but the second of the opening may open itself.
      i = Math.max(i + 1, end - 1)
      continue
    }
    if (filled) total++
    i = end + size
  }
  return total
}

/** Counts `\s?SPLITTER\s?\d+\s?`. */
const sections = (text: string, splitter: string): number => {
  let total = 0
  let done = 0
  eachExact(text, splitter, (start) => {
    if (start < done) return true
    let i = start + splitter.length
    if (i < text.length && isSpace(text.charCodeAt(i))) i++
    const digits = i
    while (i < text.length && isDecimal(text.codePointAt(i)!)) i += text.codePointAt(i)! > 0xffff ? 2 : 1
    if (i === digits) return true
    total++
    done = i < text.length && isSpace(text.charCodeAt(i)) ? i + 1 : i
    return true
  })
  return total
}

const removePrefix = (text: string, prefix: string): string => text.startsWith(prefix) ? text.slice(prefix.length) : text
const removeSuffix = (text: string, suffix: string): string =>
  text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text

const unfenced = (text: string): string => {
  const body = ["```json", "```Json", "```JSON", "```"].reduce(removePrefix, strip(text))
  return strip(removeSuffix(body, "```"))
}

const OPENING = asciiSet("<")
const CLOSING = asciiSet(">")

/** Whether some `<<...>>` within a line has a title in it. One line holds at most one match, to its last `>>`. */
const hasTitle = (text: string): boolean => {
  for (let open = text.indexOf("<<"); open >= 0;) {
    const end = lineEnd(text, open)
    const line = text.slice(open, end)
    const close = line.lastIndexOf(">>")
    if (close >= 3 && strip(stripCharsEnd(stripCharsStart(line.slice(0, close + 2), OPENING), CLOSING)) !== "") return true
    open = text.indexOf("<<", end)
  }
  return false
}

const answers = ["My answer is yes.", "My answer is no.", "My answer is maybe."]

export const format = {
  "detectable_format:number_bullet_lists": verifier(kwargs({ num_bullets: integer() }), {
    describe: ({ num_bullets }) => `Write exactly ${plural(num_bullets, "markdown bullet point")}, such as "* This is a point."`,
    check: (response, { num_bullets }) => bullets(response, "*") + bullets(response, "-") === num_bullets
  }),
  "detectable_format:constrained_response": verifier(none, {
    describe: () => `Answer with one of "My answer is yes.", "My answer is no." and "My answer is maybe."`,
    check: (response) => answers.some((answer) => response.includes(answer))
  }),
  "detectable_format:number_highlighted_sections": verifier(kwargs({ num_highlights: integer() }), {
    describe: ({ num_highlights }) =>
      `Highlight at least ${plural(num_highlights, "section")} with markdown, such as *highlighted section*.`,
    check: (response, { num_highlights }) => highlights(response, 1) + highlights(response, 2) >= num_highlights
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
