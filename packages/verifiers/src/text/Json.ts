// What Python's json.loads accepts: JSON, NaN, Infinity and -Infinity. Iterative, so that no depth of nesting overflows.

const isWhitespace = (unit: number): boolean => unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09

/** Integers of more digits than this raise in Python (`sys.int_info.default_max_str_digits`). */
const MAX_DIGITS = 4300

const NUMBER = /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y
const words = ["null", "true", "false", "NaN", "Infinity", "-Infinity"]

const hex4 = (text: string, at: number): boolean => {
  for (let i = at; i < at + 4; i++) {
    const unit = text.charCodeAt(i)
    const digit = (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x46) || (unit >= 0x61 && unit <= 0x66)
    if (!digit) return false
  }
  return true
}

/** The index behind the string that opens at `at`, or -1. */
const stringEnd = (text: string, at: number): number => {
  for (let i = at + 1; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 0x22) return i + 1
    if (unit < 0x20) return -1
    if (unit !== 0x5c) continue
    i++
    const escape = text[i]
    if (escape === "u") {
      if (!hex4(text, i + 1)) return -1
      i += 4
    } else if (escape === undefined || !"\"\\/bfnrt".includes(escape)) {
      return -1
    }
  }
  return -1
}

/** The index behind the scalar at `at`, or -1. */
const scalarEnd = (text: string, at: number): number => {
  const unit = text.charCodeAt(at)
  if (unit === 0x22) return stringEnd(text, at)
  if (unit < 0x30 || unit > 0x39) {
    for (const word of words) if (text.startsWith(word, at)) return at + word.length
    if (unit !== 0x2d) return -1
  }
  NUMBER.lastIndex = at
  const match = NUMBER.exec(text)
  if (match === null) return -1
  const isInteger = match[2] === undefined && match[3] === undefined
  return isInteger && match[1]!.length > MAX_DIGITS ? -1 : at + match[0].length
}

/** Whether `json.loads(text)` succeeds. Python also gives up on about a thousand levels of nesting; this does not. */
export const isPythonJson = (text: string): boolean => {
  const closers: Array<"]" | "}"> = []
  let i = 0
  const skip = (): void => {
    while (isWhitespace(text.charCodeAt(i))) i++
  }
  /** Reads `"key" :`. */
  const key = (): boolean => {
    if (text[i] !== "\"") return false
    i = stringEnd(text, i)
    if (i < 0) return false
    skip()
    if (text[i] !== ":") return false
    i++
    skip()
    return true
  }
  skip()
  while (true) {
    const open = text[i]
    if (open === "[" || open === "{") {
      const close = open === "[" ? "]" : "}"
      i++
      skip()
      if (text[i] !== close) {
        closers.push(close)
        if (close === "}" && !key()) return false
        continue
      }
      i++
    } else {
      i = scalarEnd(text, i)
      if (i < 0) return false
    }
    skip()
    while (closers.length > 0 && text[i] === closers.at(-1)) {
      closers.pop()
      i++
      skip()
    }
    if (closers.length === 0) return i === text.length
    if (text[i] !== ",") return false
    i++
    skip()
    if (closers.at(-1) === "}" && !key()) return false
  }
}
