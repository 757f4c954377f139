/**
 * Values of Python as Jinja templates meet them, and what Python makes of them: truth, equality, order, `str`, `repr`
 * and `json.dumps`. None, booleans and strings are JavaScript's own, lists arrays, dicts maps. A number is an int when
 * it is whole; `Float` holds floats that are.
 */

export type Value =
  | null
  | boolean
  | number
  | string
  | Float
  | Array<Value>
  | Map<Value, Value>
  | Undefined
  | Namespace
  | Generator
  | Callable

/** What a template can call. `named` are the arguments given by name. */
export type Callable = (args: ReadonlyArray<Value>, named: ReadonlyMap<string, Value>) => Value

export class Float {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

export class Tuple extends Array<Value> {}

/** What a name that stands for nothing gives. It prints as nothing; most other uses throw its message. */
export class Undefined {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export class Namespace {
  readonly fields = new Map<string, Value>()
}

/** What `map`, `select` and their like give: true, and without a length. */
export class Generator {
  readonly items: Array<Value>
  constructor(items: Array<Value>) {
    this.items = items
  }
}

export const tuple = (...items: ReadonlyArray<Value>): Tuple => {
  const result = new Tuple()
  for (const item of items) result.push(item)
  return result
}

/** The float of a number. */
export const real = (value: number): Value => (Number.isInteger(value) ? new Float(value) : value)

export const isFloat = (value: Value): boolean =>
  value instanceof Float || (typeof value === "number" && !Number.isInteger(value))

/** The number that a value is, booleans being 0 and 1; nothing for what is none. */
export const numberOf = (value: Value): number | undefined =>
  typeof value === "number"
    ? value
    : typeof value === "boolean"
      ? Number(value)
      : value instanceof Float
        ? value.value
        : undefined

export const typeName = (value: Value): string => {
  if (value === null) return "NoneType"
  if (value instanceof Tuple) return "tuple"
  if (Array.isArray(value)) return "list"
  if (value instanceof Map) return "dict"
  if (value instanceof Undefined) return "Undefined"
  if (value instanceof Namespace) return "Namespace"
  if (value instanceof Generator) return "generator"
  if (isFloat(value)) return "float"
  return { boolean: "bool", number: "int", string: "str" }[typeof value as string] ?? "function"
}

/** JavaScript's data as Python's; fields that are undefined are left out. */
export const fromJs = (value: unknown): Value => {
  if (value === null || value === undefined) return null
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "number") return value
  if (typeof value === "function") {
    return (args) => fromJs((value as (...given: ReadonlyArray<unknown>) => unknown)(...args))
  }
  if (Array.isArray(value)) return value.map(fromJs)
  if (typeof value === "object") {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined)
    return new Map(entries.map(([key, field]) => [key, fromJs(field)]))
  }
  throw new TypeError(`a template can't be given a ${typeof value}`)
}

// -------------------- truth, equality, order --------------------

export const truth = (value: Value): boolean => {
  if (value instanceof Undefined) return false
  if (value instanceof Float) return value.value !== 0
  if (Array.isArray(value)) return value.length > 0
  if (value instanceof Map) return value.size > 0
  return Number.isNaN(value) || Boolean(value)
}

export const equal = (a: Value, b: Value): boolean => {
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x !== undefined && y !== undefined) return x === y
  if (Array.isArray(a) && Array.isArray(b)) {
    const alike = a instanceof Tuple === b instanceof Tuple && a.length === b.length
    return alike && a.every((item, i) => equal(item, b[i]!))
  }
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, item]) => b.has(key) && equal(item, b.get(key)!))
  }
  if (a instanceof Undefined && b instanceof Undefined) return true
  return a === b
}

/** Python's order of strings, by code points: UTF-16's differs beyond the basic plane. */
const compareStrings = (a: string, b: string): number => {
  const [left, right] = [Array.from(a), Array.from(b)]
  const at = left.findIndex((letter, i) => letter !== right[i])
  if (at < 0) return left.length - right.length
  return at >= right.length ? 1 : left[at]!.codePointAt(0)! - right[at]!.codePointAt(0)!
}

/** Less than 0 where `a` comes first; NaN where neither does. Throws for what Python has no order for. */
export const compare = (a: Value, b: Value): number => {
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x !== undefined && y !== undefined) return x === y ? 0 : x < y ? -1 : x > y ? 1 : Number.NaN
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b)
  if (Array.isArray(a) && Array.isArray(b) && a instanceof Tuple === b instanceof Tuple) {
    const at = a.findIndex((item, i) => i >= b.length || !equal(item, b[i]!))
    return at < 0 ? a.length - b.length : at >= b.length ? 1 : compare(a[at]!, b[at]!)
  }
  for (const value of [a, b]) if (value instanceof Undefined) throw new Error(value.message)
  throw new TypeError(`'${typeName(a)}' and '${typeName(b)}' have no order`)
}

// -------------------- text --------------------

/** Python's `repr` of a float: the digits are JavaScript's, the bounds of the exponent are not. */
const floatText = (value: number): string => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf"
  if (Object.is(value, -0)) return "-0.0"
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2")
  }
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

/** An int in full: JavaScript gives great ones an exponent. */
const intText = (value: number): string => BigInt(value).toString()

const numberText = (value: number | Float): string =>
  typeof value === "number" && Number.isInteger(value) ? intText(value) : floatText(numberOf(value)!)

const hex = (code: number, digits: number) => code.toString(16).padStart(digits, "0")

const namedEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" }

const stringRepr = (text: string): string => {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(/[\\\n\r\t'"]|(?! )[\p{C}\p{Z}]/gu, (letter) => {
    if (letter === "'" || letter === '"') return letter === quote ? `\\${letter}` : letter
    const code = letter.codePointAt(0)!
    return (
      namedEscapes[letter] ??
      (code < 0x100 ? `\\x${hex(code, 2)}` : code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`)
    )
  })
  return quote + escaped + quote
}

const constants = new Map<Value, string>([
  [null, "None"],
  [true, "True"],
  [false, "False"]
])

export const repr = (value: Value): string => {
  const constant = constants.get(value)
  if (constant !== undefined) return constant
  if (typeof value === "string") return stringRepr(value)
  if (typeof value === "number" || value instanceof Float) return numberText(value)
  if (value instanceof Tuple) return `(${Array.from(value, repr).join(", ")}${value.length === 1 ? "," : ""})`
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`
  if (value instanceof Map) return `{${Array.from(value, ([key, item]) => `${repr(key)}: ${repr(item)}`).join(", ")}}`
  if (value instanceof Undefined) return "Undefined"
  throw new TypeError(`a ${typeName(value)} can't be written out`)
}

/** Python's `str`. */
export const text = (value: Value): string =>
  typeof value === "string" ? value : value instanceof Undefined ? "" : repr(value)

// -------------------- json --------------------

export interface JsonOptions {
  readonly ensureAscii: boolean
  /** What a level is indented by; nothing for all on one line. */
  readonly indent: string | undefined
  readonly separators: readonly [item: string, key: string]
  readonly sortKeys: boolean
}

const jsonConstants = new Map<Value, string>([
  [null, "null"],
  [true, "true"],
  [false, "false"]
])

const jsonFloats: Readonly<Record<string, string>> = { nan: "NaN", inf: "Infinity", "-inf": "-Infinity" }

/** Python's `json.dumps`. */
export const json = (value: Value, options: JsonOptions, depth = 0): string => {
  const scalar = (value: Value): string | undefined => {
    const constant = jsonConstants.get(value)
    if (constant !== undefined) return constant
    if (typeof value !== "number" && !(value instanceof Float)) return undefined
    const digits = numberText(value)
    return jsonFloats[digits] ?? digits
  }
  const quoted = (value: string) =>
    options.ensureAscii
      ? JSON.stringify(value).replace(/[\x7f-\uffff]/g, (unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
      : JSON.stringify(value)
  const keyText = (key: Value): string => {
    const plain = typeof key === "string" ? key : scalar(key)
    if (plain === undefined) throw new TypeError(`a key of JSON can't be a ${typeName(key)}`)
    return quoted(plain)
  }
  const list = (open: string, parts: ReadonlyArray<string>, close: string): string => {
    const { indent, separators } = options
    if (parts.length === 0 || indent === undefined) return open + parts.join(separators[0]) + close
    const line = (level: number) => `\n${indent.repeat(level)}`
    return open + line(depth + 1) + parts.join(separators[0] + line(depth + 1)) + line(depth) + close
  }
  if (typeof value === "string") return quoted(value)
  const plain = scalar(value)
  if (plain !== undefined) return plain
  const inner = (item: Value) => json(item, options, depth + 1)
  if (Array.isArray(value)) return list("[", Array.from(value, inner), "]")
  if (value instanceof Map) {
    const entries = options.sortKeys ? [...value].sort(([a], [b]) => compare(a, b)) : [...value]
    return list("{", entries.map(([key, item]) => keyText(key) + options.separators[1] + inner(item)), "}")
  }
  throw new TypeError(`Object of type ${typeName(value)} is not JSON serializable`)
}
