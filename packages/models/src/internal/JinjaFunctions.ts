/** Functions of every Jinja template, and the objects that `namespace` makes. */
import { iterate } from "./JinjaMember.ts"
import { type Callable, Namespace, text, typeName, type Value } from "./PythonValue.ts"

/** Writes a field of a namespace. */
export const setField = (namespace: Namespace, name: string, value: Value): void => {
  if (name.startsWith("_")) throw new Error(`a namespace can't hold '${name}', which begins with an underscore`)
  namespace.fields.set(name, value)
}

/** The longest range that Jinja's sandbox allows. */
const mostNumbers = 100_000

const range: Callable = (args) => {
  const numbers = args.map((value) => {
    if (typeof value === "number" && Number.isInteger(value)) return value
    throw new TypeError(`'${typeName(value)}' object cannot be interpreted as an integer`)
  })
  const [from, to, step = 1] = numbers.length === 1 ? [0, numbers[0]!] : numbers
  if (from === undefined || to === undefined || step === 0) throw new RangeError("range() wants one to three numbers")
  const length = Math.max(0, Math.ceil((to - from) / step))
  if (length > mostNumbers) throw new RangeError(`a range of more than ${mostNumbers} numbers is refused`)
  return Array.from({ length }, (_, i) => from + i * step)
}

/** Python's `dict`: of another one or of pairs, and of what is given by name. */
const dict = (args: ReadonlyArray<Value>, named: ReadonlyMap<string, Value>): Map<Value, Value> => {
  const [given = new Map<Value, Value>()] = args
  const pairs = given instanceof Map ? [...given] : iterate(given).map((pair) => iterate(pair) as [Value, Value])
  return new Map<Value, Value>([...pairs, ...named])
}

const namespace: Callable = (args, named) => {
  const result = new Namespace()
  for (const [name, value] of dict(args, named)) setField(result, text(name), value)
  return result
}

/** Functions of every Jinja template. */
export const functions: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["range", range],
  ["dict", dict],
  ["namespace", namespace]
])
