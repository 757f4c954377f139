/** The patterns by which tokenizers cut text into words. */

/** Where Qwen2 cuts text into words, in the syntax of tokenizer.json. */
export const wordPattern = [
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`,
  String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`,
  String.raw`\p{N}`,
  String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`,
  String.raw`\s*[\r\n]+`,
  String.raw`\s+(?!\S)`,
  String.raw`\s+`
].join("|")

/** A pattern of tokenizer.json for JavaScript, which has no inline flags and another idea of `\s`. */
export const patternOf = (source: string): RegExp =>
  new RegExp(
    source
      .replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])")
      .replaceAll(String.raw`\s`, String.raw`\p{White_Space}`)
      .replaceAll(String.raw`\S`, String.raw`\P{White_Space}`),
    "gu"
  )
