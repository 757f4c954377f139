import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import {
  firstCharacter,
  isWord,
  length,
  pointBefore,
  PUNCTUATION,
  splitSpaces,
  strip,
  trim,
  trimEnd,
  trimStart,
  withoutPunctuation
} from "../text/Characters.ts"
import { plural, quoted } from "../text/Phrases.ts"
import { sentences } from "../text/Punkt.ts"
import { countSyllables } from "../text/Syllables.ts"
import { firstTag } from "../text/Tagger.ts"
import { eachToken, tokens } from "../text/Treebank.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** The words between whitespace, without any punctuation. */
const bareWords = (text: string): Array<string> => splitSpaces(withoutPunctuation(text))

const isAsciiLower = (unit: number): boolean => unit >= 0x61 && unit <= 0x7a

/** Whether each word begins with the letter after the one that the word before began with, a after z. */
const followsAlphabet = (text: string): boolean => {
  const initials = bareWords(text)
  if (initials.length === 0) return false
  const first = firstCharacter(initials[0]!).toLowerCase()
  if (first.length !== 1 || !isAsciiLower(first.charCodeAt(0))) return false
  const start = first.charCodeAt(0) - 0x61
  return initials.every((word, i) =>
    i === 0 || word.slice(0, 2).toLowerCase().charCodeAt(0) === 0x61 + (start + i) % 26
  )
}

const consonants = new Set("bcdfghjklmnpqrstvwxyz")

const hasCluster = (word: string): boolean => {
  for (let i = 1; i < word.length; i++) if (consonants.has(word[i - 1]!) && consonants.has(word[i]!)) return true
  return false
}

/** Five characters or more, by code point the same from both ends. */
const isPalindrome = (word: string): boolean => {
  for (let i = 0, j = word.length; i < j;) {
    const point = word.codePointAt(i)!
    if (point !== pointBefore(word, j)) return false
    const size = point > 0xffff ? 2 : 1
    i += size
    j -= size
  }
  return length(word) >= 5
}

const primes = new Set([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97])

const adjacent = <A>(items: ReadonlyArray<A>, holds: (before: A, after: A) => boolean): boolean => {
  for (let i = 1; i < items.length; i++) if (!holds(items[i - 1]!, items[i]!)) return false
  return true
}

/** Whether the last word of each sentence is the first of the next, which keeps the punctuation behind it. */
const chains = (text: string): boolean =>
  adjacent(sentences(text), (before, after) => {
    const last = splitSpaces(trimEnd(before)).at(-1)
    const first = splitSpaces(trimStart(after))[0]
    return last !== undefined && first !== undefined && last.toLowerCase() === first.toLowerCase()
  })

const isAlphanumeric = (token: string): boolean => {
  for (const character of token) if (character !== "_" && isWord(character.codePointAt(0)!)) return true
  return false
}

export const words = {
  "words:alphabet": verifier(none, {
    describe: () => "Begin each word with the next letter of the alphabet, going back to A after Z.",
    check: followsAlphabet
  }),
  "words:vowel": verifier(none, {
    describe: () => "Write one paragraph in which only three different vowels occur.",
    check: (response) => {
      const text = strip(response)
      if (text.includes("\n")) return false
      const lower = text.toLowerCase()
      return Array.from("aeiou").filter((vowel) => lower.includes(vowel)).length <= 3
    }
  }),
  "words:consonants": verifier(none, {
    describe: () => "Use only words with two or more consonants together.",
    check: (response) => splitSpaces(response.toLowerCase()).every(hasCluster)
  }),
  "words:palindrome": verifier(none, {
    describe: () => "Include at least 10 single-word palindromes of at least 5 characters.",
    check: (response) => bareWords(response).filter((word) => isPalindrome(word.toLowerCase())).length >= 10
  }),
  "words:prime_lengths": verifier(none, {
    describe: () => "Use only words whose length is a prime number.",
    check: (response) => bareWords(response).every((word) => primes.has(length(word)))
  }),
  "words:start_verb": verifier(none, {
    describe: () => "Start the response with a verb.",
    check: (response) => firstTag(tokens(response, 3))?.includes("VB") ?? false
  }),
  "words:repeats": verifier(kwargs({ small_n: integer() }), {
    describe: ({ small_n }) => `Do not use any word more than ${plural(small_n, "time")}.`,
    check: (response, { small_n }) => {
      const counts = new Map<string, number>()
      return bareWords(response.toLowerCase()).every((word) => {
        const seen = (counts.get(word) ?? 0) + 1
        counts.set(word, seen)
        return seen <= small_n
      })
    }
  }),
  "words:odd_even_syllables": verifier(none, {
    describe: () => "Alternate between words with an odd and words with an even number of syllables.",
    check: (response) => {
      let before = -1
      return bareWords(response).every((word) => {
        const parity = countSyllables(word) % 2
        const alternates = parity !== before
        before = parity
        return alternates
      })
    }
  }),
  "words:last_first": verifier(none, {
    describe: () => "Begin each sentence with the last word of the sentence before.",
    check: chains
  }),
  "words:paragraph_last_first": verifier(none, {
    describe: () => "End each paragraph with the word that it begins with, and separate paragraphs with a newline.",
    check: (response) =>
      response.split("\n").every((line) => {
        const found = splitSpaces(trim(strip(line).toLowerCase()))
        return found[0] === found.at(-1)
      })
  }),
  "words:no_consecutive": verifier(none, {
    describe: () => "Begin no two consecutive words with the same letter.",
    check: (response) =>
      adjacent(
        bareWords(response.toLowerCase()),
        (before, after) => firstCharacter(before) !== firstCharacter(after)
      )
  }),
  "words:keywords_specific_position": verifier(kwargs({ keyword: phrase, n: integer(1), m: integer(1) }), {
    describe: ({ keyword, m, n }) => `Make ${quoted(keyword)} word number ${m} of sentence number ${n}.`,
    check: (response, { keyword, m, n }) => {
      const sentence = sentences(response, n)[n - 1]
      if (sentence === undefined) return false
      let place = 0
      let found: string | undefined
      eachToken(sentence, (token) => {
        if (isAlphanumeric(token) && ++place === m) found = token
        return found === undefined
      })
      return found?.toLowerCase() === strip(keyword).toLowerCase()
    }
  }),
  "words:words_position": verifier(kwargs({ keyword: phrase }), {
    describe: ({ keyword }) => `Make ${quoted(keyword)} both the second and the second to last word.`,
    check: (response, { keyword }) => {
      const wanted = strip(keyword).toLowerCase()
      let follows = true
      let place = 0
      let ending: ReadonlyArray<string> = []
      eachToken(response, (token) => {
        if (++place === 2) follows = token.toLowerCase() === wanted
        ending = [...ending.slice(-2), token]
        return follows
      })
      if (!follows || place < 2) return false
      // A final punctuation mark is not a word.
      const last = PUNCTUATION.includes(ending.at(-1)!) ? ending.at(-3) : ending.at(-2)
      return last?.toLowerCase() === wanted
    }
  })
} satisfies VerifierTable

