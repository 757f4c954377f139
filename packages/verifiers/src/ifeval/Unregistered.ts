// Four instructions that IFEval's reference implements and tests but leaves out of its registry and its data.
import { integer, kwargs, listOf, phrase, text } from "../Kwargs.ts"
import { isSpace, strip } from "../text/Characters.ts"
import { list, quoted } from "../text/Phrases.ts"
import { eachRegexSentence } from "../text/RegexSentences.ts"
import { isRange } from "../text/Ranges.ts"
import { eachExact } from "../text/Search.ts"
import { unitsOf } from "../text/Units.ts"
import { eachWord, words } from "../text/Words.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** Whether some line, leading whitespace aside, starts with `starter`. */
const startsLine = (text: string, starter: string): boolean => {
  let found = false
  eachExact(text, starter, (start) => {
    let i = start
    while (i > 0 && isSpace(text.charCodeAt(i - 1)) && text[i - 1] !== "\n") i--
    found = i === 0 || text[i - 1] === "\n"
    return !found
  })
  return found
}

/** The text without what stands from the first to the last asterisk of each line, or undefined without two asterisks. */
const withoutChanges = (text: string): string | undefined => {
  let changed = false
  const lines = text.split("\n").map((line) => {
    const first = line.indexOf("*")
    const last = line.lastIndexOf("*")
    if (first === last) return line
    changed = true
    return line.slice(0, first) + line.slice(last + 1)
  })
  return changed ? lines.join("\n") : undefined
}

/** The number of words, lower case, of `paragraph` that `text` has too. */
const sharedWords = (text: string, paragraph: string): number => {
  const left = new Map<string, number>()
  let longest = 0
  for (const word of words(paragraph.toLowerCase())) {
    left.set(word, (left.get(word) ?? 0) + 1)
    longest = Math.max(longest, word.length)
  }
  const lower = text.toLowerCase()
  let shared = 0
  eachWord(unitsOf(lower), (start, end) => {
    if (end - start > longest) return true
    const word = lower.slice(start, end)
    const count = left.get(word) ?? 0
    if (count > 0) {
      left.set(word, count - 1)
      shared++
    }
    return true
  })
  return shared
}

export const unregistered = {
  "multi-turn:constrained_start": verifier(kwargs({ starter: phrase }), {
    describe: ({ starter }) => `Start the response with ${quoted(starter)}.`,
    check: (response, { starter }) => startsLine(response, strip(starter))
  }),
  "keywords:key_sentences": verifier(kwargs({ key_sentences: listOf(phrase), num_sentences: integer() }), {
    describe: ({ key_sentences, num_sentences }) => `Include exactly ${num_sentences} of these sentences: ${list(key_sentences)}.`,
    check: (response, { key_sentences, num_sentences }) => {
      const missing = new Map(key_sentences.map((sentence) => [sentence, unitsOf(sentence)]))
      eachRegexSentence(response, (units, start, end) => {
        for (const [sentence, wanted] of missing) if (isRange(units, start, end, wanted)) missing.delete(sentence)
      })
      return key_sentences.filter((sentence) => !missing.has(sentence)).length === num_sentences
    }
  }),
  // The reference raises on a response without asterisks.
  "detectable_format:rephrase": verifier(
    kwargs({ original_message: text }, {
      holds: ({ original_message }) => withoutChanges(original_message) !== undefined,
      message: "original_message has nothing between asterisks to change"
    }),
    {
      describe: ({ original_message }) => `Rephrase only what stands between asterisks: ${original_message}`,
      check: (response, { original_message }) => withoutChanges(response) === withoutChanges(original_message)
    }
  ),
  "detectable_content:rephrase_paragraph": verifier(
    kwargs({ original_paragraph: text, low: integer(), high: integer() }),
    {
      describe: ({ high, low, original_paragraph }) =>
        `Rephrase this paragraph with between ${low} and ${high} of the same words: ${original_paragraph}`,
      check: (response, { high, low, original_paragraph }) => {
        const shared = sharedWords(response, original_paragraph)
        return shared >= low && shared <= high
      }
    }
  )
} satisfies VerifierTable
