// Where a response states its answer.
import { asciiSet, isBoundary, isSpace, stripCharsEnd, stripCharsStart } from "../text/Characters.ts"
import { MAX_DIGITS } from "./Real.ts"

/** The content of the last `\boxed{...}` or `\fbox{...}` whose braces match. */
export const lastBoxed = (text: string): string | undefined => {
  const command = /\\(?:boxed|fbox)\s*\{/y
  /** The open braces, each with where its content starts if it is a box. */
  const open: Array<number> = []
  let best: readonly [start: number, end: number] | undefined
  for (let i = 0; i < text.length; i++) {
    const unit = text[i]
    if (unit === "\\") {
      command.lastIndex = i
      if (command.test(text)) {
        i = command.lastIndex - 1
        open.push(i + 1)
      } else {
        i++
      }
    } else if (unit === "{") {
      open.push(-1)
    } else if (unit === "}") {
      const start = open.pop() ?? -1
      if (start >= 0 && (best === undefined || start > best[0])) best = [start, i]
    }
  }
  return best === undefined ? undefined : text.slice(...best)
}

const LINE_OPENING = asciiSet(" \t:*_#>`")
const PHRASE_OPENING = asciiSet(" \t:*_`")
const CLOSING = asciiSet(" \t\r*_`.")
const phrases = ["answer is", "answer:", "answer ="]

/** Whether a decimal goes on in what was cut off behind it: "0.333" and "...". */
export const goesOn = (text: string, rest: string): boolean => rest.includes("..") && /\.\d+$/.test(text.slice(-MAX_DIGITS))

/** The last line that is not blank, from the last "answer is" or "answer:" on if it has one, without markdown and the final period. */
export const finalLine = (text: string): string | undefined => {
  const end = text.trimEnd().length
  if (end === 0) return undefined
  const line = text.slice(text.lastIndexOf("\n", end - 1) + 1, end)
  const lower = line.toLowerCase()
  const from = Math.max(...phrases.map((phrase) => {
    const at = lower.lastIndexOf(phrase)
    return at < 0 ? 0 : at + phrase.length
  }))
  // A line may be a heading, a quotation or a bullet; behind "answer is", "-" is a sign.
  const opened = stripCharsStart(line.slice(from), from === 0 ? LINE_OPENING : PHRASE_OPENING)
  const bare = stripCharsEnd(opened, CLOSING)
  if (goesOn(bare, opened.slice(bare.length))) return `${bare}...`
  return from === 0 && bare.startsWith("- ") ? bare.slice(2) : bare
}

const letterAt = (text: string, at: number, letters: string): string | undefined =>
  at < text.length && letters.includes(text[at]!) ? text[at] : undefined

/** `answer is \(?([A-J])`, the first such place. */
const afterAnswerIs = (text: string, letters: string): string | undefined => {
  const lead = "answer is "
  for (let at = text.indexOf(lead); at >= 0; at = text.indexOf(lead, at + 1)) {
    const i = at + lead.length
    const letter = letterAt(text, text[i] === "(" ? i + 1 : i, letters)
    if (letter !== undefined) return letter
  }
  return undefined
}

/** `.*[aA]nswer:\s*([A-J])`: of the first line that has such a place, the last one. */
const afterLabel = (text: string, letters: string): string | undefined => {
  let found: { readonly letter: string; readonly lineEnd: number } | undefined
  for (let at = text.indexOf("nswer:"); at >= 0; at = text.indexOf("nswer:", at + 1)) {
    if (found !== undefined && at > found.lineEnd) break
    if (text[at - 1] !== "a" && text[at - 1] !== "A") continue
    let i = at + "nswer:".length
    while (i < text.length && isSpace(text.charCodeAt(i))) i++
    const letter = letterAt(text, i, letters)
    if (letter === undefined) continue
    const newline = found?.lineEnd ?? text.indexOf("\n", at)
    found = { letter, lineEnd: newline < 0 ? text.length : newline }
  }
  return found?.letter
}

/** The last letter that stands alone. */
const lastAlone = (text: string, letters: string): string | undefined => {
  for (let i = text.length - 1; i >= 0; i--) {
    if (letters.includes(text[i]!) && isBoundary(text, i) && isBoundary(text, i + 1)) return text[i]
  }
  return undefined
}

/** The letter after "answer is" or, failing that, after "Answer:", by MMLU-Pro's patterns. */
export const statedLetter = (text: string, letters: string): string | undefined =>
  afterAnswerIs(text, letters) ?? afterLabel(text, letters)

/** The letter that a response chooses: boxed, else stated, else the last one that stands alone. */
export const chosenLetter = (text: string, letters: string): string | undefined => {
  const boxed = lastBoxed(text)?.replace(/\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}/g, "$1").replace(/[\s(){}.$*]/g, "")
  const letter = boxed?.length === 1 ? letterAt(boxed, 0, letters) : undefined
  return letter ?? statedLetter(text, letters) ?? lastAlone(text, letters)
}
