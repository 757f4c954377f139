// Answers as they are written, in LaTeX or plain text, as tokens. What only affects the look is dropped.

export type Token =
  | { readonly _tag: "Number"; readonly whole: string; readonly fraction: string; readonly repeating: string }
  | { readonly _tag: "Symbol"; readonly symbol: string }
  | { readonly _tag: "Name"; readonly name: string }
  | { readonly _tag: "Text"; readonly text: string }

const characters: { readonly [character: string]: string } = {
  "\u2212": "-",
  "\u2013": "-",
  "\u00d7": "*",
  "\u00b7": "*",
  "\u22c5": "*",
  "\u00f7": "/",
  "\u2215": "/",
  "\u221a": "\\surd ",
  "\u03c0": "\\pi ",
  "\u221e": "\\infty ",
  "\u222a": "\\cup ",
  "\u2208": "\\in ",
  "\u00b0": "\\degree ",
  "\u00b1": "\\pm ",
  "\u2205": "\\emptyset ",
  "\u00b2": "^2",
  "\u00b3": "^3",
  "\u00bd": "\\frac{1}{2}",
  "\u00bc": "\\frac{1}{4}",
  "\u00be": "\\frac{3}{4}",
  "\u2264": "\\le ",
  "\u2265": "\\ge ",
  "\u00a0": " "
}

const ignored = new Set([
  "left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg", "Bigg", "displaystyle", "textstyle", "quad",
  "qquad", "limits", "nolimits", "boxed", "fbox", "ensuremath", "phantom"
])

const renamed: { readonly [command: string]: string } = {
  dfrac: "frac",
  tfrac: "frac",
  cfrac: "frac",
  cdot: "*",
  times: "*",
  ast: "*",
  div: "/",
  leq: "le",
  geq: "ge",
  varnothing: "emptyset",
  circ: "degree",
  lbrace: "{{",
  rbrace: "}}",
  lbrack: "[",
  rbrack: "]"
}

const texts = new Set(["text", "textbf", "textit", "textrm", "mathrm", "mathbf", "mathit", "operatorname", "mbox", "mathsf"])

const bare = new Set(["*", "/", "{{", "}}", "[", "]"])

const isLetter = (character: string | undefined): boolean => character !== undefined && /^\p{L}$/u.test(character)
const isFigure = (character: string | undefined): boolean => character !== undefined && character >= "0" && character <= "9"

/** The index behind the brace that closes the one at `open`, or -1. */
export const closingBrace = (text: string, open: number): number => {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    const unit = text[i]
    if (unit === "\\") i++
    else if (unit === "{") depth++
    else if (unit === "}" && --depth === 0) return i + 1
  }
  return -1
}

const letters = (text: string, start: number): number => {
  let i = start
  while (isLetter(text[i])) i++
  return i
}

const thousands = /\d{1,3}(?:,\d{3})+(?!\d|,\d)/y
const spacedThousands = /\d{1,3}(?:(?:\{,\}|\\!,\\!|,\\!)\d{3})+(?!\d)/y

/** The digits at `start`, in groups as LaTeX writes them, or (outside of brackets, where commas separate) with commas. */
const wholeAt = (text: string, start: number, commas: boolean): string => {
  for (const pattern of commas ? [thousands, spacedThousands] : [spacedThousands]) {
    pattern.lastIndex = start
    const match = pattern.exec(text)
    if (match !== null) return match[0]
  }
  let end = start
  while (isFigure(text[end])) end++
  return text.slice(start, end)
}

const numberAt = (text: string, start: number, commas: boolean): { readonly end: number; readonly token: Token } | undefined => {
  const whole = wholeAt(text, start, commas)
  let i = start + whole.length
  let fraction = ""
  let repeating = ""
  if (text[i] === "." && (isFigure(text[i + 1]) || text.startsWith("\\overline{", i + 1))) {
    let end = i + 1
    while (isFigure(text[end])) end++
    fraction = text.slice(i + 1, end)
    const match = /^\\overline\{(\d+)\}/.exec(text.slice(end, end + 60))
    repeating = match?.[1] ?? ""
    i = end + (match?.[0].length ?? 0)
  }
  return i === start ? undefined : { end: i, token: { _tag: "Number", whole: whole.replace(/\D/g, ""), fraction, repeating } }
}

/** Takes the arguments of a command that are single digits without braces, as in \frac12. Returns the index behind. */
const pushDigits = (text: string, start: number, arguments_: number, tokens: Array<Token>): number => {
  let i = start
  for (let n = 0; n < arguments_; n++) {
    let at = i
    while (text[at] === " ") at++
    if (!isFigure(text[at])) return i
    tokens.push({ _tag: "Number", whole: text[at]!, fraction: "", repeating: "" })
    i = at + 1
  }
  return i
}

/** The tokens of an answer, or undefined where it is not well-formed. */
export const tokenize = (answer: string): ReadonlyArray<Token> | undefined => {
  const text = Array.from(answer, (character) => characters[character] ?? character).join("")
  const tokens: Array<Token> = []
  const symbol = (symbol: string): void => void tokens.push({ _tag: "Symbol", symbol })
  let depth = 0
  for (let i = 0; i < text.length;) {
    const unit = text[i]!
    if (/\s/.test(unit) || unit === "$" || unit === "~") {
      i++
    } else if (unit === "\\") {
      const end = letters(text, i + 1)
      const name = text.slice(i + 1, end)
      if (name === "") {
        const mark = text[i + 1] ?? ""
        if (mark === "{" || mark === "}") symbol(mark + mark)
        else if (mark === "%") symbol("%")
        else if (mark === "$") symbol("$")
        depth += mark === "{" ? 1 : mark === "}" ? -1 : 0
        i += 2
      } else if (texts.has(name)) {
        const open = text.indexOf("{", end)
        const close = open < 0 || text.slice(end, open).trim() !== "" ? -1 : closingBrace(text, open)
        if (close < 0) return undefined
        tokens.push({ _tag: "Text", text: text.slice(open + 1, close - 1) })
        i = close
      } else {
        const known = renamed[name] ?? name
        if (!ignored.has(name)) symbol(bare.has(known) ? known : `\\${known}`)
        i = pushDigits(text, end, known === "frac" ? 2 : known === "sqrt" ? 1 : 0, tokens)
      }
    } else if (isFigure(unit) || (unit === "." && (isFigure(text[i + 1]) || text.startsWith("\\overline", i + 1)))) {
      const number = numberAt(text, i, depth === 0)
      if (number === undefined) return undefined
      tokens.push(number.token)
      i = number.end
    } else if (isLetter(unit)) {
      const end = letters(text, i)
      tokens.push({ _tag: "Name", name: text.slice(i, end) })
      i = end
    } else {
      if ("([{".includes(unit)) depth++
      if (")]}".includes(unit)) depth--
      symbol(unit)
      i++
    }
  }
  return tokens
}
