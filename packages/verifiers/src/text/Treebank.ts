import { splitSpaces } from "./Characters.ts"
import { sentences } from "./Punkt.ts"

const S = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]"
const W = "[\\p{L}\\p{N}_]"
const END = "(?=\\n?$)"

const rules: ReadonlyArray<readonly [RegExp, string]> = [
  [/([«“‘„]|`+)/gu, " $1 "],
  [/^"/u, "``"],
  [/(``)/gu, " $1 "],
  [/([ ([{<])("|'{2})/gu, "$1 `` "],
  [new RegExp(`(')(?!re|ve|ll|m|t|s|d|n)(${W})(?!${W})`, "giu"), "$1 $2"],
  [new RegExp(`([^.])(\\.)([\\])}>"'»”’ ]*)${S}*$`, "gu"), "$1 $2 $3 "],
  [/([:,])(\P{Nd})/gu, " $1 $2"],
  [new RegExp(`([:,])${END}`, "gu"), " $1 "],
  [/\.{2,}/gu, " $& "],
  [/[;@#$%&]/gu, " $& "],
  [new RegExp(`([^.])(\\.)([\\])}>"']*)${S}*$`, "gu"), "$1 $2$3 "],
  [/[?!]/gu, " $& "],
  [/([^'])' /gu, "$1 ' "],
  [/[*]/gu, " $& "],
  [/[\][(){}<>]/gu, " $& "],
  [/--/gu, " -- "]
]
const closing: ReadonlyArray<readonly [RegExp, string]> = [
  [/([»”’])/gu, " $1 "],
  [/''/gu, " '' "],
  [/"/gu, " '' "],
  [new RegExp(`${S}+`, "gu"), " "],
  [/([^' ])('[sS]|'[mM]|'[dD]|') /gu, "$1 $2 "],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /gu, "$1 $2 "]
]
const split2 = (a: string, b: string, after = `(?!${W})`): readonly [RegExp, string] =>
  [new RegExp(`(?<!${W})(${a})(${b})${after}`, "giu"), " $1 $2 "]
const contractions = [
  split2("can", "not"), split2("d", "'ye"), split2("gim", "me"), split2("gon", "na"), split2("got", "ta"),
  split2("lem", "me"), split2("more", "'n"), split2("wan", "na", `(?=${S})`),
  [new RegExp(` ('t)(is)(?!${W})`, "giu"), " $1 $2 "] as const, [new RegExp(` ('t)(was)(?!${W})`, "giu"), " $1 $2 "] as const
]

const tokenize = (sentence: string): Array<string> => {
  let text = sentence
  for (const [pattern, replacement] of rules) text = text.replace(pattern, replacement)
  text = ` ${text} `
  for (const [pattern, replacement] of closing) text = text.replace(pattern, replacement)
  for (const [pattern, replacement] of contractions) text = text.replace(pattern, replacement)
  return splitSpaces(text)
}

/** NLTK's `word_tokenize`. */
export const tokens = (text: string): Array<string> => sentences(text).flatMap(tokenize)
