// Python's csv.reader in its default dialect over io.StringIO(text): lines end at "\n" only, quotes inside an unquoted field
// are literal, and what follows a closing quote is appended.
import { length } from "./Characters.ts"

/** Longer fields are an error in the reference (`csv.field_size_limit`). */
const FIELD_LIMIT = 131_072

/** The first `limit` rows, blank lines as empty ones, or undefined where the reference raises on the way. */
export const readCsv = (text: string, delimiter: string, limit: number): Array<Array<string>> | undefined => {
  const rows: Array<Array<string>> = []
  let i = 0
  while (i < text.length && rows.length < limit) {
    const row: Array<string> = []
    // One record; it goes on over newlines inside quotes.
    let done = text[i] === "\n" || text[i] === "\r"
    while (!done) {
      let field = ""
      if (text[i] === "\"") {
        i++
        while (true) {
          const quote = text.indexOf("\"", i)
          const end = quote < 0 ? text.length : quote
          field += text.slice(i, end)
          i = end
          if (quote < 0) break
          i++
          if (text[i] !== "\"") break
          field += "\""
          i++
        }
      }
      const start = i
      while (i < text.length && text[i] !== delimiter && text[i] !== "\n" && text[i] !== "\r") i++
      field += text.slice(start, i)
      if (field.length > FIELD_LIMIT && length(field) > FIELD_LIMIT) return undefined
      row.push(field)
      done = text[i] !== delimiter
      if (!done) i++
    }
    rows.push(row)
    // The record ends with its line; a carriage return must stand right before the newline.
    while (text[i] === "\r") i++
    if (i < text.length && text[i] !== "\n") return undefined
    i++
  }
  return rows
}
