import { integer, kwargs, none, phrase } from "../Kwargs.ts"
import {
  asciiSet,
  isIn,
  isSpace,
  isWord,
  length,
  pointBefore,
  PUNCTUATION,
  splitSpaces,
  strip,
  trimEnd,
  trimStart,
  unitsWithoutPunctuation
} from "../text/Characters.ts"
import { plural, quoted } from "../text/Phrases.ts"
import { sentences } from "../text/Punkt.ts"
import { everyLine, everyPiece, type HoldsRange, RangeCounts, sameRange, strippedEnd, strippedStart, trimmedEnd, trimmedStart } from "../text/Ranges.ts"
import { countSyllables } from "../text/Syllables.ts"
import { firstTag } from "../text/Tagger.ts"
import { eachToken, tokens } from "../text/Treebank.ts"
import { longTextOf, pointAt, textOf, type Units, unitsOf } from "../text/Units.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** Whether `holds` of every word between whitespace, without any punctuation. */
const everyBareWord = (text: string, holds: HoldsRange): boolean => everyPiece(unitsWithoutPunctuation(text), holds)

const isAsciiLower = (unit: number): boolean => unit >= 0x61 && unit <= 0x7a

/** An ASCII letter in lower case, and other characters as they are. */
const lower = (unit: number): number => unit >= 0x41 && unit <= 0x5a ? unit + 0x20 : unit

/** Whether each word begins with the letter after the one that the word before began with, a after z. */
const followsAlphabet = (text: string): boolean => {
  let expected = -1
  const follows = everyBareWord(text, (units, start, end) => {
    const initial = textOf(units, start, Math.min(end, start + 1)).toLowerCase()
    if (expected < 0 ? initial.length > 1 || !isAsciiLower(initial.charCodeAt(0)) : initial.charCodeAt(0) !== 0x61 + expected) return false
    expected = (initial.charCodeAt(0) - 0x60) % 26
    return true
  })
  return follows && expected >= 0
}

const consonants = asciiSet("bcdfghjklmnpqrstvwxyz")

const hasCluster = (units: Units, start: number, end: number): boolean => {
  for (let i = start + 1; i < end; i++) if (isIn(consonants, units[i - 1]!) && isIn(consonants, units[i]!)) return true
  return false
}

/** Five characters or more, by code point the same from both ends. */
const isPalindromeText = (word: string): boolean => {
  for (let i = 0, j = word.length; i < j;) {
    const point = word.codePointAt(i)!
    if (point !== pointBefore(word, j)) return false
    const size = point > 0xffff ? 2 : 1
    i += size
    j -= size
  }
  return length(word) >= 5
}

/** The same of a word in lower case. */
const isPalindrome = (units: Units, start: number, end: number): boolean => {
  for (let i = start, j = end - 1; i <= j; i++, j--) {
    const [a, b] = [units[i]!, units[j]!]
    // Lower case is of the same length in ASCII, and at most of twice the length otherwise.
    if (a > 0x7f || b > 0x7f) return end - start > 2 && isPalindromeText(longTextOf(units.subarray(start, end)).toLowerCase())
    if (lower(a) !== lower(b)) return false
  }
  return end - start >= 5
}

/** Whether a line begins and ends with the same word, in lower case: it may be blank, punctuation around it does not count. */
const isFramed = (units: Units, start: number, end: number): boolean => {
  let first = trimmedStart(units, strippedStart(units, start, end), end)
  let last = trimmedEnd(units, first, strippedEnd(units, first, end))
  first = strippedStart(units, first, last)
  last = strippedEnd(units, first, last)
  let firstEnd = first
  while (firstEnd < last && !isSpace(units[firstEnd]!)) firstEnd++
  let lastStart = last
  while (lastStart > first && !isSpace(units[lastStart - 1]!)) lastStart--
  return sameRange(units, first, firstEnd, lastStart, last)
}

const countPoints = (units: Units, start: number, end: number): number => {
  let total = 0
  for (let i = start; i < end; i += pointAt(units, i) > 0xffff ? 2 : 1) total++
  return total
}

const primes = new Set([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97])

const UNDERSCORE = 0x5f

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

/** Whether some character of a word is a letter or a digit. */
const isAlphanumeric: HoldsRange = (units, start, end) => {
  for (let i = start; i < end; i++) {
    const point = pointAt(units, i)
    if (point !== UNDERSCORE && isWord(point)) return true
    if (point > 0xffff) i++
  }
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
    check: (response) => everyPiece(unitsOf(response.toLowerCase()), hasCluster)
  }),
  "words:palindrome": verifier(none, {
    describe: () => "Include at least 10 single-word palindromes of at least 5 characters.",
    check: (response) => {
      let left = 10
      everyBareWord(response, (units, start, end) => {
        if (isPalindrome(units, start, end)) left--
        return left > 0
      })
      return left === 0
    }
  }),
  "words:prime_lengths": verifier(none, {
    describe: () => "Use only words whose length is a prime number.",
    check: (response) => everyBareWord(response, (units, start, end) => primes.has(countPoints(units, start, end)))
  }),
  "words:start_verb": verifier(none, {
    describe: () => "Start the response with a verb.",
    check: (response) => firstTag(tokens(response, 3))?.includes("VB") ?? false
  }),
  "words:repeats": verifier(kwargs({ small_n: integer() }), {
    describe: ({ small_n }) => `Do not use any word more than ${plural(small_n, "time")}.`,
    check: (response, { small_n }) => {
      const units = unitsWithoutPunctuation(response.toLowerCase())
      const counts = new RangeCounts(units)
      return everyPiece(units, (_, start, end) => counts.add(start, end) <= small_n)
    }
  }),
  "words:odd_even_syllables": verifier(none, {
    describe: () => "Alternate between words with an odd and words with an even number of syllables.",
    check: (response) => {
      let before = -1
      return everyBareWord(response.toLowerCase(), (units, start, end) => {
        const parity = countSyllables(units, start, end) % 2
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
    check: (response) => {
      const units = unitsOf(response.toLowerCase())
      return everyLine(units, isFramed)
    }
  }),
  "words:no_consecutive": verifier(none, {
    describe: () => "Begin no two consecutive words with the same letter.",
    check: (response) => {
      let before = -1
      return everyBareWord(response.toLowerCase(), (units, start) => {
        const first = pointAt(units, start)
        const differs = first !== before
        before = first
        return differs
      })
    }
  }),
  "words:keywords_specific_position": verifier(kwargs({ keyword: phrase, n: integer(1), m: integer(1) }), {
    describe: ({ keyword, m, n }) => `Make ${quoted(keyword)} word number ${m} of sentence number ${n}.`,
    check: (response, { keyword, m, n }) => {
      const sentence = sentences(response, n)[n - 1]
      if (sentence === undefined) return false
      let place = 0
      let found: string | undefined
      const units = unitsOf(sentence)
      eachToken(units, (start, end) => {
        if (isAlphanumeric(units, start, end) && ++place === m) found = sentence.slice(start, end)
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
      // The last three words.
      const [starts, ends, quotes] = [[0, 0, 0], [0, 0, 0], ["", "", ""]]
      const word = (i: number): string | undefined => i < 1 ? undefined : quotes[i % 3] || response.slice(starts[i % 3], ends[i % 3])
      eachToken(unitsOf(response), (start, end, quote) => {
        const slot = ++place % 3
        starts[slot] = start
        ends[slot] = end
        quotes[slot] = quote
        if (place === 2) follows = word(2)?.toLowerCase() === wanted
        return follows
      })
      if (!follows || place < 2) return false
      // A final punctuation mark is not a word.
      const last = PUNCTUATION.includes(word(place)!) ? word(place - 2) : word(place - 1)
      return last?.toLowerCase() === wanted
    }
  })
} satisfies VerifierTable

