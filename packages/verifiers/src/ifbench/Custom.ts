// IFBench's custom:*, each made for one prompt of the benchmark.
import { none } from "../Kwargs.ts"
import {
  isDecimal,
  isSpace,
  isWord,
  length,
  parseDecimal,
  pointAt,
  skipSpaces,
  strip,
  toAscii,
  trim,
  unitsWithoutPunctuation
} from "../text/Characters.ts"
import { readCsv } from "../text/Csv.ts"
import { sentences } from "../text/Punkt.ts"
import { everyPiece, isAt } from "../text/Ranges.ts"
import { unitsOf } from "../text/Units.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const skipDecimals = (text: string, index: number): number => {
  let i = index
  while (i < text.length && isDecimal(text.codePointAt(i)!)) i += text.codePointAt(i)! > 0xffff ? 2 : 1
  return i
}

/** Whether the runs of digits are 14, 21, 28, 35, 42 and 49. */
const countsBySeven = (text: string): boolean => {
  const found: Array<string> = []
  for (let i = 0; i < text.length && found.length <= 6;) {
    const end = skipDecimals(text, i)
    if (end > i) found.push(text.slice(i, end))
    i = end + (pointAt(text, end) > 0xffff ? 2 : 1)
  }
  return found.join() === "14,21,28,35,42,49"
}

// ---------------------------------------------------------------------------------------------- multiple-choice questions

/** The pieces between matches of `\n*(?:Question \d+[\.|\):;]?\s*)`. */
const splitQuestions = (text: string): Array<string> => {
  const label = "Question "
  const pieces: Array<string> = []
  let done = 0
  for (let at = text.indexOf(label); at >= 0; at = text.indexOf(label, at + 1)) {
    const digits = at + label.length
    let end = skipDecimals(text, digits)
    if (end === digits) continue
    if (end < text.length && ".|):;".includes(text[end]!)) end++
    end = skipSpaces(text, end)
    let start = at
    while (start > done && text[start - 1] === "\n") start--
    pieces.push(text.slice(done, start))
    done = end
    at = end - 1
  }
  pieces.push(text.slice(done))
  return pieces
}

/** `^[A-Ea-e][\.|\)]\s*\w+` */
const isOption = (line: string): boolean =>
  /^[A-Ea-e][.|)]/.test(line) && skipSpaces(line, 2) < line.length && isWord(line.codePointAt(skipSpaces(line, 2))!)

/** The length of a question's text, or undefined if it does not have five options. */
const questionLength = (question: string): number | undefined => {
  const lines = question.split("\n").map(strip)
  if (lines.filter(isOption).length !== 5) return undefined
  return length(strip(lines.slice(0, lines.findIndex(isOption)).join(" ")))
}

const hasQuestions = (text: string): boolean => {
  if (!text.startsWith("Question")) return false
  const questions = splitQuestions(text).map(strip).filter((question) => question !== "")
  const lengths = questions.map(questionLength)
  return lengths.length === 4 &&
    lengths.every((size, i) => size !== undefined && (i === 0 || size > (lengths[i - 1] ?? Infinity)))
}

// ---------------------------------------------------------------------------------------------------------------- lists

/** Whether the lines from the one with Zimbabwe on, at least 52 of them, never rise in code-point order. */
const listsCountries = (text: string): boolean => {
  const lines = text.split("\n").map(trim).filter((line) => line !== "")
  const start = lines.findIndex((line) => line.includes("Zimbabwe"))
  if (start < 0) return false
  const names = lines.slice(start).map(toAscii)
  return names.length >= 52 && names.every((name, i) => i === 0 || name <= names[i - 1]!)
}

const BALD = unitsOf("bald")
const EAGLE = unitsOf("eagle")

/** Whether "bald eagle" is in the words in reverse, so that one starts with "eagle" and the next ends in "bald". */
const reversesWords = (text: string): boolean => {
  const units = unitsWithoutPunctuation(text.toLowerCase())
  let eagle = false
  return !everyPiece(units, (_, start, end) => {
    const found = eagle && isAt(units, end - BALD.length, BALD)
    eagle = isAt(units, start, EAGLE)
    return !found
  })
}

const spellsAlphabet = (text: string): boolean => {
  const found = sentences(text, 27)
  return found.length === 26 && found.every((sentence, i) => {
    const start = skipSpaces(sentence, 0)
    // The first word in lower case, of which only the first character counts.
    return sentence.slice(start, start + 2).toLowerCase().charCodeAt(0) === 0x61 + i
  })
}

const capitals = [
  "Reykjavik", "Helsinki", "Oslo", "Tallinn", "Stockholm", "Riga", "Moscow", "Copenhagen", "Vilnius", "Minsk", "Dublin",
  "Berlin", "Amsterdam", "Warsaw", "London", "Brussels", "Prague", "Luxembourg", "Paris", "Vienna", "Bratislava",
  "Budapest", "Vaduz", "Chisinau", "Bern", "Ljubljana", "Zagreb"
]

const listsCapitals = (text: string): boolean => {
  const found = toAscii(text).split(",").map(strip).filter((name) => name !== "")
  return found.length === capitals.length && found.every((name, i) => name === capitals[i])
}

const daysIn = (month: number): number => {
  if (month === 2) return 29
  if ([4, 6, 9, 11].includes(month)) return 30
  return month === 0 ? Infinity : 31
}

/** `YYYY-MM-DD` in Napoleon's lifetime. Month and day 00 pass, as in the reference. */
const isDate = (text: string): boolean => {
  const match = /^(\p{Nd}{4})-(\p{Nd}{2})-(\p{Nd}{2})$/u.exec(text)
  if (match === null) return false
  const [year, month, day] = match.slice(1).map(parseDecimal) as [number, number, number]
  return year >= 1769 && year <= 1821 && month <= 12 && day <= daysIn(month)
}

// ------------------------------------------------------------------------------------------------------------------ CSV

const hasHeader = (text: string, columns: ReadonlyArray<string>, separator: RegExp): boolean => {
  const fields = strip(text.split("\n", 1)[0]!).split(separator)
  return fields.length === columns.length && fields.every((field, i) => field === columns[i] || field === `"${columns[i]}"`)
}

/** `".*[^\d\w\s].*"` at the start of the field: a quote, then in the same line a special character and a quote behind it. */
const quotesSpecial = (field: string): boolean => {
  const line = field.split("\n", 1)[0]!
  if (!line.startsWith("\"")) return false
  const close = line.lastIndexOf("\"")
  for (let i = 1; i < close; i++) {
    const point = line.codePointAt(i)!
    if (!isWord(point) && !isSpace(point)) return true
    if (point > 0xffff) i++
  }
  return false
}

/** Quotes tripled, so that they end up in the fields. */
const readQuoted = (text: string, delimiter: string, limit: number): Array<Array<string>> | undefined =>
  readCsv(text.replaceAll("\"", "\"\"\""), delimiter, limit)

const isCityTable = (text: string): boolean => {
  const rows = readCsv(text, ",", 9)
  return rows !== undefined && rows.length === 8 && rows[0]!.join("\n") === "ID\nCountry\nCity\nYear\nCount" &&
    rows.every((row) => row.length === 5)
}

const isProductTable = (text: string): boolean => {
  if (!hasHeader(text, ["ProductID", "Category", "Brand", "Price", "Stock"], /,[ \t]*/)) return false
  const rows = readQuoted(text, ",", 16)
  if (rows === undefined || rows.length !== 15) return false
  // Rows behind the first field that fits are not looked at.
  const decisive = rows.slice(1).find((row) => row.length !== 5 || row.some(quotesSpecial))
  return decisive !== undefined && decisive.length === 5
}

const isGradeTable = (text: string): boolean => {
  if (!hasHeader(text, ["StudentID", "Subject", "Grade", "Semester", "Score"], /\t */)) return false
  const rows = readQuoted(text, "\t", 5)
  return rows !== undefined && rows.length === 4 && rows.every((row) =>
    row.length === 5 && row.every((field) => strip(field).startsWith("\"") && strip(field).endsWith("\""))
  )
}

export const custom = {
  "custom:multiples": verifier(none, {
    describe: () => "Count from 10 to 50 but print only multiples of 7.",
    check: countsBySeven
  }),
  "custom:mcq_count_length": verifier(none, {
    describe: () =>
      "Write 4 multiple choice questions with 5 options each, each labelled \"Question\" and longer than the one before.",
    check: hasQuestions
  }),
  "custom:reverse_newline": verifier(none, {
    describe: () => "List the countries of Africa in reverse alphabetical order, each on a new line.",
    check: listsCountries
  }),
  "custom:word_reverse": verifier(none, {
    describe: () => "Name the national animal of the US in one sentence with its words in reverse order.",
    check: reversesWords
  }),
  "custom:character_reverse": verifier(none, {
    describe: () => "Name the national animal of the US in one sentence with its letters in reverse order.",
    check: (response) => response.toLowerCase().includes("elgae dlab")
  }),
  "custom:sentence_alphabet": verifier(none, {
    describe: () => "Write a story of 26 sentences whose first words begin with the letters of the alphabet in order.",
    check: spellsAlphabet
  }),
  "custom:european_capitals_sort": verifier(none, {
    describe: () =>
      "List the European capitals north of 45 degrees from the highest to the lowest latitude, separated by commas.",
    check: listsCapitals
  }),
  "custom:csv_city": verifier(none, {
    describe: () => "Write comma-separated data with the columns ID, Country, City, Year and Count and 7 rows.",
    check: isCityTable
  }),
  "custom:csv_special_character": verifier(none, {
    describe: () =>
      "Write comma-separated data with the columns ProductID, Category, Brand, Price and Stock and 14 rows, with a " +
      "special character in one field, which is in double quotes.",
    check: isProductTable
  }),
  "custom:csv_quotes": verifier(none, {
    describe: () =>
      "Write tab-separated data with the columns StudentID, Subject, Grade, Semester and Score and 3 rows, each field in " +
      "double quotes.",
    check: isGradeTable
  }),
  "custom:date_format_list": verifier(none, {
    describe: () => "List the start dates of Napoleon's battles as YYYY-MM-DD, separated by commas, without explanation.",
    check: (response) => strip(response).split(",").every((date) => isDate(strip(date)))
  })
} satisfies VerifierTable
