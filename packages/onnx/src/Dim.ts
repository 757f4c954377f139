/**
 * One dimension of a shape: a size, or a symbol such as "B", or a polynomial of symbols such as "B*T" or "S+1". Equal
 * polynomials are the same size. "" stands for a size nobody knows; graphs replace it by a symbol of their own, which
 * begins with "?".
 */
export type Dim = number | string

/** A polynomial: monomial (symbols sorted and joined by "*"; "" is the constant) -> integer coefficient. */
type Polynomial = ReadonlyMap<string, number>

const token = /\s*(?:(\d+)|([A-Za-z_?$][\w.:$?]*|\{[^{}*]*\})|([+\-*]))/y

/** Text that is no polynomial is one symbol, in braces where it takes part in sums and products. */
const opaque = (text: string): Polynomial => new Map([[`{${text.replaceAll("*", "×").replaceAll(/[{}]/g, "")}}`, 1]])

/** Reads sums of products of integers and symbols; anything else is one opaque symbol. */
const parseText = (text: string): Polynomial => {
  const sum = new Map<string, number>()
  let sign = 1
  let coefficient = 1
  let symbols: Array<string> = []
  let expects: "factor" | "operator" = "factor"
  const end = () => {
    const monomial = symbols.sort().join("*")
    sum.set(monomial, (sum.get(monomial) ?? 0) + sign * coefficient)
    coefficient = 1
    symbols = []
  }
  const source = text.trim().replace(/^-/, "0-")
  for (token.lastIndex = 0; token.lastIndex < source.length;) {
    const match = token.exec(source)
    if (match === null || (match[3] === undefined) !== (expects === "factor")) return opaque(text)
    if (match[1] !== undefined) coefficient *= Number(match[1])
    else if (match[2] !== undefined) symbols.push(match[2])
    else if (match[3] !== "*") {
      end()
      sign = match[3] === "-" ? -1 : 1
    }
    expects = expects === "factor" ? "operator" : "factor"
  }
  if (expects === "factor") return opaque(text)
  end()
  return sum
}

const parsed = new Map<string, Polynomial>()

const parse = (dim: Dim): Polynomial => {
  if (typeof dim === "number") return new Map([["", dim]])
  let polynomial = parsed.get(dim)
  if (polynomial === undefined) parsed.set(dim, polynomial = parseText(dim))
  return polynomial
}

const degree = (monomial: string): number => monomial === "" ? 0 : monomial.split("*").length

const format = (polynomial: Polynomial): Dim => {
  const terms = [...polynomial].filter(([, coefficient]) => coefficient !== 0)
  if (terms.length === 0) return 0
  if (terms.length === 1 && terms[0]![0] === "") return terms[0]![1]
  terms.sort(([a, m], [b, n]) => Number(m < 0) - Number(n < 0) || degree(b) - degree(a) || (a < b ? -1 : 1))
  return terms.map(([monomial, coefficient], i) => {
    const size = Math.abs(coefficient)
    const body = monomial === "" ? String(size) : size === 1 ? monomial : `${size}*${monomial}`
    return coefficient < 0 ? `-${body}` : i === 0 ? body : `+${body}`
  }).join("")
}

const combine = (a: Dim, b: Dim, sign: number): Dim => {
  const sum = new Map(parse(a))
  for (const [monomial, coefficient] of parse(b)) sum.set(monomial, (sum.get(monomial) ?? 0) + sign * coefficient)
  return format(sum)
}

export const addDims = (a: Dim, b: Dim): Dim =>
  typeof a === "number" && typeof b === "number" ? a + b : combine(a, b, 1)

export const subtractDims = (a: Dim, b: Dim): Dim =>
  typeof a === "number" && typeof b === "number" ? a - b : combine(a, b, -1)

export const multiplyDims = (a: Dim, b: Dim): Dim => {
  if (typeof a === "number" && typeof b === "number") return a * b
  const product = new Map<string, number>()
  for (const [m, x] of parse(a)) {
    for (const [n, y] of parse(b)) {
      const monomial = [...m.split("*"), ...n.split("*")].filter((symbol) => symbol !== "").sort().join("*")
      product.set(monomial, (product.get(monomial) ?? 0) + x * y)
    }
  }
  return format(product)
}

/** a / b where the quotient is provably exact, otherwise undefined. */
export const divideDims = (a: Dim, b: Dim): Dim | undefined => {
  if (b === 0) return undefined
  if (sameDim(a, b)) return 1
  const divisor = [...parse(b)]
  if (divisor.length !== 1) return undefined
  const [[monomial, coefficient]] = divisor as [[string, number]]
  const quotient = new Map<string, number>()
  for (const [m, x] of parse(a)) {
    const symbols = m.split("*")
    for (const symbol of monomial.split("*")) {
      const at = symbols.indexOf(symbol)
      if (monomial !== "" && at < 0) return undefined
      if (monomial !== "") symbols.splice(at, 1)
    }
    if (x % coefficient !== 0) return undefined
    quotient.set(symbols.join("*"), x / coefficient)
  }
  return format(quotient)
}

/** The same polynomial with symbols replaced. */
export const substituteDims = (dim: Dim, values: ReadonlyMap<string, Dim>): Dim =>
  typeof dim === "number" || values.size === 0 ? dim : [...parse(dim)].reduce<Dim>(
    (sum, [monomial, coefficient]) =>
      addDims(
        sum,
        monomial.split("*").reduce<Dim>(
          (term, symbol) => symbol === "" ? term : multiplyDims(term, values.get(symbol) ?? symbol),
          coefficient
        )
      ),
    0
  )

/** Provably equal sizes. */
export const sameDim = (a: Dim, b: Dim): boolean =>
  a === b ? a !== "" : a !== "" && b !== "" && format(parse(a)) === format(parse(b))

/** Sizes that can't be equal for any value of the symbols. */
export const differentDims = (a: Dim, b: Dim): boolean => {
  if (a === "" || b === "") return false
  const difference = subtractDims(a, b)
  return typeof difference === "number" && difference !== 0
}

/** True when nobody named this size: "" or an expression with a symbol that the graph made up. */
export const isUnknownDim = (dim: Dim): boolean => typeof dim === "string" && (dim === "" || dim.includes("?"))

export const productDims = (dims: ReadonlyArray<Dim>): Dim => dims.reduce(multiplyDims, 1)
