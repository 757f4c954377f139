// The text primitives, which scan code units, against plain versions of the same: regular expressions, split and join.
import { expect, test } from "@jest/globals"
import fc from "fast-check"
import { prepare, VerifierError } from "../../src/index.ts"
import * as Characters from "../../src/text/Characters.ts"
import { isEmoji } from "../../src/text/Emoji.ts"
import { fold } from "../../src/text/Fold.ts"
import * as Ranges from "../../src/text/Ranges.ts"
import { regexSentences } from "../../src/text/RegexSentences.ts"
import { countSyllables } from "../../src/text/Syllables.ts"
import { tokens } from "../../src/text/Treebank.ts"
import { longTextOf, unitsOf } from "../../src/text/Units.ts"
import { countWords, words } from "../../src/text/Words.ts"
import { anyText } from "../support/Arbitraries.ts"
import * as Plain from "../support/Plain.ts"
import { pieces } from "../support/Hostile.ts"

const { SPACES } = Characters

/** Texts in which `parts` meet. */
const textOf = (parts: ReadonlyArray<string>) => fc.array(fc.constantFrom(...parts), { maxLength: 25 }).map((found) => found.join(""))

const someText = fc.oneof(anyText, textOf(pieces))

const holds = (text: fc.Arbitrary<string>, property: (text: string) => void, numRuns = 1000): void =>
  fc.assert(fc.property(text, property), { numRuns })

test.each<[name: string, actual: (point: number) => boolean, expected: (character: string) => boolean]>([
  ["isWord", Characters.isWord, (c) => /^[\p{L}\p{N}_]$/u.test(c)],
  ["isSpace", Characters.isSpace, (c) => new RegExp(`^[${SPACES}]$`).test(c)],
  ["isDecimal", Characters.isDecimal, (c) => /^\p{Nd}$/u.test(c)],
  ["isAlpha", Characters.isAlpha, (c) => /^\p{L}$/u.test(c)],
  ["isUpper", Characters.isUpper, (c) => /^\p{Uppercase}$/u.test(c)],
  ["isLower", Characters.isLower, (c) => /^\p{Lowercase}$/u.test(c)],
  ["isPunctuation", Characters.isPunctuation, (c) => Characters.PUNCTUATION.includes(c)],
  ["isEmoji", isEmoji, (c) => c > "\x7f" && /^\p{Emoji}$/u.test(c) && !/^[\u{1f1e6}-\u{1f1ff}]$/u.test(c)]
])("%s over all code points", (_, actual, expected) => {
  const wrong: Array<string> = []
  for (let point = 0; point < 0x110000; point++) {
    if (actual(point) !== expected(String.fromCodePoint(point))) wrong.push(point.toString(16))
  }
  expect(wrong).toEqual([])
})

test("code units, short and long, of ASCII and others", () => {
  const long = fc.tuple(someText, fc.nat(200)).map(([text, size]) => text + "a".repeat(size))
  holds(fc.oneof(someText, long), (text) => {
    expect(Array.from(unitsOf(text))).toEqual(Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)))
    expect(longTextOf(unitsOf(text))).toBe(text)
  })
  const megabyte = "\ud83d\ude00a".repeat(5000)
  expect(longTextOf(unitsOf(megabyte))).toBe(megabyte)
})

test("stripping, splitting and counting", () => {
  const space = `[${SPACES}]`
  const mark = `[ ${Characters.PUNCTUATION.replace(/[\\\]^-]/g, "\\$&")}]`
  holds(someText, (text) => {
    expect(Characters.stripStart(text)).toBe(text.replace(new RegExp(`^${space}+`), ""))
    expect(Characters.stripEnd(text)).toBe(text.replace(new RegExp(`${space}+$`), ""))
    expect(Characters.isBlank(text)).toBe(new RegExp(`^${space}*$`).test(text))
    expect(Characters.splitSpaces(text)).toEqual(text.split(new RegExp(`${space}+`)).filter((piece) => piece !== ""))
    expect(Characters.trimStart(text)).toBe(text.replace(new RegExp(`^${mark}+`), ""))
    expect(Characters.trimEnd(text)).toBe(text.replace(new RegExp(`${mark}+$`), ""))
    expect(Characters.length(text)).toBe(Array.from(text).length)
    const bare = text.split("").filter((unit) => !Characters.PUNCTUATION.includes(unit)).join("")
    expect(longTextOf(Characters.unitsWithoutPunctuation(text))).toBe(bare)
    const cased = Array.from(text).filter((c) => /\p{Uppercase}|\p{Lowercase}|\p{Lt}/u.test(c))
    expect(Characters.isUpperText(text)).toBe(cased.length > 0 && cased.every((c) => /\p{Uppercase}/u.test(c)))
    expect(Characters.isLowerText(text)).toBe(cased.length > 0 && cased.every((c) => /\p{Lowercase}/u.test(c)))
  })
})

test("ranges hold what the texts do", () => {
  const part = someText.chain((text) => fc.tuple(fc.constant(text), fc.nat(text.length), fc.nat(text.length)))
  fc.assert(fc.property(part, ([text, one, other]) => {
    const units = unitsOf(text)
    const [start, end] = [Math.min(one, other), Math.max(one, other)]
    const inside = text.slice(start, end)
    const first = Ranges.strippedStart(units, start, end)
    expect(text.slice(first, Ranges.strippedEnd(units, first, end))).toBe(Characters.strip(inside))
    const bare = Ranges.trimmedStart(units, start, end)
    expect(text.slice(bare, Ranges.trimmedEnd(units, bare, end))).toBe(Characters.trim(inside))
    expect(Ranges.sameRange(units, start, end, 0, end - start)).toBe(inside === text.slice(0, end - start))
    const lines: Array<string> = []
    expect(Ranges.everyLine(units, (_, start, end) => lines.push(text.slice(start, end)) > 0)).toBe(true)
    expect(lines).toEqual(text.split("\n"))
    const found: Array<string> = []
    const seen: Array<number> = []
    const counts = new Ranges.RangeCounts(units)
    Ranges.eachPiece(units, (start, end) => {
      seen.push(counts.add(start, end))
      expect(Characters.isUpperRange(units, start, end)).toBe(Characters.isUpperText(text.slice(start, end)))
      expect(Characters.isLowerRange(units, start, end)).toBe(Characters.isLowerText(text.slice(start, end)))
      return found.push(text.slice(start, end)) > 0
    })
    expect(found).toEqual(Characters.splitSpaces(text))
    expect(seen).toEqual(found.map((piece, i) => found.slice(0, i + 1).filter((other) => other === piece).length))
    expect(counts.size).toBe(new Set(found).size)
  }), { numRuns: 1000 })
})

test("ten thousand different ranges, each twice", () => {
  const numbers = Array.from({ length: 10_000 }, (_, i) => i.toString(36))
  const units = unitsOf(`${numbers.join(" ")} ${numbers.join(" ")}`)
  const counts = new Ranges.RangeCounts(units)
  const seen: Array<number> = []
  Ranges.eachPiece(units, (start, end) => seen.push(counts.add(start, end)) > 0)
  expect(counts.size).toBe(10_000)
  expect(seen).toEqual([...numbers.map(() => 1), ...numbers.map(() => 2)])
})

test("words are the runs of a regular expression", () => {
  holds(someText, (text) => {
    const expected = text.match(/[\p{L}\p{N}_]+/gu) ?? []
    expect(words(text)).toEqual([...expected])
    expect(countWords(text)).toBe(expected.length)
  })
})

test("a text folds character by character, to what its cases have in common", () => {
  holds(someText, (text) => {
    expect(Array.from(fold(text))).toEqual(Array.from(text).flatMap((character) => Array.from(fold(character))))
    for (const character of text) {
      if (character.toUpperCase().length === character.length) expect(fold(character.toUpperCase())).toEqual(fold(character))
    }
  })
})

test("sentences of the splitter before Punkt are those of the substitutions", () => {
  const parts = [
    "A", "B", "a", "b", "He", "She ", "It ", "They ", "Mr", "Mrs", "St", "Dr", "Prof", "Wherever", "Lt", "Inc", "Ltd", "Jr", "Co", "com", "net", "1", "2", "Ph", "D", "!", "?",
    "\"", "\u201d", ".", ".", ".", ".", "..", "...", " ", " ", " ", "\n", "\t", "\x1c", "<prd>", "<stop>", "\ufdd0", "\ufdd1", "\u00e9"
  ]
  holds(fc.oneof(textOf(parts), textOf(parts), someText), (text) => expect(regexSentences(text)).toEqual(Plain.regexSentences(text)), 3000)
})

test("chunks are cut into clitics and contractions as by regular expressions", () => {
  const parts = [
    "'", "'", "s", "S", "ll", "LL", "Ll", "re", "VE", "n't", "N'T", "d", "M", "can", "not", "NOT", "gim", "g\u0130m", "g\u0131m", "me", "wan", "na", "gon", "got", "ta", "lem", "more",
    "'n", "d'ye", "'t", "is", "was", "\u0131\u017f", "wa\u017f", "x", "_", "\u00e9", "\ud801\udc00", "5"
  ]
  // Two apostrophes, and one before a single letter, are looked at before chunks are.
  const chunk = textOf(parts).filter((text) => !/''|'(?![mtsdnMTSDN\u017f])[\p{L}\p{N}_](?![\p{L}\p{N}_])/u.test(text))
  holds(chunk, (text) => expect(tokens(text)).toEqual(Plain.chunkTokens(text)), 3000)
})

test("the words of a text are its characters but for whitespace and quotes, which are renamed", () => {
  const rest = (found: string): string => found.replace(new RegExp(`[${SPACES}"'\`]`, "g"), "")
  holds(someText, (text) => expect(rest(tokens(text).join(""))).toBe(rest(text)))
})

test("syllables are those of the parts between hyphens", () => {
  const parts = ["a", "e", "le", "table", "the", "river", "y", "-", "--", "'", ".", "b", "5", "\u00e9", "i\u0307", "x"]
  holds(fc.oneof(textOf(parts), someText.map((text) => text.toLowerCase())), (text) => {
    expect(countSyllables(unitsOf(text), 0, text.length)).toBe(Plain.countSyllables(text))
  })
})

// What the checks below look for, whole where parts seldom meet, so that of 1,000 texts at least 20 follow each.
const fitting = [
  "a", "b", "ab", "bb", "cc", "aba", "abcba", "Abcba ", "\u00c9b\u00e9", "\u0130", "i\u0130i", "\u03a3", "\u03a3\u0391\u03a3", "k\u212ak", " ", " ", " ", "\n", "\n", "\n ", "\n  ", "\n   ", "\n\t", "\"", "'", "'\"'", "and",
  "And,", "(or)", "yet", "eagle", "Bald!", "bald", "Eagle, bald ", "eagles\nsobald ", "7", "\u0663", "\u00b2", "\u65e5", "\u65e5\u672c ", ".", "! ", "-", "_", "\u3000", "\x1c", "\ud83d\ude00", "\ud801\udc00"
]
const palindromes = fc.array(fc.constantFrom("abcba", "Abcba", "i\u0130i\u0130i", "abca", "x"), { minLength: 12, maxLength: 30 }).map((found) => found.join(" "))
const alphabet = fc.tuple(fc.nat(25), fc.nat(60)).map(([first, size]) =>
  Array.from({ length: size }, (_, i) => String.fromCharCode(0x61 + (first + i) % 26)).join(" ")
)

test.each(Object.keys(Plain.checks))("%s as by splitting and joining", (id) => {
  const kwargs = fc.record({ N: fc.integer({ min: 1, max: 6 }), small_n: fc.integer({ min: 0, max: 6 }) })
  const text = fc.oneof(textOf(fitting), textOf(fitting), palindromes, alphabet, someText)
  let followed = 0
  fc.assert(fc.property(text, kwargs, (text, kwargs) => {
    const verdict = prepare({ id, kwargs })
    if (verdict instanceof VerifierError) throw verdict
    const expected = Plain.checks[id]!(text, kwargs)
    expect(verdict.check(text)).toBe(expected)
    if (expected) followed++
  }), { numRuns: 1000 })
  expect(followed).toBeGreaterThan(0)
})
