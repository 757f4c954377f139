/** transformers.js's tokenizers where they depart from Python's, and what puts them right. */
import { isRecord } from "../Files.ts"

type Json = Readonly<Record<string, unknown>>

/** Where a byte-level pre-tokenizer cuts text into words by itself: GPT-2's pattern. */
const byteLevelWords = [
  "'s|'t|'re|'ve|'m|'ll|'d",
  String.raw` ?\p{L}+`,
  String.raw` ?\p{N}+`,
  String.raw` ?[^\s\p{L}\p{N}]+`,
  String.raw`\s+(?!\S)`,
  String.raw`\s+`
].join("|")

const split = (pattern: string) => ({ type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false })

/**
 * Pre-tokenizers that do in transformers.js what the given one does in Python. Its own `ByteLevel` and `Digits` know
 * JavaScript's white space, which has U+FEFF and lacks U+0085, and no digits beyond 0 to 9; in a pattern that the file
 * gives, both are Unicode's.
 */
const preTokenizers = (json: unknown): ReadonlyArray<unknown> => {
  if (!isRecord(json)) return [json]
  const { type } = json
  if (type === "Sequence" && Array.isArray(json["pretokenizers"])) return json["pretokenizers"].flatMap(preTokenizers)
  if (type === "Digits") return [split(json["individual_digits"] === true ? String.raw`\p{N}` : String.raw`\p{N}+`)]
  const cuts = type === "ByteLevel" && json["use_regex"] !== false && json["add_prefix_space"] === false
  return cuts ? [split(byteLevelWords), { ...json, use_regex: false }] : [json]
}

/** A tokenizer.json for transformers.js that gives the tokens that Python gets from the file. */
export const forTransformersJs = (tokenizer: Json): Json => {
  const cut = tokenizer["pre_tokenizer"] ?? null
  return cut === null
    ? tokenizer
    : { ...tokenizer, pre_tokenizer: { type: "Sequence", pretokenizers: preTokenizers(cut) } }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Text of a run of byte tokens: of what isn't UTF-8 as a whole, each byte is a replacement character. */
const textOfBytes = (bytes: Uint8Array): string => {
  try {
    return strict.decode(bytes)
  } catch {
    return "\ufffd".repeat(bytes.length)
  }
}

/** What is used of a decoder beyond its public types; a test decodes through it. */
interface Decoder {
  readonly config?: { readonly type?: string }
  readonly decoders?: ReadonlyArray<Decoder>
  text_decoder?: { readonly decode: (bytes: Uint8Array) => string }
}

/** Has byte tokens decoded as Python decodes them: transformers.js drops U+FEFF and joins what isn't UTF-8. */
export const decodeBytesStrictly = (pretrained: object): void => {
  const visit = (decoder: Decoder | null | undefined): void => {
    if (decoder?.config?.type === "ByteFallback") decoder.text_decoder = { decode: textOfBytes }
    decoder?.decoders?.forEach(visit)
  }
  visit((pretrained as { readonly _tokenizer?: { readonly decoder?: Decoder | null } })._tokenizer?.decoder)
}

/**
 * Whether decoded text loses spaces before punctuation. transformers does so where tokenizer_config.json asks for it,
 * and for BPE, where that spoils text, only where it asks twice; transformers.js does so unless it is told not to.
 */
export const cleansUp = (tokenizer: Json, config: Json): boolean => {
  const isBpe = isRecord(tokenizer["model"]) && (tokenizer["model"]["type"] ?? "BPE") === "BPE"
  const key = "clean_up_tokenization_spaces"
  return config[key] === true && (!isBpe || config[`${key}_for_bpe_even_though_it_will_corrupt_output`] === true)
}

/**
 * Ids that decoding leaves out where special tokens are not wanted: added tokens that a file calls special or that
 * tokenizer_config.json gives a role, of which transformers.js knows the former only.
 */
export const specialIds = (tokenizer: Json, config: Json, roles: Iterable<string>): ReadonlySet<number> => {
  const decoder = isRecord(config["added_tokens_decoder"]) ? config["added_tokens_decoder"] : {}
  const listed = [config["additional_special_tokens"] ?? []].flat()
  const named = new Set<unknown>([...roles, ...listed.map((token) => (isRecord(token) ? token["content"] : token))])
  const added = Array.isArray(tokenizer["added_tokens"]) ? tokenizer["added_tokens"].filter(isRecord) : []
  const special = added.filter(({ content, id, special }) => {
    const other = decoder[String(id)]
    return special === true || named.has(content) || (isRecord(other) && other["special"] === true)
  })
  return new Set(special.map(({ id }) => id as number))
}
