/** What Jinja's sandbox finds behind a dot or in brackets: methods that change nothing, items, or `Undefined`. */
import { stringMethod } from "./PythonString.ts"
import {
  type Callable,
  equal,
  Generator,
  Namespace,
  numberOf,
  tuple,
  typeName,
  Undefined,
  type Value
} from "./PythonValue.ts"

/** The items that a loop runs over. Throws for what is not iterable. */
export const iterate = (value: Value): Array<Value> => {
  if (typeof value === "string") return Array.from(value)
  if (Array.isArray(value)) return Array.from(value)
  if (value instanceof Map) return [...value.keys()]
  if (value instanceof Generator) return value.items
  if (value instanceof Undefined) return []
  throw new TypeError(`'${typeName(value)}' object is not iterable`)
}

type Methods<Self> = Readonly<Record<string, (self: Self) => Callable>>

const dictMethods: Methods<Map<Value, Value>> = {
  get: (self) => ([key, otherwise = null]) => self.get(key!) ?? (self.has(key!) ? null : otherwise),
  items: (self) => () => Array.from(self, ([key, value]) => tuple(key, value)),
  keys: (self) => () => [...self.keys()],
  values: (self) => () => [...self.values()],
  copy: (self) => () => new Map(self)
}

const listMethods: Methods<Array<Value>> = {
  count: (self) => ([item]) => self.filter((other) => equal(other, item!)).length,
  index: (self) => ([item]) => {
    const at = self.findIndex((other) => equal(other, item!))
    if (at < 0) throw new RangeError("the list has no such item")
    return at
  },
  copy: (self) => () => Array.from(self)
}

/** Methods that change what they belong to. The sandbox hides them, and with them items of a dict by their names. */
const changing: Readonly<Record<"dict" | "list", ReadonlyArray<string>>> = {
  dict: ["clear", "pop", "popitem", "setdefault", "update", "fromkeys"],
  list: ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
}

const missing = (object: Value, name: string) =>
  new Undefined(`'${typeName(object)} object' has no attribute '${name}'`)

const methodOf = (object: Value, name: string): Callable | Undefined | undefined => {
  if (typeof object === "string") return stringMethod(object, name)
  const isMap = object instanceof Map
  if (!isMap && !Array.isArray(object)) return undefined
  if (changing[isMap ? "dict" : "list"].includes(name)) return new Undefined(`access to '${name}' is unsafe`)
  if (isMap) return Object.hasOwn(dictMethods, name) ? dictMethods[name]!(object) : undefined
  return Object.hasOwn(listMethods, name) ? listMethods[name]!(object) : undefined
}

const itemOf = (object: Value, key: Value): Value | undefined => {
  if (object instanceof Map) return object.get(key)
  if (object instanceof Namespace) return typeof key === "string" ? object.fields.get(key) : undefined
  const at = numberOf(key)
  if (at === undefined || !Number.isInteger(at)) return undefined
  return typeof object === "string" ? Array.from(object).at(at) : Array.isArray(object) ? object.at(at) : undefined
}

const refuseUndefined = (object: Value): void => {
  if (object instanceof Undefined) throw new Error(object.message)
}

/** `object.name`: a method wins over an item. */
export const attribute = (object: Value, name: string): Value => {
  refuseUndefined(object)
  const method = methodOf(object, name)
  if (method !== undefined) return method
  const item = itemOf(object, name)
  return item === undefined ? missing(object, name) : item
}

/** `object[key]`: an item wins over a method. */
export const subscript = (object: Value, key: Value): Value => {
  refuseUndefined(object)
  const found = itemOf(object, key)
  if (found !== undefined) return found
  return typeof key === "string" ? (methodOf(object, key) ?? missing(object, key)) : missing(object, String(key))
}

/** `object[start:stop:step]`, by Python's rules for what lies outside. */
export const slice = (object: Value, bounds: ReadonlyArray<Value>): Value => {
  refuseUndefined(object)
  if (typeof object !== "string" && !Array.isArray(object)) throw new TypeError(`'${typeName(object)}' can't be sliced`)
  const [start, stop, step] = bounds.map((bound) => {
    const at = bound === null ? undefined : numberOf(bound)
    if (bound !== null && (at === undefined || !Number.isInteger(at))) {
      throw new TypeError(`a slice can't go by a ${typeName(bound)}`)
    }
    return at
  })
  const items = iterate(object)
  const by = step ?? 1
  if (by === 0) throw new RangeError("slice step cannot be zero")
  const [low, high] = by > 0 ? [0, items.length] : [-1, items.length - 1]
  const within = (at: number | undefined, otherwise: number) =>
    at === undefined ? otherwise : Math.min(high, Math.max(low, at < 0 ? at + items.length : at))
  const [first, end] = [within(start, by > 0 ? low : high), within(stop, by > 0 ? high : low)]
  const taken: Array<Value> = []
  for (let at = first; by > 0 ? at < end : at > end; at += by) taken.push(items[at]!)
  if (typeof object === "string") return taken.join("")
  return object.constructor === Array ? taken : tuple(...taken)
}
