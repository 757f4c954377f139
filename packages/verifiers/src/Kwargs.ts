// The arguments of a verifier: a small schema language without dependencies. A missing or ill-typed argument is an issue
// that names it, never a default. Arguments that are null count as missing (data sets pad their rows with null), arguments
// that a verifier does not know are ignored.
import { isBlank } from "./text/Characters.ts"

/** What one argument must be. `read` returns the value, or undefined when `input` is not one. */
export interface Field<A> {
  /** In words, for messages: "an integer >= 0". */
  readonly expected: string
  readonly read: (input: unknown) => A | undefined
  /** The JSON Schema of the values accepted. */
  readonly jsonSchema: JsonSchema
}

export type JsonSchema = { readonly [key: string]: unknown }

export type Fields = { readonly [name: string]: Field<unknown> }

export type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer A> ? A : never }

/** A problem with one argument, or with all of them together when `name` is "". */
export interface Issue {
  readonly name: string
  readonly message: string
}

export interface KwargsSchema<A> {
  readonly read: (input: unknown) => { readonly value: A } | { readonly issues: ReadonlyArray<Issue> }
  readonly fields: Fields
  readonly jsonSchema: JsonSchema
}

/** A condition on all arguments together. */
export interface Condition<A> {
  readonly holds: (value: A) => boolean
  readonly message: string
}

const isRecord = (input: unknown): input is Readonly<Record<string, unknown>> =>
  typeof input === "object" && input !== null && !Array.isArray(input)

/** As JSON, or by its kind where that cannot be: bigints, cycles, a `toJSON` of its own. */
const json = (input: unknown): string => {
  const kind = Array.isArray(input) ? "an array" : "an object"
  try {
    return JSON.stringify(input) ?? kind
  } catch {
    return kind
  }
}

const show = (input: unknown): string => {
  const text = typeof input === "string" || Array.isArray(input) || isRecord(input) ? json(input) : String(input)
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}

/** The schema of an object with these fields, all required. */
export const kwargs = <F extends Fields>(fields: F, condition?: Condition<Values<F>>): KwargsSchema<Values<F>> => {
  const names = Object.keys(fields)
  return {
    fields,
    jsonSchema: {
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, fields[name]!.jsonSchema])),
      required: names
    },
    read: (input) => {
      const given = input === undefined || input === null ? {} : input
      if (!isRecord(given)) return { issues: [{ name: "", message: `expected an object, got ${show(given)}` }] }
      const value: Record<string, unknown> = {}
      const issues: Array<Issue> = []
      for (const name of names) {
        const field = fields[name]!
        const raw = Object.hasOwn(given, name) ? given[name] : undefined
        if (raw === undefined || raw === null) {
          issues.push({ name, message: `missing, expected ${field.expected}` })
          continue
        }
        const read = field.read(raw)
        if (read === undefined) issues.push({ name, message: `expected ${field.expected}, got ${show(raw)}` })
        else value[name] = read
      }
      if (issues.length > 0) return { issues }
      // Every name of F was read by its own field.
      const values = value as Values<F>
      return condition === undefined || condition.holds(values)
        ? { value: values }
        : { issues: [{ name: "", message: condition.message }] }
    }
  }
}

/** No arguments. */
export const none = kwargs({})

export const integer = (minimum = 0, maximum = Number.MAX_SAFE_INTEGER): Field<number> => ({
  expected: `an integer >= ${minimum}${maximum < Number.MAX_SAFE_INTEGER ? ` and <= ${maximum}` : ""}`,
  read: (input) => Number.isSafeInteger(input) && (input as number) >= minimum && (input as number) <= maximum
    ? (input as number)
    : undefined,
  jsonSchema: { type: "integer", minimum, ...(maximum < Number.MAX_SAFE_INTEGER ? { maximum } : {}) }
})

export const number = (minimum: number, maximum: number): Field<number> => ({
  expected: `a number from ${minimum} to ${maximum}`,
  read: (input) => typeof input === "number" && input >= minimum && input <= maximum ? input : undefined,
  jsonSchema: { type: "number", minimum, maximum }
})

/** Any text. */
export const text: Field<string> = {
  expected: "a string",
  read: (input) => typeof input === "string" ? input : undefined,
  jsonSchema: { type: "string" }
}

/** Text that is not blank. */
export const phrase: Field<string> = {
  expected: "a string that is not blank",
  read: (input) => typeof input === "string" && !isBlank(input) ? input : undefined,
  jsonSchema: { type: "string", pattern: "\\S" }
}

/** One character that is not whitespace. */
export const character: Field<string> = {
  expected: "one character that is not whitespace",
  read: (input) => typeof input === "string" && /^\S$/u.test(input) ? input : undefined,
  jsonSchema: { type: "string", pattern: "^\\S$" }
}

export const oneOf = <const A extends string>(...values: ReadonlyArray<A>): Field<A> => ({
  expected: values.length > 8 ? `one of ${values.length} codes` : `one of ${values.map((value) => `"${value}"`).join(", ")}`,
  read: (input) => values.find((value) => value === input),
  jsonSchema: { enum: values }
})

/** A list of at least one item. */
export const listOf = <A>(item: Field<A>): Field<ReadonlyArray<A>> => ({
  expected: `a list of one or more items, each ${item.expected}`,
  read: (input) => {
    if (!Array.isArray(input) || input.length === 0) return undefined
    const items: Array<A> = []
    for (const element of input) {
      const read = item.read(element)
      if (read === undefined) return undefined
      items.push(read)
    }
    return items
  },
  jsonSchema: { type: "array", items: item.jsonSchema, minItems: 1 }
})

/** The two relations of IFEval's counting constraints. */
export const relation = oneOf("less than", "at least")
export type Relation = "less than" | "at least"

export const compare = (actual: number, relation: Relation, wanted: number): boolean =>
  relation === "less than" ? actual < wanted : actual >= wanted
