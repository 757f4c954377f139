import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import { isDecimal, isDigits, splitSpaces, strip, trim, withoutPunctuation } from "../text/Characters.ts"
import { plural, quoted } from "../text/Phrases.ts"
import { eachExact } from "../text/Search.ts"
import { countTokens } from "../text/Treebank.ts"
import { countWords, words } from "../text/Words.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const conjunctions = new Set(["and", "but", "for", "nor", "or", "so", "yet"])

const names = new Set([
  "Emma", "Liam", "Sophia", "Jackson", "Olivia", "Noah", "Ava", "Lucas", "Isabella", "Mason", "Mia", "Ethan",
  "Charlotte", "Alexander", "Amelia", "Benjamin", "Harper", "Leo", "Zoe", "Daniel", "Chloe", "Samuel", "Lily", "Matthew",
  "Grace", "Owen", "Abigail", "Gabriel", "Ella", "Jacob", "Scarlett", "Nathan", "Victoria", "Elijah", "Layla",
  "Nicholas", "Audrey", "David", "Hannah", "Christopher", "Penelope", "Thomas", "Nora", "Andrew", "Aria", "Joseph",
  "Claire", "Ryan", "Stella", "Jonathan"
])

const pronouns = new Set([
  "i", "me", "we", "us", "you", "he", "him", "she", "her", "it", "they", "them", "my", "mine", "our", "ours", "your",
  "yours", "his", "hers", "its", "their", "theirs", "myself", "ourselves", "yourself", "yourselves", "himself", "herself",
  "itself", "themselves", "this", "that", "these", "those", "who", "whom", "whose", "which", "what", "whoever",
  "whomever", "whatever", "whichever", "anybody", "anyone", "anything", "everybody", "everyone", "everything", "nobody",
  "nothing", "somebody", "someone", "something", "each", "either", "neither", "both", "all", "some", "any", "none"
])

/** The number of runs of decimal digits, punctuation between them left out: "1,000" is one, and so is "10-20". */
const countNumbers = (text: string): number => {
  let total = 0
  let inside = false
  for (const character of withoutPunctuation(text)) {
    const digit = isDecimal(character.codePointAt(0)!)
    if (digit && !inside) total++
    inside = digit
  }
  return total
}

/** Whether every mark stands somewhere besides the first interrobang, which must be there too. */
const coversPunctuation = (text: string): boolean => {
  if (!text.includes("!?") && !text.includes("?!") && !text.includes("\u203d")) return false
  const rest = text.includes("?!") ? text.replace("?!", "") : text.replace("!?", "")
  return [".", ",", "!", "?", ";", ":"].every((mark) => rest.includes(mark))
}

const isJapanese = (word: string): boolean => /[\u3040-\u30ff\u4e00-\u9fff]/.test(word)

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
    check: (response, { N }) => new Set(splitSpaces(response.toLowerCase()).map(trim)).size >= N
  }),
  // "and", "And" and "and," are three.
  "count:conjunctions": verifier(kwargs({ small_n: integer() }), {
    describe: ({ small_n }) => `Use at least ${plural(small_n, "different coordinating conjunction")}.`,
    check: (response, { small_n }) =>
      new Set(splitSpaces(response).filter((word) => conjunctions.has(trim(word).toLowerCase()))).size >=
        small_n
  }),
  "count:person_names": verifier(kwargs({ N: integer() }), {
    describe: ({ N }) => `Mention at least ${plural(N, "different person name")} of this list: ${[...names].join(", ")}.`,
    check: (response, { N }) => new Set(words(response).filter((word) => names.has(word))).size >= N
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
    check: (response, { N }) =>
      splitSpaces(response).every((piece, i) => {
        if ((i + 1) % N !== 0) return true
        const word = trim(piece)
        return word === "" || isDigits(word) || isJapanese(word)
      })
  }),
  "count:pronouns": verifier(kwargs({ N: integer() }), {
    describe: ({ N }) => `Use at least ${plural(N, "pronoun")}.`,
    check: (response, { N }) =>
      countTokens(response.replaceAll("/", " ").toLowerCase(), (word) => pronouns.has(word), N) >= N
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
