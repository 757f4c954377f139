import { kwargs, none, phrase } from "../Kwargs.ts"
import {
  asciiSet,
  isAlpha,
  isBlank,
  isIn,
  isLower,
  isLowerRange,
  isPunctuation,
  isSpace,
  isUpperRange,
  pointBefore,
  strip,
  trim,
  unitsWithoutPunctuation
} from "../text/Characters.ts"
import { isEmoji } from "../text/Emoji.ts"
import { quoted } from "../text/Phrases.ts"
import { countSentences, eachSentence } from "../text/Punkt.ts"
import { everyLine, everyPiece, type HoldsRange, strippedEnd, strippedStart } from "../text/Ranges.ts"
import { eachExact } from "../text/Search.ts"
import { eachToken } from "../text/Treebank.ts"
import { pointAt, type Units, unitsOf } from "../text/Units.ts"
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
  const units = unitsWithoutPunctuation(text)
  const start = strippedStart(units, 0, units.length)
  const body = units.subarray(start, strippedEnd(units, start, units.length))
  let left = 0
  everyLine(body, (_, first, end) => {
    if (end > first) left++
    return true
  })
  return everyPiece(body, () => --left >= 0) && left === 0
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

/** Equal blank lines that the walk has left in the list: where they start, those from `head` on. */
interface Overlooked {
  readonly starts: Array<number>
  head: number
}

/**
 * By where they start, the lines that the reference takes away. It removes blank lines while walking the list: the line behind
 * a removed one is never looked at, and what it removes is the first line equal to the one it sees.
 */
const removedLines = (text: string, units: Units): Uint8Array => {
  const removed = new Uint8Array(units.length + 1)
  const kinds = new Map<string, Overlooked>()
  // Most blank lines are equal to the one before.
  let line = ""
  let kind: Overlooked = { starts: [], head: 0 }
  kinds.set(line, kind)
  let looks = true
  everyLine(units, (_, start, end) => {
    const blank = strippedStart(units, start, end) === end
    if (blank) {
      if (end - start !== line.length || !text.startsWith(line, start)) {
        line = text.slice(start, end)
        kind = kinds.get(line) ?? { starts: [], head: 0 }
        kinds.set(line, kind)
      }
      if (!looks) kind.starts.push(start)
      else if (kind.head === kind.starts.length) removed[start] = 1
      else {
        removed[kind.starts[kind.head++]!] = 1
        kind.starts.push(start)
      }
    }
    looks = !(blank && looks)
    return true
  })
  return removed
}

/** Whether each line that is left has more spaces in front than the one before. */
const climbs = (text: string): boolean => {
  const units = unitsOf(text)
  const removed = removedLines(text, units)
  let before = -1
  return everyLine(units, (_, start) => {
    if (removed[start] === 1) return true
    let depth = 0
    while (units[start + depth] === 0x20) depth++
    const climbs = depth > before
    before = depth
    return climbs
  })
}

const TAIL = asciiSet("0123456789!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")

/**
 * Whether no two quotes touch and the text does not end in a quote, whitespace, `'"'` and, at the end, digits and other marks aside.
 */
const explainsQuotes = (text: string): boolean => {
  const units = unitsOf(text)
  let before = -1
  let last = -1
  for (let i = 0; i < units.length; i++) {
    const unit = units[i]!
    if (isSpace(unit)) continue
    if (unit === 0x27 && units[i + 1] === 0x22 && units[i + 2] === 0x27) {
      i += 2
      continue
    }
    if (unit === 0x22 && before === 0x22) return false
    before = unit
    if (!isIn(TAIL, unit)) last = unit
  }
  return last !== 0x22
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
const isTitleWord: HoldsRange = (units, start, end) => {
  const first = pointAt(units, start)
  if (!isAlpha(first) || !isLower(first)) return true
  const rest = start + (first > 0xffff ? 2 : 1)
  return rest < end && !isLowerRange(units, rest, end) && !isUpperRange(units, rest, end)
}

const isTitle = (text: string): boolean => {
  const units = unitsOf(text)
  let all = true
  eachToken(units, (start, end, quote) => all = quote !== "" || isTitleWord(units, start, end))
  return all
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
    check: isTitle
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

