// Words that parameters are drawn from.
import type { Seed } from "../Seed.ts"

/** Words of general use, for keywords when an instruction offers none. */
export const commonWords = [
  "garden", "river", "music", "window", "journey", "kitchen", "winter", "bridge", "market", "story", "mountain",
  "letter", "morning", "silver", "island", "forest", "teacher", "village", "summer", "engine", "picture", "harbor",
  "candle", "basket"
] as const

/** Words that an answer can do without. */
export const dispensableWords = [
  "very", "really", "basically", "actually", "perhaps", "maybe", "simply", "obviously", "clearly", "quite", "rather",
  "indeed", "moreover", "furthermore", "however", "therefore", "certainly", "literally", "absolutely", "definitely"
] as const

export const endPhrases = [
  "That is all there is to it.", "Is there anything else I can help with?", "And that is the whole story.",
  "Over to you.", "Thank you for reading.", "The rest is up to you.", "So much for today.",
  "Nothing more needs to be said."
] as const

/** First words of paragraphs. */
export const openingWords = [
  "first", "today", "consider", "imagine", "once", "finally", "sometimes", "people", "nothing", "everything",
  "together", "perhaps"
] as const

/** Languages that separate words by blanks, by the code that the verifier knows them by. */
export const languages = {
  de: "German",
  fr: "French",
  es: "Spanish",
  it: "Italian",
  pt: "Portuguese",
  nl: "Dutch",
  pl: "Polish",
  ru: "Russian",
  sv: "Swedish",
  fi: "Finnish",
  tr: "Turkish",
  vi: "Vietnamese"
} as const

/** Letters that most English texts have several of. */
export const frequentLetters = [..."etaoinsrhl"] as const
/** Letters that an English text can do with few of. */
export const rareLetters = [..."jqxzkv"] as const

const functionWords = new Set([
  "about", "above", "after", "again", "along", "also", "although", "answer", "because", "been", "before", "being",
  "below", "between", "both", "cannot", "could", "describe", "does", "doing", "each", "else", "every", "explain",
  "either", "following", "from", "give", "given", "have", "having", "here", "input", "into", "however", "itself",
  "just", "keep", "like", "list", "make", "more", "most", "must", "need", "only", "other", "output", "might", "over",
  "please", "possible", "provide", "same", "should", "some", "such", "task", "than", "that", "their", "them", "then",
  "there", "these", "they", "this", "those", "several", "tended", "through", "under", "until", "using", "very", "want",
  "were", "what", "when", "where", "whether", "which", "while", "will", "with", "would", "write", "your", "yours"
])

/** The words of an instruction that say what it is about, in lower case, each once, in order; at most 24. */
export const contentWords = ({ instruction }: Seed): ReadonlyArray<string> => {
  const words = new Set<string>()
  for (const [word] of instruction.slice(0, 4000).matchAll(/(?<![\p{L}\p{N}_'’-])[A-Za-z]{4,12}(?![\p{L}\p{N}_'’-])/gu)) {
    const lower = word.toLowerCase()
    if (!functionWords.has(lower)) words.add(lower)
    if (words.size === 24) break
  }
  return [...words]
}
