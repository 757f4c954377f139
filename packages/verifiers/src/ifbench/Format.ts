import { kwargs, none, phrase } from "../Kwargs.ts"
import {
  isAlpha,
  isBlank,
  isLower,
  isLowerText,
  isPunctuation,
  isSpace,
  isUpperText,
  pointBefore,
  splitSpaces,
  strip,
  stripChars,
  trim,
  withoutPunctuation
} from "../text/Characters.ts"
import { isEmoji } from "../text/Emoji.ts"
import { quoted } from "../text/Phrases.ts"
import { countSentences, eachSentence } from "../text/Punkt.ts"
import { eachExact } from "../text/Search.ts"
import { everyToken } from "../text/Treebank.ts"
import { unitsOf } from "../text/Units.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const partners: { readonly [close: string]: string } = { ")": "(", "]": "[", "}": "{" }

/** Whether brackets of any kind, properly matched, reach five levels and one of the deepest closes. A mismatch starts over. */
const nestsBrackets = (text: string): boolean => {
  let open: Array<string> = []
  let deepest = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text[i]!
    if (unit === "(" || unit === "[" || unit === "{") {
      open.push(unit)
      deepest = Math.max(deepest, open.length)
    } else if (unit === ")" || unit === "]" || unit === "}") {
      if (open.at(-1) === partners[unit]) {
        open.pop()
        if (deepest >= 5) return true
      } else {
        open = []
        deepest = 0
      }
    }
  }
  return false
}

/** Whether quotes, straight double and single (apostrophes too), reach three levels and close down to the outside. */
const nestsQuotes = (text: string): boolean => {
  const open: Array<string> = []
  let deepest = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text[i]!
    if (unit !== "\"" && unit !== "'") continue
    if (open.at(-1) === unit) {
      open.pop()
      if (deepest - open.length >= 3) return true
    } else {
      open.push(unit)
      deepest = Math.max(deepest, open.length)
    }
  }
  return false
}

/** The options are separated by "/", else by "or", else by commas. Lettered ones (a, b, c) must be given exactly. */
const chooses = (text: string, options: string): boolean => {
  const separator = options.includes("/") ? "/" : options.includes("or") ? "or" : ","
  const choices = options.split(separator).map(strip)
  if (/^[^\p{L}\p{N}_]*[aA][^\p{L}\p{N}_]*[bB][^\p{L}\p{N}_]*[cC]/u.test(options)) return choices.includes(text)
  const answer = trim(text).toLowerCase()
  return choices.some((choice) => trim(choice).toLowerCase() === answer)
}

const oneWordPerLine = (text: string): boolean => {
  const body = strip(withoutPunctuation(text))
  return body.split("\n").filter((line) => line !== "").length === splitSpaces(body).length
}

/** The code point before `end` that is no punctuation, with where it starts, or -1. */
const bareBefore = (text: string, end: number, start: number): { readonly point: number; readonly at: number } => {
  let at = end
  while (at > start) {
    const point = pointBefore(text, at)
    at -= point > 0xffff ? 2 : 1
    if (!isPunctuation(point)) return { point, at }
  }
  return { point: -1, at: start }
}

/**
 * Whether each sentence ends in an emoji (perhaps one character before the end), or the next sentence starts with one.
 * Punctuation, and then whitespace at the ends, is not looked at.
 */
const endsInEmoji = (text: string): boolean => {
  let follows = true
  let owed = false
  eachSentence(unitsOf(text), 0, text.length, (start, end) => {
    let first = start
    while (first < end && (isPunctuation(text.charCodeAt(first)) || isSpace(text.charCodeAt(first)))) first++
    if (first === end || (owed && !isEmoji(text.codePointAt(first)!))) return follows = false
    let last = bareBefore(text, end, first)
    while (isSpace(last.point)) last = bareBefore(text, last.at, first)
    const second = bareBefore(text, last.at, first).point
    owed = !isEmoji(last.point) && !(second >= 0 && isEmoji(second))
    return true
  })
  return follows && !owed
}

/**
 * The lines without blank ones, save for those that the reference overlooks: it removes blank lines while walking the list,
 * so the line behind a removed one is never looked at, and what it removes is the first line equal to the one it sees.
 */
const withoutBlankLines = (lines: ReadonlyArray<string>): Array<string> => {
  const removed = new Uint8Array(lines.length)
  const overlooked = new Map<string, Array<number>>()
  const heads = new Map<string, number>()
  const keep = (line: string, i: number): void => {
    const kept = overlooked.get(line)
    if (kept === undefined) overlooked.set(line, [i])
    else kept.push(i)
  }
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    if (!isBlank(line)) continue
    const head = heads.get(line) ?? 0
    const first = overlooked.get(line)?.[head]
    if (first === undefined) {
      removed[i] = 1
    } else {
      removed[first] = 1
      heads.set(line, head + 1)
      keep(line, i)
    }
    const next = lines[++i]
    if (next !== undefined && isBlank(next)) keep(next, i)
  }
  return lines.filter((_, i) => removed[i] === 0)
}

const indentation = (line: string): number => {
  let i = 0
  while (line[i] === " ") i++
  return i
}

const climbs = (text: string): boolean => {
  const depths = withoutBlankLines(text.split("\n")).map(indentation)
  return depths.every((depth, i) => i === 0 || depth > depths[i - 1]!)
}

/** Whether no two quotes touch and the text does not end in a quote, whitespace, digits and other marks aside. */
const explainsQuotes = (text: string): boolean => {
  const body = splitSpaces(text.replaceAll("'\"'", "")).join("")
  return !body.includes("\"\"") && !stripChars(body, "0123456789!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").endsWith("\"")
}

/** Whether an italic HTML element that is not blank is followed by text. */
const hasThesis = (text: string): boolean => {
  const open = text.indexOf("<i>") >= 0 ? text.indexOf("<i>") : text.indexOf("<em>")
  if (open < 0) return false
  const close = text.indexOf("</i>", open) >= 0 ? text.indexOf("</i>", open) : text.indexOf("</em>", open)
  return close >= 0 && !isBlank(text.slice(open + 3, close)) && !isBlank(text.slice(close + 4))
}

/** Whether two sentences or more are followed by two bullets or more and nothing else. A blank line ends the sentences. */
const sentencesThenBullets = (text: string): boolean => {
  let inSentences = true
  let found = 0
  let bullets = 0
  for (const raw of text.split("\n")) {
    const line = strip(raw)
    if (line.startsWith("*")) {
      inSentences = false
      if (found < 2) return false
      bullets++
    } else if (inSentences) {
      const here = countSentences(line)
      inSentences = here > 0
      found += here
    } else {
      return false
    }
  }
  return bullets >= 2
}

/** Words in lower case, or with only their first letter in lower case, are not in title case; others are. */
const isTitleWord = (word: string): boolean => {
  const first = word.codePointAt(0)!
  if (!isAlpha(first) || !isLower(first)) return true
  const rest = word.slice(first > 0xffff ? 2 : 1)
  return rest !== "" && !isLowerText(rest) && !isUpperText(rest)
}

const occursTwice = (text: string, separator: string): boolean => {
  let total = 0
  let done = 0
  eachExact(text, separator, (start) => {
    if (start < done) return true
    done = start + separator.length
    return ++total < 2
  })
  return total === 2
}

const hasSpace = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (isSpace(text.charCodeAt(i))) return true
  return false
}

export const format = {
  "format:parentheses": verifier(none, {
    describe: () => "Nest parentheses, brackets and braces at least 5 levels deep.",
    check: nestsBrackets
  }),
  "format:quotes": verifier(none, {
    describe: () => "Nest quotes at least 3 levels deep, alternating between double and single quotes.",
    check: nestsQuotes
  }),
  "format:options": verifier(kwargs({ options: phrase }), {
    describe: ({ options }) => `Answer with one of these options and nothing else: ${options}.`,
    check: (response, { options }) => chooses(response, options)
  }),
  "format:newline": verifier(none, {
    describe: () => "Write each word on a new line.",
    check: oneWordPerLine
  }),
  "format:emoji": verifier(none, {
    describe: () => "End every sentence with an emoji.",
    check: endsInEmoji
  }),
  "format:line_indent": verifier(none, {
    describe: () => "Indent each line more than the line before.",
    check: climbs
  }),
  "format:quote_unquote": verifier(none, {
    describe: () => "Follow every quoted phrase with an unquoted explanation.",
    check: explainsQuotes
  }),
  "format:list": verifier(kwargs({ sep: phrase }), {
    describe: ({ sep }) => `Answer with a list of items, with ${quoted(sep)} instead of bullet points.`,
    check: (response, { sep }) => occursTwice(response, sep)
  }),
  "format:thesis": verifier(none, {
    describe: () => "Begin each section with a thesis statement in HTML italics.",
    check: hasThesis
  }),
  "format:sub-bullets": verifier(none, {
    describe: () => "Use bullet points denoted by *, each with at least one sub-bullet point denoted by -.",
    check: (response) => response.split("*").every((piece, i) => i === 0 || piece.includes("-"))
  }),
  "format:no_bullets_bullets": verifier(none, {
    describe: () => "Write at least two sentences that end in a period, followed by at least two bullet points denoted by *.",
    check: sentencesThenBullets
  }),
  "format:title_case": verifier(none, {
    describe: () => "Write the entire response in title case.",
    check: (response) => everyToken(response, isTitleWord)
  }),
  "format:output_template": verifier(none, {
    describe: () => "Use this template: My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]",
    check: (response) => ["My Answer:", "My Conclusion:", "Future Outlook:"].every((label) => response.includes(label))
  }),
  "format:no_whitespace": verifier(none, {
    describe: () => "Do not use any whitespace.",
    check: (response) => !hasSpace(response)
  })
} satisfies VerifierTable

