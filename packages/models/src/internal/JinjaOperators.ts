/** Operators of templates on Python's values. */
import { contains } from "./JinjaFilters.ts"
import { compare, equal, isFloat, numberOf, real, text, Tuple, tuple, typeName, Undefined, type Value } from "./PythonValue.ts"

const failed = (operator: string, a: Value, b: Value): never => {
  for (const value of [a, b]) if (value instanceof Undefined) throw new Error(value.message)
  throw new TypeError(`unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`)
}

type Operator = (a: Value, b: Value) => Value
type Compute = (a: number, b: number) => number

/** An operator on numbers, whose result is a float where an operand is, or where it always is. */
const arithmetic = (operator: string, compute: Compute, floats = false): Operator => (a, b) => {
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x === undefined || y === undefined) return failed(operator, a, b)
  if (y === 0 && (operator === "/" || operator === "//" || operator === "%")) throw new RangeError("division by zero")
  const result = compute(x, y)
  return floats || isFloat(a) || isFloat(b) || (operator === "**" && y < 0) ? real(result) : result
}

const add = arithmetic("+", (a, b) => a + b)
const multiply = arithmetic("*", (a, b) => a * b)

/** Most items of a repeated list; strings have JavaScript's own bound. */
const mostItems = 100_000

const repeated: Operator = (a, b) => {
  const [whole, times] = typeof a === "string" || Array.isArray(a) ? [a, b] : [b, a]
  if ((typeof whole !== "string" && !Array.isArray(whole)) || isFloat(times)) return multiply(a, b)
  const count = numberOf(times)
  if (count === undefined) return failed("*", a, b)
  const copies = Math.max(0, count)
  if (typeof whole === "string") return whole.repeat(copies)
  if (whole.length * copies > mostItems) throw new RangeError(`a list of more than ${mostItems} items is refused`)
  const items = Array.from({ length: copies }, () => whole).flat()
  return whole instanceof Tuple ? tuple(...items) : items
}

/** Binary operators that compute both sides. */
export const operators: Readonly<Record<string, Operator>> = {
  "==": equal,
  "!=": (a, b) => !equal(a, b),
  "<": (a, b) => compare(a, b) < 0,
  "<=": (a, b) => compare(a, b) <= 0,
  ">": (a, b) => compare(a, b) > 0,
  ">=": (a, b) => compare(a, b) >= 0,
  in: (a, b) => contains(b, a),
  "not in": (a, b) => !contains(b, a),
  "~": (a, b) => text(a) + text(b),
  "+": (a, b) => {
    if (typeof a === "string" && typeof b === "string") return a + b
    if (Array.isArray(a) && Array.isArray(b) && a instanceof Tuple === b instanceof Tuple) {
      return a instanceof Tuple ? tuple(...a, ...b) : [...a, ...b]
    }
    return add(a, b)
  },
  "-": arithmetic("-", (a, b) => a - b),
  "*": repeated,
  "/": arithmetic("/", (a, b) => a / b, true),
  "//": arithmetic("//", (a, b) => Math.floor(a / b)),
  // The rest has the sign of what is divided by.
  "%": arithmetic("%", (a, b) => (a % b !== 0 && a % b < 0 !== b < 0 ? (a % b) + b : a % b)),
  "**": arithmetic("**", (a, b) => a ** b)
}

/** A plus or minus before a value. */
export const signed = (operator: string, value: Value): Value => {
  const number = numberOf(value)
  if (number === undefined) return failed(`unary ${operator}`, value, value)
  const result = operator === "-" ? -number : number
  return isFloat(value) ? real(result) : result
}
