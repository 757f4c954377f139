import { stopWords } from "../data/stopwords.ts"
import { kwargs, none, number, phrase } from "../Kwargs.ts"
import { length, strip } from "../text/Characters.ts"
import { eachSentence, sentences } from "../text/Punkt.ts"
import { trigramOverlap } from "../text/Trigrams.ts"
import { unitsOf } from "../text/Units.ts"
import { eachWord } from "../text/Words.ts"
import { wordTable } from "../text/WordTable.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const stops = wordTable(stopWords.split(" "))

/** How many sentences end in each of ".", "?" and "!"; a mark before a closing quote does not count. */
const endings = (text: string): { readonly statements: number; readonly questions: number; readonly exclamations: number } => {
  let [statements, questions, exclamations] = [0, 0, 0]
  const units = unitsOf(text)
  eachSentence(units, 0, units.length, (_, end) => {
    const last = units[end - 1]
    if (last === 0x2e) statements++
    else if (last === 0x3f) questions++
    else if (last === 0x21) exclamations++
    return true
  })
  return { statements, questions, exclamations }
}

export const ratio = {
  "ratio:stop_words": verifier(kwargs({ percentage: number(0, 100) }), {
    describe: ({ percentage }) => `Let stop words be no more than ${percentage}% of all words.`,
    check: (response, { percentage }) => {
      const units = unitsOf(response)
      let [stop, all] = [0, 0]
      eachWord(units, (start, end) => {
        if (stops.get(units, start, end) !== 0) stop++
        return ++all > 0
      })
      return all > 0 && stop / all * 100 <= percentage
    }
  }),
  "ratio:sentence_type": verifier(none, {
    describe: () => "Keep a 2:1 ratio of declarative to interrogative sentences.",
    check: (response) => {
      const { questions, statements } = endings(response)
      return statements === 2 * questions
    }
  }),
  "ratio:sentence_balance": verifier(none, {
    describe: () => "Use as many declarative as interrogative as exclamatory sentences.",
    check: (response) => {
      const { exclamations, questions, statements } = endings(response)
      return statements === questions && questions === exclamations
    }
  }),
  "ratio:overlap": verifier(kwargs({ reference_text: phrase, percentage: number(0, 100) }), {
    describe: ({ percentage, reference_text }) =>
      `Keep a trigram overlap of ${percentage}% (within 2%) with this reference text: "${reference_text}"`,
    check: (response, { percentage, reference_text }) => {
      const overlap = trigramOverlap(response, reference_text)
      return overlap !== undefined && percentage - 2 <= overlap * 100 && overlap * 100 <= percentage + 2
    }
  }),
  // Only the lengths are compared, not the words.
  "ratio:sentence_words": verifier(none, {
    describe: () => "Write three sentences with the same number of characters but with all different words.",
    check: (response) => {
      const lengths = sentences(response, 4).map((sentence) => length(strip(sentence)))
      return lengths.length === 3 && lengths[1] === lengths[0] && lengths[2] === lengths[0]
    }
  })
} satisfies VerifierTable
