// Whether two answers are the same, by value. What cannot be told is undecided, never wrong:
// expressions with variables, functions or relations that are written differently; texts that differ (other than yes and
// no, true and false); numbers in different units; decimals that go on, such as 0.333...
import { type Answer, parseAnswer } from "./Parse.ts"
import { equalReals, exact, multiply } from "./Real.ts"

export type Comparison =
  | { readonly _tag: "Equal" }
  | { readonly _tag: "Different" }
  | { readonly _tag: "Undecided"; readonly reason: string }

const equal: Comparison = { _tag: "Equal" }
const different: Comparison = { _tag: "Different" }
const undecided = (reason: string): Comparison => ({ _tag: "Undecided", reason })
const decided = (same: boolean): Comparison => same ? equal : different

type Of<T extends Answer["_tag"]> = Extract<Answer, { readonly _tag: T }>

/** A percentage is equal to its hundredth and, where only one of the two has the sign, to its number. */
const sameNumber = (a: Of<"Number">, b: Of<"Number">): boolean => {
  if (equalReals(a.real, b.real)) return true
  if (a.percent === b.percent) return false
  const [share, plain] = a.percent ? [a.real, b.real] : [b.real, a.real]
  return equalReals(multiply(share, exact(1n, 100n)), plain)
}

const compareNumbers = (a: Of<"Number">, b: Of<"Number">): Comparison =>
  a.unit !== "" && b.unit !== "" && a.unit !== b.unit
    ? undecided(`units differ: "${a.unit}" and "${b.unit}"`)
    : decided(sameNumber(a, b))

/** Different if one is, else undecided if one is. */
const every = (comparisons: ReadonlyArray<Comparison>): Comparison =>
  comparisons.find(({ _tag }) => _tag === "Different") ?? comparisons.find(({ _tag }) => _tag === "Undecided") ?? equal

const inOrder = (a: ReadonlyArray<Answer>, b: ReadonlyArray<Answer>): Comparison =>
  a.length === b.length ? every(a.map((item, i) => compare(item, b[i]!))) : different

/** Pairs the items of `a` with equal items of `b`. What is left over is different, or undecided where some pair is. */
const inAnyOrder = (a: ReadonlyArray<Answer>, b: ReadonlyArray<Answer>): Comparison => {
  // Words among values, as in "5, as shown", need not belong to the answer.
  if (a.length !== b.length) return [...a, ...b].some(({ _tag }) => _tag === "Text") ? undecided("a text and a value") : different
  const left = [...b]
  let doubt: Comparison | undefined
  let unmatched = 0
  for (const item of a) {
    const results = left.map((other) => compare(item, other))
    const at = results.findIndex(({ _tag }) => _tag === "Equal")
    if (at >= 0) left.splice(at, 1)
    else {
      unmatched++
      doubt ??= results.find(({ _tag }) => _tag === "Undecided")
    }
  }
  return unmatched === 0 ? equal : doubt ?? different
}

/** The different items of a set. */
const distinct = (items: ReadonlyArray<Answer>): ReadonlyArray<Answer> =>
  items.filter((item, i) => !items.slice(0, i).some((other) => compare(item, other)._tag === "Equal"))

/** Values with the same names are compared under them: "x = 1, y = 2" is not "x = 2, y = 1". */
const byName = (a: Of<"Unordered">, b: Of<"Unordered">): Comparison | undefined =>
  a.names.length > 0 && a.names.length === b.names.length && a.names.every((name) => b.names.includes(name))
    ? every(a.names.map((name, i) => compare(a.items[i]!, b.items[b.names.indexOf(name)]!)))
    : undefined

const opposites = new Map([["yes", "no"], ["no", "yes"], ["true", "false"], ["false", "true"]])

const compareTexts = (a: string, b: string): Comparison =>
  a === b ? equal : opposites.get(a) === b ? different : undecided(`texts differ: "${a}" and "${b}"`)

const isPlain = ({ _tag }: Answer): boolean => _tag === "Number" || _tag === "Infinity"

export const compare = (a: Answer, b: Answer): Comparison => {
  if (a._tag === "Symbolic" || b._tag === "Symbolic") {
    const same = a._tag === "Symbolic" && b._tag === "Symbolic" && a.text === b.text
    return same ? equal : undecided("not a number, or not one that is understood")
  }
  if (a._tag === "Number" && b._tag === "Number") return compareNumbers(a, b)
  if (a._tag === "Infinity" && b._tag === "Infinity") return decided(a.negative === b.negative)
  if (a._tag === "Text" && b._tag === "Text") return compareTexts(a.text, b.text)
  if (a._tag === "Text" || b._tag === "Text") return undecided("a text and a value")
  if (a._tag === "Ordered" && b._tag === "Ordered") {
    return a.open === b.open && a.close === b.close ? inOrder(a.items, b.items) : different
  }
  if (a._tag === "Unordered" && b._tag === "Unordered") return byName(a, b) ?? inAnyOrder(distinct(a.items), distinct(b.items))
  if (a._tag === "Union" && b._tag === "Union") return inAnyOrder(a.items, b.items)
  if (a._tag === "Unordered" && isPlain(b)) return inAnyOrder(a.items, [b])
  if (b._tag === "Unordered" && isPlain(a)) return compare(b, a)
  if (a._tag === "Ordered" && b._tag === "Unordered") return asPoint(a, b)
  if (a._tag === "Unordered" && b._tag === "Ordered") return asPoint(b, a)
  return different
}

/** "1, 2" may stand for the point (1, 2), but not for a point with other coordinates; in another order it may be a set. */
const asPoint = (point: Of<"Ordered">, items: Of<"Unordered">): Comparison => {
  if (items.braces || point.open !== "(" || point.close !== ")") return different
  const ordered = inOrder(point.items, items.items)
  if (ordered._tag !== "Different") return ordered
  return inAnyOrder(point.items, items.items)._tag === "Different" ? different : undecided("order matters for a point only")
}

/** Compares two answers as they are written. */
export const compareAnswers = (answer: string, gold: string): Comparison => compare(parseAnswer(answer), parseAnswer(gold))
