import { compare, integer, kwargs, phrase, relation } from "../Kwargs.ts"
import { isBlank, isSpace, strip } from "../text/Characters.ts"
import { plural } from "../text/Phrases.ts"
import { countSentences } from "../text/Punkt.ts"
import { countWords } from "../text/Words.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

/** The pieces of `text` between `***`, each of which takes one whitespace character on either side along. */
const divided = (text: string): Array<string> => {
  const pieces: Array<string> = []
  let start = 0
  for (let at = text.indexOf("***"); at >= 0; at = text.indexOf("***", start)) {
    pieces.push(text.slice(start, at > start && isSpace(text.charCodeAt(at - 1)) ? at - 1 : at))
    start = at + 3
    if (start < text.length && isSpace(text.charCodeAt(start))) start++
  }
  pieces.push(text.slice(start))
  return pieces
}

/** The number of paragraphs between `***` dividers, or undefined when an inner one is blank. */
const paragraphs = (text: string): number | undefined => {
  const pieces = divided(text)
  let total = pieces.length
  for (const [i, piece] of pieces.entries()) {
    if (!isBlank(piece)) continue
    if (i > 0 && i < pieces.length - 1) return undefined
    total--
  }
  return total
}

/**
 * Whether the first word of a paragraph is `wanted`: without opening quotes, up to the first of `. , ? ! ' "`, in lower case
 * character by character (so that, unlike in a whole word, a final sigma stays a plain one).
 */
const startsWithWord = (paragraph: string, wanted: string): boolean => {
  let end = 0
  while (end < paragraph.length && !isSpace(paragraph.charCodeAt(end))) end++
  const word = /^'*"*([^.,?!'"]*)/.exec(paragraph.slice(0, end))![1]!
  // Lower case is never shorter, so a word that is too long need not be looked at.
  if (word.length > wanted.length) return false
  return Array.from(word, (character) => character.toLowerCase()).join("") === wanted
}

export const length = {
  "length_constraints:number_sentences": verifier(kwargs({ num_sentences: integer(), relation }), {
    describe: ({ num_sentences, relation }) => `Write ${relation} ${plural(num_sentences, "sentence")}.`,
    check: (response, { num_sentences, relation }) => compare(countSentences(response), relation, num_sentences)
  }),
  "length_constraints:number_paragraphs": verifier(kwargs({ num_paragraphs: integer() }), {
    describe: ({ num_paragraphs }) =>
      `Write exactly ${plural(num_paragraphs, "paragraph")}, separated by the markdown divider ***.`,
    check: (response, { num_paragraphs }) => paragraphs(response) === num_paragraphs
  }),
  "length_constraints:number_words": verifier(kwargs({ num_words: integer(), relation }), {
    describe: ({ num_words, relation }) => `Write ${relation} ${plural(num_words, "word")}.`,
    check: (response, { num_words, relation }) => compare(countWords(response), relation, num_words)
  }),
  "length_constraints:nth_paragraph_first_word": verifier(
    kwargs({ num_paragraphs: integer(1), nth_paragraph: integer(1), first_word: phrase }, {
      holds: ({ nth_paragraph, num_paragraphs }) => nth_paragraph <= num_paragraphs,
      message: "nth_paragraph is greater than num_paragraphs"
    }),
    {
      describe: ({ first_word, nth_paragraph, num_paragraphs }) =>
        `Write exactly ${plural(num_paragraphs, "paragraph")} separated by blank lines, and begin paragraph ` +
        `${nth_paragraph} with the word "${first_word}".`,
      // Blank pieces are not counted, yet they keep their place: with one before it, the nth piece is another paragraph.
      check: (response, { first_word, nth_paragraph, num_paragraphs }) => {
        const pieces = response.split("\n\n")
        if (pieces.filter((piece) => !isBlank(piece)).length !== num_paragraphs) return false
        const piece = strip(pieces[nth_paragraph - 1]!)
        return piece !== "" && startsWithWord(piece, first_word.toLowerCase())
      }
    }
  )
} satisfies VerifierTable
