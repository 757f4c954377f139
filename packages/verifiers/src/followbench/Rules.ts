// FollowBench's rule-checked records (Jiang et al., 2023; YJiangcm/FollowBench at 6278f4c). The rule of a source is a list of
// conditions, and level n asks for the first n of them.
import { integer, kwargs, type KwargsSchema, text } from "../Kwargs.ts"
import { isDecimal, isLowerText, isPunctuation, isUpper, isWord, pointBefore, splitSpaces, stripStart } from "../text/Characters.ts"
import { contains, containsExactWord, haystack } from "../text/Search.ts"
import { type AnyVerifier, verifier, type VerifierTable } from "../Verifier.ts"
import { countPieces, everyPiece, hasPair, pieceAt, pieceContains } from "./Sentences.ts"

type Condition = (response: string) => boolean

const level = integer(1, 5)

/** A rule of up to five conditions. */
const graded = (topic: string, conditions: ReadonlyArray<Condition>): AnyVerifier =>
  verifier(kwargs({ level }), {
    describe: ({ level }) => `Meet the first ${level} of FollowBench's constraints on ${topic}.`,
    check: (response, { level }) => conditions.slice(0, level).every((condition) => condition(response))
  })

/** A rule that compares the response with the record's target. */
const targeted = (
  goal: string,
  follows: (response: string, target: string) => boolean,
  schema: KwargsSchema<{ readonly target: string }> = kwargs({ target: text })
): AnyVerifier =>
  verifier(schema, {
    describe: ({ target }) => `${goal}: ${target}`,
    check: (response, { target }) => follows(response, target)
  })

const spaces = (text: string): number => text.split(" ").length

const countPunctuation = (text: string, limit: number): number => {
  let total = 0
  for (let i = 0; i < text.length && total <= limit; i++) if (isPunctuation(text.charCodeAt(i))) total++
  return total
}

const be = new Set(["am", "is", "are"])
const have = new Set(["has", "have"])
const isContinuous: Condition = (text) => hasPair(text, be, (word) => word.length > 3 && word.endsWith("ing"))
const isPerfect = (text: string): boolean => hasPair(text, have, () => true)
const oneSentence: Condition = (text) => countPieces(text, 2) === 1

// ------------------------------------------------------------------------------------------------- the last such thing

/** The last `([A-Z])`. */
const lastOption = (text: string): string | undefined => {
  for (let at = text.lastIndexOf(")"); at >= 2; at = text.lastIndexOf(")", at - 1)) {
    if (text[at - 2] === "(" && text[at - 1]! >= "A" && text[at - 1]! <= "Z") return text.slice(at - 2, at + 1)
  }
  return undefined
}

const lastDate = (text: string): string | undefined => {
  let last: string | undefined
  for (const [date] of text.matchAll(/\p{Nd}{2}\/\p{Nd}{2}\/\p{Nd}{4}/gu)) last = date
  return last
}

/** The last dollar sign with digits behind it. */
const lastAmount = (text: string): string | undefined => {
  for (let at = text.lastIndexOf("$"); at >= 0; at = text.lastIndexOf("$", at - 1)) {
    let end = at + 1
    while (end < text.length && isDecimal(text.codePointAt(end)!)) end += text.codePointAt(end)! > 0xffff ? 2 : 1
    if (end > at + 1) return text.slice(at, end)
    if (at === 0) return undefined
  }
  return undefined
}

// ------------------------------------------------------------------------------------------------------- lists of names

const escapes: { readonly [letter: string]: string } = { n: "\n", t: "\t", r: "\r", "\\": "\\", "'": "'", "\"": "\"" }

/** The strings of a Python list literal such as `['a', "b"]`, or undefined when `literal` is none. */
export const pythonStrings = (literal: string): ReadonlyArray<string> | undefined => {
  const body = literal.trim()
  if (!body.startsWith("[") || !body.endsWith("]")) return undefined
  const item = /\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")\s*(,|$)/y
  const inner = body.slice(1, -1)
  const items: Array<string> = []
  while (item.lastIndex < inner.length && inner.slice(item.lastIndex).trim() !== "") {
    const match = item.exec(inner)
    if (match === null) return undefined
    items.push((match[1] ?? match[2]!).replace(/\\(.)/g, (whole, letter: string) => escapes[letter] ?? whole))
  }
  return items
}

// -------------------------------------------------------------------------------------------------------------- formats

const paragraphs = (text: string): Array<string> => text.split("\n\n")

/** Whether every paragraph that is not blank starts with a number and a period. */
const numbersParagraphs = (text: string): boolean =>
  paragraphs(text).map(stripStart).every((paragraph) => {
    if (paragraph === "") return true
    let end = 0
    while (end < paragraph.length && isDecimal(paragraph.codePointAt(end)!)) end += paragraph.codePointAt(end)! > 0xffff ? 2 : 1
    return end > 0 && paragraph[end] === "."
  })

/** Three paragraphs with conditions added up; level 5 asks for a fourth with the closing words. */
const woodenTable = (text: string, level: number): boolean => {
  const parts = paragraphs(text)
  const conditions = [
    () => parts.length === (level === 5 ? 4 : 3),
    () => parts.slice(0, 3).every((part) => countPieces(part, 3) < 3),
    () => everyPiece(text, (words) => words > 20),
    () => numbersParagraphs(text),
    () => text.endsWith("Those are suggestions")
  ]
  return conditions.slice(0, level).every((holds) => holds())
}

/** Counts `\*\*\d.+?:`: asterisks and a digit, and a colon in the same line with something in between. */
const countKeywords = (text: string): number => {
  let total = 0
  for (let at = text.indexOf("**"); at >= 0;) {
    const point = text.codePointAt(at + 2)
    let next = at + 1
    if (point !== undefined && isDecimal(point)) {
      const first = at + (point > 0xffff ? 4 : 3)
      let end = first
      while (end < text.length && text[end] !== "\n" && (text[end] !== ":" || end === first)) end++
      if (text[end] === ":") total++
      // Where the line ends without a colon, no other asterisks in it have one either.
      next = end
    }
    at = text.indexOf("**", next)
  }
  return total
}

const isSpaceText = (character: string): boolean => splitSpaces(character).length === 0

/**
 * Whether a sentence ends before the whitespace at `i`: behind a period or question mark, but neither like "i.e." (word
 * character, period, word character, mark) nor like "Mr." (upper case, lower case, period).
 */
const endsBefore = (text: string, i: number): boolean => {
  const mark = text[i - 1]
  if (mark !== "." && mark !== "?") return false
  const second = pointBefore(text, i - 1)
  const size = second > 0xffff ? 2 : 1
  const third = pointBefore(text, i - 1 - size)
  const fourth = pointBefore(text, i - 2 - size)
  if (second >= 0 && third === 0x2e && fourth >= 0 && second !== 0x0a && isWord(second) && isWord(fourth)) return false
  return !(mark === "." && second >= 0x61 && second <= 0x7a && third >= 0x41 && third <= 0x5a && isUpper(third))
}

const speechSentences = (text: string): Array<string> => {
  const found: Array<string> = []
  let start = 0
  for (let i = 1; i < text.length; i++) {
    if (isSpaceText(text[i]!) && endsBefore(text, i)) {
      found.push(text.slice(start, i))
      start = i + 1
    }
  }
  found.push(text.slice(start))
  return found
}

const numbered = ["1.", "2.", "3.", "4.", "5."]

const speech: ReadonlyArray<Condition> = [
  (text) => text.includes("**"),
  (text) => countKeywords(text) === 5,
  (text) =>
    speechSentences(text).every((sentence) =>
      !numbered.some((marker) => sentence.includes(marker)) || sentence.split(".").length < 3
    ),
  (text) =>
    speechSentences(text).map((sentence) => splitSpaces(sentence).length).every((words) => words >= 10 && words <= 15),
  (text) => splitSpaces(text).every((word) => !word.endsWith("-ly"))
]

export const rules = {
  "followbench:E2E": targeted("Give exactly this", (response, target) => response === target),
  "followbench:text_editing": targeted("Give exactly this", (response, target) => response === target),
  "followbench:WIKIEVENTS": targeted("Give only lines of this", (response, target) => {
    const lines = new Set(target.split("\n"))
    return response.split("\n").every((line) => lines.has(line))
  }),
  "followbench:CONLL2003": targeted(
    "Give one of these",
    (response, target) => pythonStrings(target)!.includes(response),
    kwargs({ target: text }, {
      holds: ({ target }) => pythonStrings(target) !== undefined,
      message: "target is not a Python list of strings"
    })
  ),
  "followbench:BBH_logical": targeted("Name this option last", (response, target) => lastOption(response) === target),
  "followbench:BBH_time": targeted("Name this date last", (response, target) => lastDate(response) === target),
  "followbench:gsm_8k": targeted("Name this amount last", (response, target) => lastAmount(response) === target),
  "followbench:self_made_space": targeted("Mention this", (response, target) => response.includes(target)),
  "followbench:cnn_dailymail": graded("a news summary", [
    (text) => countPieces(text, 4) === 3,
    (text) => everyPiece(text, (words) => words < 15),
    (text) => ["Potter", "actor", "films"].every((word, i) => pieceContains(text, i + 1, word)),
    (text) => !pieceContains(text, 2, "lavish"),
    (text) => isPerfect(pieceAt(text, 3) ?? "")
  ]),
  "followbench:xsum": graded("a one-sentence summary", [
    oneSentence,
    (text) => oneSentence(text) && spaces(text) < 20,
    (text) => !containsExactWord(text, "Newton Stewart"),
    isContinuous,
    (text) => containsExactWord(text, "operation")
  ]),
  "followbench:samsum": graded("a summary of a dialogue", [
    oneSentence,
    (text) => spaces(text) < 15,
    (text) => containsExactWord(text, "stuff"),
    (text) => !contains(haystack(text), "procrast"),
    (text) => countPunctuation(text, 1) === 1
  ]),
  "followbench:gigaword": graded("a headline", [
    (text) => spaces(text) === 8,
    (text) => countPunctuation(text, 0) === 0,
    isLowerText,
    (text) => !containsExactWord(text, "bus"),
    (text) => containsExactWord(text, "in")
  ]),
  "followbench:arxiv": graded("a summary of an abstract", [
    oneSentence,
    (text) => spaces(text) <= 20,
    (text) => text.startsWith("We"),
    (text) => containsExactWord(text, "activations"),
    (text) => !containsExactWord(text, "transformer")
  ]),
  "followbench:format_22": verifier(kwargs({ level }), {
    describe: ({ level }) => `Meet the first ${level} of FollowBench's constraints on three numbered paragraphs.`,
    check: (response, { level }) => woodenTable(response, level)
  }),
  "followbench:format_30": graded("a speech of five marked points", speech)
} satisfies VerifierTable
