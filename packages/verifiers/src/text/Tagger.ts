// The part of speech of a text's first word, as NLTK 3.9.1's averaged perceptron tagger gives it (after Honnibal, "A Good
// Part-of-Speech Tagger in about 200 Lines of Python", 2013). Of the model, the features of a first word are kept.
import { eachNumber, lazy, unpackWords } from "../data/Packing.ts"
import * as data from "../data/tagger.ts"
import { firstCharacter, isDigit, isDigits } from "./Characters.ts"

type Scores = ReadonlyMap<string, string>

const family = (features: string, weights: string): Scores => {
  const packed = weights.split(" ")
  return new Map(unpackWords(features).map((feature, i) => [feature, packed[i]!]))
}

const model = lazy(() => {
  const known = new Map<string, string>()
  for (const line of data.knownTags.split("\n")) {
    const at = line.indexOf(" ")
    for (const word of unpackWords(line.slice(at + 1))) known.set(word, line.slice(0, at))
  }
  return {
    known,
    tags: data.tags.split(" "),
    prefix: family(data.prefixFeatures, data.prefixWeights),
    suffix: family(data.suffixFeatures, data.suffixWeights),
    word: family(data.wordFeatures, data.wordWeights),
    startWord: family(data.startWordFeatures, data.startWordWeights),
    nextWord: family(data.nextWordFeatures, data.nextWordWeights),
    nextSuffix: family(data.nextSuffixFeatures, data.nextSuffixWeights),
    secondWord: family(data.secondWordFeatures, data.secondWordWeights)
  }
})

const lastThree = (word: string): string => Array.from(word.slice(-6)).slice(-3).join("")

const normalize = (word: string): string => {
  if (word.includes("-") && !word.startsWith("-")) return "!HYPHEN"
  if (Array.from(word.slice(0, 9)).length === 4 && isDigits(word)) return "!YEAR"
  return isDigit(word.codePointAt(0)!) ? "!DIGITS" : word.toLowerCase()
}

/** The Penn Treebank tag of the first of `words`, which is all that depends on it and the two that follow. */
export const firstTag = (words: ReadonlyArray<string>): string | undefined => {
  const [word, next, second] = words
  if (word === undefined) return undefined
  const { known, nextSuffix, nextWord, prefix, secondWord, startWord, suffix, tags, word: exact } = model()
  const tag = known.get(word)
  if (tag !== undefined) return tag
  const scores = new Float64Array(tags.length)
  const add = (packed: string | undefined): void => {
    if (packed === undefined) return
    eachNumber(packed, 0, (key, value) => {
      scores[data.tagKeys.indexOf(String.fromCharCode(key))]! += value % 2 === 0 ? value / 2 : -(value + 1) / 2
    })
  }
  const [current, following, later] = [
    normalize(word),
    next === undefined ? "-END-" : normalize(next),
    second === undefined ? (next === undefined ? "-END2-" : "-END-") : normalize(second)
  ]
  add(data.tagBase)
  add(suffix.get(lastThree(word)))
  add(prefix.get(firstCharacter(word)))
  add(exact.get(current))
  add(startWord.get(current))
  add(nextWord.get(following))
  add(nextSuffix.get(lastThree(following)))
  add(secondWord.get(later))
  // The tags are sorted; of equal scores the last wins.
  let best = 0
  for (let i = 1; i < scores.length; i++) if (scores[i]! >= scores[best]!) best = i
  return tags[best]
}
