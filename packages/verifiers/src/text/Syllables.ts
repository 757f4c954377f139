// Syllables of an English word as syllapy 0.8.0 counts them: its dictionary, else groups of vowels.
import { lazy, unpackWords } from "../data/Packing.ts"
import { syllableCounts } from "../data/syllables.ts"
import { isDecimal, PUNCTUATION, strip, stripChars } from "./Characters.ts"

const dictionary = lazy(() => {
  const counts = new Map<string, number>()
  for (const line of syllableCounts.split("\n")) {
    const at = line.indexOf(" ")
    for (const word of unpackWords(line.slice(at + 1))) counts.set(word, Number(line.slice(0, at)))
  }
  return { counts, longest: Math.max(...Array.from(counts.keys(), (word) => word.length)) }
})

const vowels = new Set(Array.from("aeiouy", (vowel) => vowel.charCodeAt(0)))
const isVowel = (unit: number): boolean => unit < 0x80 && vowels.has(unit)

/** Groups of vowels; a final e is silent unless it follows a consonant and l. At least one. */
const vowelGroups = (word: string): number => {
  let total = 0
  let inside = false
  for (let i = 0; i < word.length; i++) {
    const vowel = isVowel(word.charCodeAt(i))
    if (vowel && !inside) total++
    inside = vowel
  }
  if (word.endsWith("e")) total--
  if (word.endsWith("le") && word.length > 2 && !isVowel(word.charCodeAt(word.length - 3))) total++
  return total === 0 ? 1 : total
}

const hasDecimal = (word: string): boolean => {
  for (let i = 0; i < word.length; i++) {
    const point = word.codePointAt(i)!
    if (isDecimal(point)) return true
    if (point > 0xffff) i++
  }
  return false
}

/** 0 for what is no word: nothing, or something with a digit. Parts joined by hyphens are counted one by one. */
export const countSyllables = (word: string): number => {
  const { counts, longest } = dictionary()
  let rest = stripChars(strip(word).toLowerCase(), PUNCTUATION)
  if (hasDecimal(rest)) return 0
  let total = 0
  while (true) {
    if (rest === "") return 0
    const known = rest.length <= longest ? counts.get(rest) : undefined
    if (known !== undefined) return known === 0 ? 0 : total + known
    const hyphen = rest.indexOf("-")
    const head = hyphen < 0 ? rest : stripChars(strip(rest.slice(0, hyphen)), PUNCTUATION)
    const part = head === "" ? 0 : (head.length <= longest ? counts.get(head) : undefined) ?? vowelGroups(head)
    if (part === 0) return 0
    total += part
    if (hyphen < 0) return total
    rest = stripChars(strip(rest.slice(hyphen + 1)), PUNCTUATION)
  }
}
