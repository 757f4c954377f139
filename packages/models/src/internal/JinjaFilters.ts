/** Jinja's filters and tests, and `tojson` as transformers defines it. Those that are not here refuse the template. */
import { iterate, subscript } from "./JinjaMember.ts"
import { capitalize, replace, splitLines, strip } from "./PythonString.ts"
import {
  compare,
  equal,
  Float,
  Generator,
  isFloat,
  json,
  numberOf,
  real,
  text,
  truth,
  tuple,
  typeName,
  Undefined,
  type Value
} from "./PythonValue.ts"

type Args = ReadonlyArray<Value>
type Named = ReadonlyMap<string, Value>
type Filter = (value: Value, args: Args, named: Named) => Value
type Test = (value: Value, args: Args) => boolean

const own = <A>(table: Readonly<Record<string, A>>, kind: string, name: string): A => {
  if (Object.hasOwn(table, name)) return table[name]!
  throw new Error(`No ${kind} named '${name}'`)
}

/** `len`, of strings in code points. */
const size = (value: Value): number => {
  if (typeof value === "string" || Array.isArray(value) || value instanceof Undefined) return iterate(value).length
  if (value instanceof Map) return value.size
  throw new TypeError(`object of type '${typeName(value)}' has no len()`)
}

// -------------------- tests --------------------

const isWhole = (value: Value, rest: 0 | 1): boolean => {
  const number = numberOf(value)
  if (number === undefined) throw new TypeError(`'${typeName(value)}' is neither odd nor even`)
  return Math.abs(number % 2) === rest
}

export const contains = (whole: Value, part: Value): boolean => {
  if (typeof whole === "string") {
    if (typeof part !== "string") throw new TypeError(`a ${typeName(part)} can't be looked for in a string`)
    return whole.includes(part)
  }
  if (!(whole instanceof Map)) return iterate(whole).some((item) => equal(item, part))
  if (["list", "dict"].includes(typeName(part))) throw new TypeError(`unhashable type: '${typeName(part)}'`)
  return whole.has(part)
}

const isIterable = (value: Value): boolean =>
  typeof value === "string" ||
  Array.isArray(value) ||
  [Map, Undefined, Generator].some((kind) => value instanceof kind)

const tests: Readonly<Record<string, Test>> = {
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  none: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  true: (value) => value === true,
  false: (value) => value === false,
  string: (value) => typeof value === "string",
  number: (value) => numberOf(value) !== undefined,
  integer: (value) => typeof value === "number" && !isFloat(value),
  float: isFloat,
  mapping: (value) => value instanceof Map,
  iterable: isIterable,
  sequence: (value) => isIterable(value) && !(value instanceof Generator),
  callable: (value) => typeof value === "function",
  odd: (value) => isWhole(value, 1),
  even: (value) => isWhole(value, 0),
  lower: (value) => /\p{Ll}/u.test(text(value)) && !/\p{Lu}/u.test(text(value)),
  upper: (value) => /\p{Lu}/u.test(text(value)) && !/\p{Ll}/u.test(text(value)),
  eq: (value, [other]) => equal(value, other!),
  ne: (value, [other]) => !equal(value, other!),
  lt: (value, [other]) => compare(value, other!) < 0,
  le: (value, [other]) => compare(value, other!) <= 0,
  gt: (value, [other]) => compare(value, other!) > 0,
  ge: (value, [other]) => compare(value, other!) >= 0,
  in: (value, [whole]) => contains(whole!, value),
  sameas: (value, [other]) => value === other
}

const testNames: Readonly<Record<string, string>> = {
  equalto: "eq",
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  lessthan: "lt",
  "<=": "le",
  ">": "gt",
  greaterthan: "gt",
  ">=": "ge"
}

const wantsOther = new Set(["eq", "ne", "lt", "le", "gt", "ge", "in", "sameas"])

export const runTest = (name: string, value: Value, args: Args): boolean => {
  const known = Object.hasOwn(testNames, name) ? testNames[name]! : name
  const test = own(tests, "test", known)
  const wanted = wantsOther.has(known) ? 1 : 0
  if (args.length !== wanted) throw new TypeError(`test '${name}' takes ${wanted} arguments, not ${args.length}`)
  return test(value, args)
}

// -------------------- arguments --------------------

/** Reads a filter's arguments by place and by name; those that are unknown or given twice are refused. */
const reader = (args: Args, named: Named, names: ReadonlyArray<string>) => {
  const alien = [...named.keys()].find((name) => !names.includes(name) || names.indexOf(name) < args.length)
  if (args.length > names.length || alien !== undefined) {
    throw new TypeError(`the filter takes ${names.join(", ") || "no arguments"} only, each once`)
  }
  return (name: string): Value | undefined => {
    const at = names.indexOf(name)
    return at < args.length ? args[at] : named.get(name)
  }
}

/** What a dotted path leads to, as filters take their `attribute`. */
const follow = (item: Value, path: Value, otherwise?: Value): Value => {
  const parts: ReadonlyArray<Value> = typeof path === "string" ? path.split(".") : [path]
  return parts.reduce<Value>((found, part) => {
    const next = subscript(found, typeof part === "string" && /^\d+$/.test(part) ? Number(part) : part)
    return next instanceof Undefined && otherwise !== undefined ? otherwise : next
  }, item)
}

const folded = (value: Value, sensitive: boolean): Value =>
  typeof value === "string" && !sensitive ? value.toLowerCase() : value

const keyOf = (read: (name: string) => Value | undefined) => {
  const path = read("attribute") ?? null
  const sensitive = truth(read("case_sensitive") ?? false)
  return (item: Value) => folded(path === null ? item : follow(item, path), sensitive)
}

const sorted = (items: ReadonlyArray<Value>, key: (item: Value) => Value, reverse: boolean): Array<Value> =>
  items.toSorted((a, b) => (reverse ? compare(key(b), key(a)) : compare(key(a), key(b))))

/** `map`, `select` and their like take whatever is false for nothing. */
const itemsOf = (value: Value): Array<Value> => (truth(value) ? iterate(value) : [])

const chosen = (wanted: boolean, byAttribute: boolean): Filter => (value, args) => {
  const [path, name, ...rest] = byAttribute ? args : [null, ...args]
  const holds = (item: Value) => (name === undefined ? truth(item) : runTest(text(name), item, rest))
  return new Generator(itemsOf(value).filter((item) => holds(byAttribute ? follow(item, path!) : item) === wanted))
}

const extreme = (sign: 1 | -1): Filter => (value, args, named) => {
  const key = keyOf(reader(args, named, ["case_sensitive", "attribute"]))
  const items = iterate(value)
  if (items.length === 0) return new Undefined("No aggregated item, sequence was empty.")
  return items.reduce((best, item) => (sign * compare(key(item), key(best)) < 0 ? item : best))
}

// -------------------- numbers --------------------

const intPattern = /^\s*[+-]?\d+\s*$/
const floatPattern = /^\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan)\s*$/i

const parseFloatText = (digits: string): number | undefined => {
  if (!floatPattern.test(digits)) return undefined
  const plain = digits.trim().toLowerCase()
  return Number(plain.replace(/inf(inity)?/, "Infinity"))
}

const toNumber = (value: Value): number | undefined => {
  if (value instanceof Undefined) throw new Error(value.message)
  return typeof value === "string" ? parseFloatText(value) : numberOf(value)
}

const toInt: Filter = (value, args, named) => {
  const given = reader(args, named, ["default"])("default")
  const otherwise = given === undefined ? 0 : given
  if (typeof value === "string" && intPattern.test(value)) return Number(value)
  const number = toNumber(value)
  return number === undefined || !Number.isFinite(number) ? otherwise : Math.trunc(number) + 0
}

// -------------------- filters --------------------

/** What a level is indented by: so many spaces, or a string. */
const indentOf = (width: Value): string => {
  if (typeof width === "string") return width
  const spaces = numberOf(width)
  if (spaces === undefined) throw new TypeError(`nothing can be indented by a ${typeName(width)}`)
  return " ".repeat(Math.max(0, spaces))
}

const toJson: Filter = (value, args, named) => {
  const read = reader(args, named, ["ensure_ascii", "indent", "separators", "sort_keys"])
  const indent = read("indent") ?? null
  const level = indent === null ? undefined : indentOf(indent)
  const separators = read("separators") ?? null
  const [item, key] = separators === null ? [level === undefined ? ", " : ",", ": "] : iterate(separators).map(text)
  return json(value, {
    ensureAscii: truth(read("ensure_ascii") ?? false),
    indent: level,
    separators: [item!, key!],
    sortKeys: truth(read("sort_keys") ?? false)
  })
}

const indented: Filter = (value, args, named) => {
  const read = reader(args, named, ["width", "first", "blank"])
  const width = read("width") ?? 4
  const by = indentOf(width)
  // Jinja puts an end behind the last line first, so that the end of a text is not lost.
  if (typeof value !== "string") throw new TypeError(`a ${typeName(value)} can't be indented`)
  const lines = splitLines(`${value}\n`)
  const blank = truth(read("blank") ?? false)
  const body = lines.map((line, i) => (i > 0 && (blank || line !== "") ? by + line : line)).join("\n")
  return truth(read("first") ?? false) ? by + body : body
}

const mapped: Filter = (value, args, named) => {
  const items = itemsOf(value)
  if (args.length === 0) {
    const read = reader(args, named, ["attribute", "default"])
    const path = read("attribute")
    if (path === undefined) throw new Error("map requires a filter argument")
    return new Generator(items.map((item) => follow(item, path, read("default") ?? undefined)))
  }
  const [name, ...rest] = args
  return new Generator(items.map((item) => runFilter(text(name!), item, rest, named)))
}

const byKeyOrValue: Filter = (value, args, named) => {
  const read = reader(args, named, ["case_sensitive", "by", "reverse"])
  const by = read("by") ?? "key"
  if (by !== "key" && by !== "value") throw new Error('You can only sort by either "key" or "value"')
  const sensitive = truth(read("case_sensitive") ?? false)
  if (!(value instanceof Map)) throw new TypeError(`a ${typeName(value)} has no items`)
  const items: Array<Value> = Array.from(value, ([key, item]) => tuple(key, item))
  const key = (pair: Value) => folded((pair as ReadonlyArray<Value>)[by === "key" ? 0 : 1]!, sensitive)
  return sorted(items, key, truth(read("reverse") ?? false))
}

const simple = (change: (value: string) => string): Filter => (value, args, named) => {
  reader(args, named, [])
  return change(text(value))
}

const end = (at: 0 | -1): Filter => (value) => {
  const item = iterate(value).at(at)
  return item === undefined ? new Undefined("the sequence was empty") : item
}

const filters: Readonly<Record<string, Filter>> = {
  abs: (value) => {
    const number = numberOf(value)
    if (number === undefined) throw new TypeError(`bad operand type for abs(): '${typeName(value)}'`)
    return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number)
  },
  capitalize: simple(capitalize),
  default: (value, args, named) => {
    const read = reader(args, named, ["default_value", "boolean"])
    const missing = value instanceof Undefined || (truth(read("boolean") ?? false) && !truth(value))
    const otherwise = read("default_value")
    return !missing ? value : otherwise === undefined ? "" : otherwise
  },
  dictsort: byKeyOrValue,
  first: end(0),
  float: (value, args, named) => {
    const given = reader(args, named, ["default"])("default")
    const otherwise = given === undefined ? new Float(0) : given
    const number = toNumber(value)
    return number === undefined ? otherwise : real(number)
  },
  indent: indented,
  int: toInt,
  items: (value) => {
    if (value instanceof Undefined) return new Generator([])
    if (!(value instanceof Map)) throw new TypeError("Can only get item pairs from a mapping.")
    return new Generator(Array.from(value, ([key, item]) => tuple(key, item)))
  },
  join: (value, args, named) => {
    const read = reader(args, named, ["d", "attribute"])
    const path = read("attribute") ?? null
    const parts = iterate(value).map((item) => text(path === null ? item : follow(item, path)))
    return parts.join(text(read("d") ?? ""))
  },
  last: end(-1),
  length: size,
  list: (value) => iterate(value),
  lower: simple((value) => value.toLowerCase()),
  map: mapped,
  max: extreme(-1),
  min: extreme(1),
  reject: chosen(false, false),
  rejectattr: chosen(false, true),
  replace: (value, args, named) => {
    const read = reader(args, named, ["old", "new", "count"])
    return replace(text(value), text(read("old")!), text(read("new")!), numberOf(read("count") ?? -1) ?? -1)
  },
  reverse: (value) => {
    const items = iterate(value).toReversed()
    return typeof value === "string" ? items.join("") : new Generator(items)
  },
  safe: (value) => text(value),
  select: chosen(true, false),
  selectattr: chosen(true, true),
  sort: (value, args, named) => {
    const read = reader(args, named, ["reverse", "case_sensitive", "attribute"])
    const path = read("attribute") ?? null
    const sensitive = truth(read("case_sensitive") ?? false)
    // Several attributes are parted by commas; lists of them are compared, in which even what is missing may be equal.
    const paths = typeof path === "string" ? path.split(",") : [path]
    const key = (item: Value): Value =>
      path === null ? folded(item, sensitive) : paths.map((part) => folded(follow(item, part), sensitive))
    return sorted(iterate(value), key, truth(read("reverse") ?? false))
  },
  string: (value) => text(value),
  title: simple((value) =>
    value.replace(/[^-\s({[<]+/gu, (word) => {
      const [letter = "", ...rest] = word
      return letter.toUpperCase() + rest.join("").toLowerCase()
    })
  ),
  tojson: toJson,
  trim: (value, args, named) => {
    const characters = reader(args, named, ["chars"])("chars") ?? null
    return strip(text(value), characters === null ? undefined : text(characters), "both")
  },
  unique: (value, args, named) => {
    const key = keyOf(reader(args, named, ["case_sensitive", "attribute"]))
    const items = iterate(value)
    return new Generator(items.filter((item, i) => !items.slice(0, i).some((other) => equal(key(other), key(item)))))
  },
  upper: simple((value) => value.toUpperCase())
}

const filterNames: Readonly<Record<string, string>> = { count: "length", d: "default" }

export const runFilter = (name: string, value: Value, args: Args, named: Named): Value =>
  own(filters, "filter", Object.hasOwn(filterNames, name) ? filterNames[name]! : name)(value, args, named)
