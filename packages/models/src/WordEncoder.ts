/**
 * Byte-level BPE cuts a text into added tokens and words before anything else, so a word's tokens do not depend on what
 * is around it and are worth remembering: a text of known words costs one pass of the pattern, about a tenth of
 * transformers.js's time.
 * Only for tokenizers that are known to work so; the tokens are those of the encoder that it is put before.
 */
import { addedTokens } from "./AddedTokens.ts"
import { isRecord } from "./Files.ts"
import { patternOf, wordPattern } from "./WordPattern.ts"

type Encode = (text: string) => Int32Array

/** Qwen2's pattern, and Llama 3's, which keeps up to three digits together. */
const patterns: ReadonlyArray<string> = [wordPattern, wordPattern.replace(String.raw`\p{N}|`, String.raw`\p{N}{1,3}|`)]

/** Whether an object of tokenizer.json has these values; `undefined` for absent or null. */
const has = (json: unknown, wanted: Readonly<Record<string, unknown>>): boolean =>
  isRecord(json) && Object.entries(wanted).every(([key, value]) => (json[key] ?? undefined) === value)

/** The pattern of a tokenizer whose words are independent of each other. */
const wordsOf = (tokenizer: Readonly<Record<string, unknown>>): string | undefined => {
  const { model, normalizer, pre_tokenizer: cut } = tokenizer
  const parts = isRecord(cut) && cut["type"] === "Sequence" ? cut["pretokenizers"] : undefined
  if (!Array.isArray(parts) || parts.length !== 2) return undefined
  const [split, bytes] = parts as [unknown, unknown]
  const known =
    has(model, { type: "BPE", dropout: undefined, unk_token: undefined }) &&
    ((normalizer ?? null) === null || has(normalizer, { type: "NFC" })) &&
    has(split, { type: "Split", behavior: "Isolated", invert: false }) &&
    has(bytes, { type: "ByteLevel", add_prefix_space: false, use_regex: false })
  const pattern = isRecord(split) && isRecord(split["pattern"]) ? split["pattern"]["Regex"] : undefined
  return known ? patterns.find((source) => source === pattern) : undefined
}

/** How many words are remembered, and how long they may be. */
const limits = { words: 65_536, length: 64 }

/** `encode` with the tokens of words remembered, where the tokenizer (tokenizer.json, tokenizer_config.json) allows. */
export const wordEncoder = (
  tokenizer: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
  encode: Encode
): Encode => {
  const source = wordsOf(tokenizer)
  const composes = (tokenizer["normalizer"] ?? null) !== null
  const added = addedTokens(tokenizer["added_tokens"], composes ? (text) => text.normalize("NFC") : undefined)
  const changes = ["remove_space", "do_lowercase_and_remove_accent"].some((flag) => (config[flag] ?? false) !== false)
  if (source === undefined || added === undefined || changes) return encode
  const pattern = patternOf(source)
  const known = new Map<string, Int32Array>()
  /** A word is cut no further when it stands alone; the tokens of one that would be are not its own. */
  const isWhole = (word: string) => {
    const again = (composes ? word.normalize("NFC") : word).match(pattern)
    return again?.length === 1 && again[0] === word && !added.within(word)
  }
  const tokensOf = (word: string): Int32Array | undefined => {
    const found = known.get(word)
    if (found !== undefined) return found
    if (!isWhole(word)) return undefined
    const tokens = encode(word)
    if (word.length > limits.length) return tokens
    if (known.size >= limits.words) known.clear()
    // A copy: what a pattern finds is a view of the text and would keep all of it.
    known.set(word.split("").join(""), tokens)
    return tokens
  }
  return (text) => {
    const tokens: Array<number> = []
    for (const piece of added.pieces(text)) {
      if (typeof piece === "number") {
        tokens.push(piece)
        continue
      }
      let covered = 0
      for (const word of piece.match(pattern) ?? []) {
        const found = tokensOf(word)
        if (found === undefined) return encode(text)
        for (let i = 0; i < found.length; i++) tokens.push(found[i]!)
        covered += word.length
      }
      // What the pattern leaves out would be a word as well.
      if (covered !== piece.length) return encode(text)
    }
    return new Int32Array(tokens)
  }
}
