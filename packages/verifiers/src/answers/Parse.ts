// From tokens to values. Only numbers are computed; anything with a variable, a function or a relation is left symbolic.
import { goesOn } from "./Extract.ts"
import { type Token, tokenize } from "./Latex.ts"
import { add, decimal, divide, exact, float, MAX_DIGITS, multiply, negate, power, type Real, root } from "./Real.ts"

/** What an answer stands for. */
export type Answer =
  | { readonly _tag: "Number"; readonly real: Real; readonly percent: boolean; readonly unit: string }
  | { readonly _tag: "Infinity"; readonly negative: boolean }
  /** A tuple, a point or an interval: in order, with its brackets. */
  | { readonly _tag: "Ordered"; readonly open: string; readonly close: string; readonly items: ReadonlyArray<Answer> }
  /** A set, or several answers side by side: in any order. `names` are those of the items, where they have different ones. */
  | {
    readonly _tag: "Unordered"
    readonly braces: boolean
    readonly items: ReadonlyArray<Answer>
    readonly names: ReadonlyArray<string>
  }
  | { readonly _tag: "Union"; readonly items: ReadonlyArray<Answer> }
  /** Words. */
  | { readonly _tag: "Text"; readonly text: string }
  /** Everything else, by its tokens. */
  | { readonly _tag: "Symbolic"; readonly text: string }

const MAX_LENGTH = 2000
const MAX_DEPTH = 40
const MAX_ITEMS = 100

/** Thrown inside this module only: the tokens are no number. */
class NotANumber extends Error {}

const isSymbol = (token: Token | undefined, symbol: string): boolean => token?._tag === "Symbol" && token.symbol === symbol

/** Recursive descent over `tokens[at, end)`. */
class Expression {
  #at: number
  readonly #tokens: ReadonlyArray<Token>
  readonly #end: number
  #depth = 0

  constructor(tokens: ReadonlyArray<Token>, start: number, end: number) {
    this.#tokens = tokens
    this.#at = start
    this.#end = end
  }

  get #next(): Token | undefined {
    return this.#at < this.#end ? this.#tokens[this.#at] : undefined
  }

  #take(symbol: string): boolean {
    const found = isSymbol(this.#next, symbol)
    if (found) this.#at++
    return found
  }

  #expect(symbol: string): void {
    if (!this.#take(symbol)) throw new NotANumber()
  }

  whole(): Real {
    const value = this.#sum()
    if (this.#at !== this.#end) throw new NotANumber()
    return value
  }

  #sum(): Real {
    if (++this.#depth > MAX_DEPTH) throw new NotANumber()
    let value = this.#product()
    while (true) {
      if (this.#take("+")) value = add(value, this.#product())
      else if (this.#take("-")) value = add(value, negate(this.#product()))
      else break
    }
    this.#depth--
    return value
  }

  #product(): Real {
    let value = this.#signed()
    while (true) {
      if (this.#take("*")) value = multiply(value, this.#signed())
      else if (this.#take("/")) value = this.#defined(divide(value, this.#signed()))
      else if (this.#startsFactor()) value = multiply(value, this.#power())
      else return value
    }
  }

  #defined(value: Real | undefined): Real {
    if (value === undefined) throw new NotANumber()
    return value
  }

  #signed(): Real {
    let negative = false
    for (let more = true; more;) {
      if (this.#take("-")) negative = !negative
      else more = this.#take("+")
    }
    const value = this.#mixed()
    return negative ? negate(value) : value
  }

  /** A factor without a sign in front of it that may follow another without a mark: 2\sqrt{3}, 2\pi, 2(3). */
  #startsFactor(): boolean {
    const next = this.#next
    return next?._tag === "Symbol" && ["\\sqrt", "\\surd", "\\pi", "\\frac", "(", "{"].includes(next.symbol) ||
      next?._tag === "Name" && ["sqrt", "pi"].includes(next.name)
  }

  /** A whole number followed by a fraction of whole numbers is a mixed number: 2\frac{1}{2} and 2 1/2 are 5/2. */
  #mixed(): Real {
    const [first, second, slash, fourth] = this.#tokens.slice(this.#at, Math.min(this.#at + 4, this.#end))
    if (first?._tag !== "Number" || first.fraction !== "" || first.repeating !== "") return this.#power()
    if (second?._tag === "Number" && isSymbol(slash, "/") && fourth?._tag === "Number") {
      this.#at++
      const numerator = this.#power()
      this.#at++
      return add(decimal(first.whole, ""), this.#defined(divide(numerator, this.#power())))
    }
    if (isSymbol(second, "\\frac") && this.#isPlainFraction(this.#at + 1)) {
      this.#at++
      return add(decimal(first.whole, ""), this.#power())
    }
    return this.#power()
  }

  #isPlainFraction(at: number): boolean {
    const shape = this.#tokens.slice(at + 1, Math.min(at + 7, this.#end))
      .map((token) => token._tag === "Number" && token.fraction === "" ? "n" : token._tag === "Symbol" ? token.symbol : "?")
    return ["{n}{n}", "nn"].some((wanted) => shape.join("").startsWith(wanted))
  }

  #power(): Real {
    const base = this.#atom()
    if (!this.#take("^")) return base
    const negative = this.#take("-")
    const exponent = this.#argument()
    return this.#defined(power(base, negative ? negate(exponent) : exponent))
  }

  /** What a command takes: a group in braces, or the next digit or symbol. */
  #argument(): Real {
    if (this.#take("{")) {
      const value = this.#sum()
      this.#expect("}")
      return value
    }
    return this.#atom()
  }

  #atom(): Real {
    const token = this.#next
    if (token === undefined) throw new NotANumber()
    this.#at++
    if (token._tag === "Number") return numberOf(token)
    if (token._tag === "Name") {
      if (token.name === "pi") return float(Math.PI)
      if (token.name === "sqrt") return this.#defined(root(this.#argumentInParentheses(), 2))
      throw new NotANumber()
    }
    if (token._tag === "Text") throw new NotANumber()
    switch (token.symbol) {
      case "(": {
        const value = this.#sum()
        this.#expect(")")
        return value
      }
      case "{": {
        const value = this.#sum()
        this.#expect("}")
        return value
      }
      case "\\pi":
        return float(Math.PI)
      case "\\frac": {
        const numerator = this.#argument()
        return this.#defined(divide(numerator, this.#argument()))
      }
      case "\\surd":
        return this.#defined(root(this.#atom(), 2))
      case "\\sqrt": {
        let degree = 2
        if (this.#take("[")) {
          const index = this.#next
          if (index?._tag !== "Number" || index.fraction !== "") throw new NotANumber()
          degree = Number(index.whole)
          this.#at++
          this.#expect("]")
        }
        return this.#defined(root(this.#argument(), degree))
      }
      default:
        throw new NotANumber()
    }
  }

  #argumentInParentheses(): Real {
    this.#expect("(")
    const value = this.#sum()
    this.#expect(")")
    return value
  }
}

const numberOf = ({ fraction, repeating, whole }: Extract<Token, { readonly _tag: "Number" }>): Real => {
  if (whole.length + fraction.length + repeating.length > MAX_DIGITS) throw new NotANumber()
  const start = decimal(whole, fraction)
  if (repeating === "") return start
  const period = exact(BigInt(repeating), (10n ** BigInt(repeating.length) - 1n) * 10n ** BigInt(fraction.length))
  return add(start, period)
}

// ------------------------------------------------------------------------------------------------------------ structure

const opening: { readonly [symbol: string]: string } = { "(": ")", "[": "]", "{": "}", "{{": "}}" }
const closing = new Set([")", "]", "}", "}}"])

/** The ranges of `tokens[start, end)` between separators outside of all brackets, or undefined if brackets do not match. */
const splitAt = (
  tokens: ReadonlyArray<Token>,
  start: number,
  end: number,
  separates: (token: Token) => boolean
): Array<readonly [number, number]> | undefined => {
  const parts: Array<readonly [number, number]> = []
  let depth = 0
  let from = start
  for (let i = start; i < end; i++) {
    const token = tokens[i]!
    if (token._tag === "Symbol" && token.symbol in opening) depth++
    else if (token._tag === "Symbol" && closing.has(token.symbol)) depth--
    else if (depth === 0 && separates(token)) {
      parts.push([from, i])
      from = i + 1
    }
    if (depth < 0) return undefined
  }
  if (depth !== 0) return undefined
  parts.push([from, end])
  return parts
}

const units = new Set([
  "mm", "cm", "dm", "km", "m", "inch", "inches", "in", "ft", "foot", "feet", "yard", "yards", "mile", "miles", "mg", "kg",
  "gram", "grams", "g", "ton", "tons", "pound", "pounds", "lb", "lbs", "ounce", "ounces", "oz", "ml", "liter", "liters",
  "second", "seconds", "sec", "s", "min", "minute", "minutes", "hour", "hours", "hr", "day", "days", "week", "weeks", "month",
  "months", "year", "years", "degree", "degrees", "dollar", "dollars", "cent", "cents", "percent", "mph", "kmh", "unit",
  "units", "square", "cubic", "per", "people", "points", "ways", "times"
])

const isUnit = (token: Token): boolean =>
  token._tag === "Text" || (token._tag === "Name" && (token.name.length > 1 ? units.has(token.name.toLowerCase()) : false)) ||
  isSymbol(token, "\\degree")

const show = (tokens: ReadonlyArray<Token>, start: number, end: number): string =>
  tokens.slice(start, end).map((token) => {
    switch (token._tag) {
      case "Number":
        return `${token.whole}${token.fraction === "" ? "" : `.${token.fraction}`}${token.repeating === "" ? "" : `(${token.repeating})`}`
      case "Symbol":
        return token.symbol
      case "Name":
        return token.name
      case "Text":
        return token.text.trim().toLowerCase()
    }
  }).join(" ")

/** Splits off what follows the number: `cm`, `\text{ square feet}`, `cm^2`, `m/s`, `^\circ`. */
const withoutUnit = (tokens: ReadonlyArray<Token>, start: number, end: number): { readonly end: number; readonly unit: string } => {
  let first = start
  while (first < end && !isUnit(tokens[first]!)) first++
  if (first === start || first === end) return { end, unit: "" }
  const rest = tokens.slice(first, end)
  const onlyUnits = rest.every((token) =>
    isUnit(token) || token._tag === "Name" || ["^", "/", "*", "{", "}", "-"].some((mark) => isSymbol(token, mark)) ||
    (token._tag === "Number" && token.whole.length === 1)
  )
  if (!onlyUnits) return { end, unit: "" }
  // A degree stands in an exponent.
  let last = first
  while (isSymbol(tokens[first], "\\degree") && ["^", "{"].some((mark) => isSymbol(tokens[last - 1], mark))) last--
  const unit = show(tokens, first, end).replace(/[\s.{}\\]/g, "").replace(/s$/, "")
  return { end: last, unit }
}

const symbolic = (tokens: ReadonlyArray<Token>, start: number, end: number): Answer => ({
  _tag: "Symbolic",
  text: show(tokens, start, end)
})

const number = (tokens: ReadonlyArray<Token>, start: number, end: number): Answer => {
  const dollar = isSymbol(tokens[start], "$") ? 1 : 0
  const { end: last, unit } = withoutUnit(tokens, start + dollar, end)
  const percent = isSymbol(tokens[last - 1], "%") || unit === "percent"
  const stop = isSymbol(tokens[last - 1], "%") ? last - 1 : last
  try {
    const real = new Expression(tokens, start + dollar, stop).whole()
    // Beyond the range of doubles.
    if (real._tag === "Float" && !Number.isFinite(real.value)) return symbolic(tokens, start, end)
    return { _tag: "Number", real, percent, unit: percent ? "" : dollar === 1 ? "dollar" : unit }
  } catch (error) {
    if (error instanceof NotANumber) return symbolic(tokens, start, end)
    throw error
  }
}

/** `x =` or `x \in` in front of the value. */
const afterName = (tokens: ReadonlyArray<Token>, start: number, end: number): number =>
  tokens[start]?._tag === "Name" && end - start > 2 && ["=", "\\in"].some((mark) => isSymbol(tokens[start + 1], mark))
    ? start + 2
    : start

const isJoint = (token: Token): boolean =>
  isSymbol(token, ",") || isSymbol(token, ";") ||
  ((token._tag === "Text" || token._tag === "Name") &&
    ["and", "or"].includes((token._tag === "Text" ? token.text : token.name).trim().toLowerCase()))

/** The parts of a list, of which a last one joined by both a comma and "and" leaves an empty one behind. */
const listed = (
  tokens: ReadonlyArray<Token>,
  start: number,
  end: number,
  depth: number
): ReadonlyArray<Answer> | undefined =>
  splitAt(tokens, start, end, isJoint)?.filter(([from, to]) => to > from)
    .flatMap(([from, to]) => plusMinus(tokens, afterName(tokens, from, to), to, depth))

/** `a \pm b` stands for two answers. */
const plusMinus = (tokens: ReadonlyArray<Token>, start: number, end: number, depth: number): ReadonlyArray<Answer> => {
  const at = tokens.findIndex((token, i) => i >= start && i < end && isSymbol(token, "\\pm"))
  if (at < 0 || depth > MAX_DEPTH) return [value(tokens, start, end, depth)]
  return ["+", "-"].map((symbol) => {
    const chosen = tokens.map((token, i): Token => i === at ? { _tag: "Symbol", symbol } : token)
    return value(chosen, start, end, depth + 1)
  })
}

/** The answer inside one pair of brackets that spans all of `[start, end)`. */
const bracketed = (tokens: ReadonlyArray<Token>, start: number, end: number, depth: number): Answer | undefined => {
  const [first, last] = [tokens[start], tokens[end - 1]]
  if (end - start < 2 || first?._tag !== "Symbol" || last?._tag !== "Symbol") return undefined
  if (!(first.symbol in opening) || !closing.has(last.symbol)) return undefined
  const inner = splitAt(tokens, start + 1, end - 1, isJoint)
  if (inner === undefined || inner.length > MAX_ITEMS) return undefined
  const braces = first.symbol === "{{" && last.symbol === "}}"
  if (braces || (first.symbol === "{" && last.symbol === "}" && inner.length > 1)) {
    const items = start + 1 === end - 1 ? [] : listed(tokens, start + 1, end - 1, depth + 1)
    return items === undefined ? undefined : { _tag: "Unordered", braces: true, items, names: [] }
  }
  if (inner.length < 2 || first.symbol === "{" || last.symbol === "}") return undefined
  const items = inner.map(([from, to]) => value(tokens, from, to, depth + 1))
  return { _tag: "Ordered", open: first.symbol, close: last.symbol, items }
}

const infinite = (tokens: ReadonlyArray<Token>, start: number, end: number): Answer | undefined => {
  const signed = end - start === 2 && (isSymbol(tokens[start], "-") || isSymbol(tokens[start], "+"))
  if (end - start !== (signed ? 2 : 1) || !isSymbol(tokens[end - 1], "\\infty")) return undefined
  return { _tag: "Infinity", negative: isSymbol(tokens[start], "-") }
}

const words = (tokens: ReadonlyArray<Token>, start: number, end: number): Answer | undefined => {
  const parts = tokens.slice(start, end)
  const only = parts.length > 0 && parts.every((token) =>
    token._tag === "Text" || (token._tag === "Name" && token.name.length > 1 && token.name !== "pi" && token.name !== "sqrt")
  )
  return only ? { _tag: "Text", text: show(tokens, start, end).replace(/[\s.]+/g, " ").trim().toLowerCase() } : undefined
}

const value = (tokens: ReadonlyArray<Token>, start: number, end: number, depth: number): Answer => {
  if (depth > MAX_DEPTH || start >= end) return symbolic(tokens, start, end)
  if (end - start === 1 && isSymbol(tokens[start], "\\emptyset")) return { _tag: "Unordered", braces: true, items: [], names: [] }
  const union = splitAt(tokens, start, end, (token) => isSymbol(token, "\\cup") || (token._tag === "Name" && token.name === "U"))
  if (union !== undefined && union.length > 1 && union.length <= MAX_ITEMS) {
    return { _tag: "Union", items: union.map(([from, to]) => value(tokens, from, to, depth + 1)) }
  }
  return infinite(tokens, start, end) ?? words(tokens, start, end) ?? bracketed(tokens, start, end, depth) ??
    number(tokens, start, end)
}

/** The text without periods and whitespace at its end, unless they say that a decimal goes on. */
const withoutPeriods = (text: string): string => {
  let end = text.length
  while (end > 0 && (text[end - 1] === "." || text[end - 1]!.trim() === "")) end--
  const bare = text.slice(0, end)
  return goesOn(bare, text.slice(end)) ? text : bare
}

/** What an answer stands for. Total: an answer that is too long or malformed is symbolic. */
export const parseAnswer = (answer: string): Answer => {
  const trimmed = withoutPeriods(answer.trim().replace(/^\\\(|\\\)$|^\\\[|\\\]$/g, "")).trim()
  if (trimmed.length > MAX_LENGTH) return { _tag: "Symbolic", text: trimmed }
  const tokens = tokenize(trimmed)
  if (tokens === undefined) return { _tag: "Symbolic", text: trimmed.replace(/\s+/g, "") }
  const items = splitAt(tokens, 0, tokens.length, isJoint)
  if (items === undefined || items.length > MAX_ITEMS) return symbolic(tokens, 0, tokens.length)
  const parts = listed(tokens, 0, tokens.length, 0)!
  if (parts.length === 1) return parts[0]!
  const names = items.flatMap(([from, to]) => afterName(tokens, from, to) > from ? [show(tokens, from, from + 1)] : [])
  const different = new Set(names).size
  // A list in which something is not understood is compared as a whole: "x + y, when x > 0" is no list. Neither is one in which
  // it cannot be told which values belong together: "x = 1, y = 2 or x = 2, y = 1".
  return parts.length === 0 || parts.some((part) => part._tag === "Symbolic") || (different > 1 && different < Math.max(names.length, parts.length))
    ? symbolic(tokens, 0, tokens.length)
    : { _tag: "Unordered", braces: false, items: parts, names: different > 1 ? names : [] }
}
