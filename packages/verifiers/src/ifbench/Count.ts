import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import { isDecimal, isDigit, strip, unitsWithoutPunctuation } from "../text/Characters.ts"
import { plural, quoted } from "../text/Phrases.ts"
import { eachPiece, RangeCounts, trimmedEnd, trimmedStart } from "../text/Ranges.ts"
import { eachExact } from "../text/Search.ts"
import { countTokens } from "../text/Treebank.ts"
import { pointAt, type Units, unitsOf } from "../text/Units.ts"
import { countWords, eachWord } from "../text/Words.ts"
import { wordTable } from "../text/WordTable.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const conjunctions = wordTable(["and", "but", "for", "nor", "or", "so", "yet"])

const names = new Set([
  "Emma", "Liam", "Sophia", "Jackson", "Olivia", "Noah", "Ava", "Lucas", "Isabella", "Mason", "Mia", "Ethan",
  "Charlotte", "Alexander", "Amelia", "Benjamin", "Harper", "Leo", "Zoe", "Daniel", "Chloe", "Samuel", "Lily", "Matthew",
  "Grace", "Owen", "Abigail", "Gabriel", "Ella", "Jacob", "Scarlett", "Nathan", "Victoria", "Elijah", "Layla",
  "Nicholas", "Audrey", "David", "Hannah", "Christopher", "Penelope", "Thomas", "Nora", "Andrew", "Aria", "Joseph",
  "Claire", "Ryan", "Stella", "Jonathan"
])

const pronouns = wordTable([
  "i", "me", "we", "us", "you", "he", "him", "she", "her", "it", "they", "them", "my", "mine", "our", "ours", "your",
  "yours", "his", "hers", "its", "their", "theirs", "myself", "ourselves", "yourself", "yourselves", "himself", "herself",
  "itself", "themselves", "this", "that", "these", "those", "who", "whom", "whose", "which", "what", "whoever",
  "whomever", "whatever", "whichever", "anybody", "anyone", "anything", "everybody", "everyone", "everything", "nobody",
  "nothing", "somebody", "someone", "something", "each", "either", "neither", "both", "all", "some", "any", "none"
])

const longestName = Math.max(...Array.from(names, (name) => name.length))

/** The number of different names, up to `limit`. */
const countNames = (text: string, limit: number): number => {
  const found = new Set<string>()
  const units = unitsOf(text)
  eachWord(units, (start, end) => {
    // They begin with a capital letter.
    const word = end - start <= longestName && units[start]! <= 0x5a ? text.slice(start, end) : ""
    if (names.has(word)) found.add(word)
    return found.size < limit
  })
  return found.size
}

/** The number of runs of decimal digits, punctuation between them left out: "1,000" is one, and so is "10-20". */
const countNumbers = (text: string): number => {
  let total = 0
  let inside = false
  const units = unitsWithoutPunctuation(text)
  for (let i = 0; i < units.length; i++) {
    const point = pointAt(units, i)
    const digit = isDecimal(point)
    if (digit && !inside) total++
    inside = digit
    if (point > 0xffff) i++
  }
  return total
}

/** Whether every mark stands somewhere besides the first interrobang, which must be there too. */
const coversPunctuation = (text: string): boolean => {
  if (!text.includes("!?") && !text.includes("?!") && !text.includes("\u203d")) return false
  const rest = text.includes("?!") ? text.replace("?!", "") : text.replace("!?", "")
  return [".", ",", "!", "?", ";", ":"].every((mark) => rest.includes(mark))
}

const isJapanese = (unit: number): boolean => (unit >= 0x3040 && unit <= 0x30ff) || (unit >= 0x4e00 && unit <= 0x9fff)

/** Whether the word, which has no punctuation around it, has a Japanese character, or is empty or nothing but digits. */
const isJapaneseWord = (units: Units, start: number, end: number): boolean => {
  let digits = true
  for (let i = start; i < end; i++) {
    const point = pointAt(units, i)
    if (isJapanese(point)) return true
    digits &&= isDigit(point)
    if (point > 0xffff) i++
  }
  return digits
}

/** The number of different words, up to `limit`: pieces between whitespace without punctuation around them, in lower case. */
const countDifferent = (text: string, limit: number): number => {
  const units = unitsOf(text.toLowerCase())
  const found = new RangeCounts(units)
  eachPiece(units, (start, end) => {
    const first = trimmedStart(units, start, end)
    found.add(first, trimmedEnd(units, first, end))
    return found.size < limit
  })
  return found.size
}

/** The number of different pieces between whitespace, up to `limit`, that are a conjunction but for punctuation around it. */
const countConjunctions = (text: string, limit: number): number => {
  const units = unitsOf(text)
  const found = new RangeCounts(units)
  eachPiece(units, (start, end) => {
    const first = trimmedStart(units, start, end)
    if (conjunctions.get(units, first, trimmedEnd(units, first, end)) !== 0) found.add(start, end)
    return found.size < limit
  })
  return found.size
}

/** Whether `keyword` occurs exactly `wanted` times, occurrences that overlap counted once. */
const occursExactly = (text: string, keyword: string, wanted: number): boolean => {
  let total = 0
  let done = 0
  eachExact(text, keyword, (start) => {
    if (start < done) return true
    done = start + keyword.length
    return ++total <= wanted
  })
  return total === wanted
}

const multiples = [1, 2, 3, 5, 7]

export const count = {
  "count:word_count_range": verifier(kwargs({ min_words: integer(), max_words: integer() }), {
    describe: ({ max_words, min_words }) => `Write between ${min_words} and ${max_words} words.`,
    check: (response, { max_words, min_words }) => {
      const total = countWords(response)
      return total >= min_words && total <= max_words
    }
  }),
  "count:unique_word_count": verifier(kwargs({ N: integer() }), {
    describe: ({ N }) => `Use at least ${plural(N, "different word")}.`,
    check: (response, { N }) => countDifferent(response, N) >= N
  }),
  // "and", "And" and "and," are three.
  "count:conjunctions": verifier(kwargs({ small_n: integer() }), {
    describe: ({ small_n }) => `Use at least ${plural(small_n, "different coordinating conjunction")}.`,
    check: (response, { small_n }) => countConjunctions(response, small_n) >= small_n
  }),
  "count:person_names": verifier(kwargs({ N: integer() }), {
    describe: ({ N }) => `Mention at least ${plural(N, "different person name")} of this list: ${[...names].join(", ")}.`,
    check: (response, { N }) => countNames(response, N) >= N
  }),
  "count:numbers": verifier(kwargs({ N: integer() }), {
    describe: ({ N }) => `Include exactly ${plural(N, "number")}.`,
    check: (response, { N }) => countNumbers(response) === N
  }),
  "count:punctuation": verifier(none, {
    describe: () => "Use every standard punctuation mark at least once, including semicolons, colons and the interrobang (?!).",
    check: coversPunctuation
  }),
  "count:words_japanese": verifier(kwargs({ N: integer(1) }), {
    describe: ({ N }) => `Make every word whose place is a multiple of ${N} Japanese.`,
    check: (response, { N }) => {
      const units = unitsOf(response)
      let place = 0
      let all = true
      eachPiece(units, (start, end) => {
        if (++place % N !== 0) return true
        const first = trimmedStart(units, start, end)
        return all = isJapaneseWord(units, first, trimmedEnd(units, first, end))
      })
      return all
    }
  }),
  "count:pronouns": verifier(kwargs({ N: integer() }), {
    describe: ({ N }) => `Use at least ${plural(N, "pronoun")}.`,
    check: (response, { N }) => {
      const units = unitsOf(response.toLowerCase())
      for (let i = 0; i < units.length; i++) if (units[i] === 0x2f) units[i] = 0x20
      return countTokens(units, (_, start, end) => pronouns.get(units, start, end) !== 0, N) >= N
    }
  }),
  "count:keywords_multiple": verifier(
    kwargs({ keyword1: phrase, keyword2: phrase, keyword3: phrase, keyword4: phrase, keyword5: phrase }),
    {
      describe: ({ keyword1, keyword2, keyword3, keyword4, keyword5 }) =>
        `Use ${quoted(keyword1)} once, ${quoted(keyword2)} twice, ${quoted(keyword3)} three times, ${quoted(keyword4)} ` +
        `five times and ${quoted(keyword5)} seven times.`,
      check: (response, { keyword1, keyword2, keyword3, keyword4, keyword5 }) => {
        const text = response.toLowerCase()
        return [keyword1, keyword2, keyword3, keyword4, keyword5].every((keyword, i) =>
          occursExactly(text, strip(keyword).toLowerCase(), multiples[i]!)
        )
      }
    }
  )
} satisfies VerifierTable
