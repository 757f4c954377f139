/**
 * Added tokens of tokenizer.json, which are cut out of a text before its words are: first those that are looked for in
 * the text as it stands, then, in what is left and normalised, the others. Where several match, the leftmost wins, and
 * of those that begin at one place the longest. What is cut is what transformers.js cuts, to its letter: a piece that
 * spells an added token as a whole is that token, and `lstrip` and `rstrip` take white space as `trim` knows it.
 */
import { isRecord } from "./Files.ts"

export interface AddedTokens {
  /** A text cut up: ids of added tokens, and between them normalised text, which can be empty. */
  readonly pieces: (text: string) => ReadonlyArray<number | string>
  /** Whether an added token stands in a text, normalised or not. */
  readonly within: (text: string) => boolean
}

interface Token {
  readonly content: string
  readonly id: number
  readonly lstrip: boolean
  readonly rstrip: boolean
  /** Looked for in normalised text. */
  readonly normalized: boolean
}

/** An added token, or nothing for one that is not known to be cut out as here; `single_word` is. */
const readToken = (json: unknown): Token | undefined => {
  if (!isRecord(json)) return undefined
  const { content, id, lstrip, normalized, rstrip, single_word, special } = json
  const flags = [lstrip, normalized, rstrip, single_word, special].map((flag) => flag ?? undefined)
  const named = typeof content === "string" && content !== "" && Number.isSafeInteger(id)
  if (!named || single_word === true || flags.some((flag) => flag !== undefined && typeof flag !== "boolean")) {
    return undefined
  }
  return {
    content,
    id: id as number,
    lstrip: lstrip === true,
    rstrip: rstrip === true,
    normalized: flags[1] === undefined ? special !== true : normalized === true
  }
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)

/**
 * Any of several strings, the longest that begins at a place. Without the flag `u`, as transformers.js looks at code
 * units, which makes a difference to a token that is half a pair of surrogates.
 */
const anyOf = (strings: Iterable<string>): RegExp | undefined => {
  const longestFirst = [...new Set(strings)].sort((a, b) => b.length - a.length)
  return longestFirst.length === 0 ? undefined : new RegExp(`(${longestFirst.map(escaped).join("|")})`)
}

/** Reads `added_tokens`; nothing when one of them is not known to be cut out as here. */
export const addedTokens = (
  json: unknown,
  normalize: ((text: string) => string) | undefined
): AddedTokens | undefined => {
  if (!Array.isArray(json)) return undefined
  const listed = json.flatMap((token) => readToken(token) ?? [])
  if (listed.length < json.length) return undefined

  const tokens = new Map<string, Token>()
  const contents: Record<"given" | "normalized", Array<string>> = { given: [], normalized: [] }
  for (const token of listed) {
    const later = token.normalized && normalize !== undefined
    const content = later ? normalize(token.content) : token.content
    contents[later ? "normalized" : "given"].push(content)
    tokens.set(token.content, token).set(content, token)
  }
  const given = anyOf(contents.given)
  const normalized = anyOf(contents.normalized)
  const any = anyOf(tokens.keys())
  const longest = Math.max(0, ...Array.from(tokens.keys(), (content) => content.length))
  const strips = listed.some(({ lstrip, rstrip }) => lstrip || rstrip)

  const tokenOf = (part: string) => (part.length > longest ? undefined : tokens.get(part))
  const cut = (text: string, pattern: RegExp | undefined): Array<string> => {
    if (pattern === undefined) return [text]
    // The pattern is one group, so what matches is kept.
    const parts = text.split(pattern).filter((part) => part !== "")
    if (!strips) return parts
    for (let i = 0; i < parts.length; i++) {
      const token = tokenOf(parts[i]!)
      if (token?.lstrip === true && i > 0) parts[i - 1] = parts[i - 1]!.trimEnd()
      if (token?.rstrip === true && i + 1 < parts.length) parts[i + 1] = parts[i + 1]!.trimStart()
    }
    return parts
  }
  return {
    pieces: (text) => {
      const pieces: Array<number | string> = []
      for (const part of cut(text, given)) {
        const token = tokenOf(part)
        if (token !== undefined) pieces.push(token.id)
        else {
          for (const piece of cut(normalize?.(part) ?? part, normalized)) pieces.push(tokenOf(piece)?.id ?? piece)
        }
      }
      return pieces
    },
    within: (text) => any?.test(text) ?? false
  }
}
