/**
 * Chat templates as Python's transformers renders them: Jinja with trimmed blocks, the functions `raise_exception`,
 * `range` and `strftime_now`, and the tokenizer's special tokens as variables. The interpreter is Hugging Face's, with
 * string methods put right where it departs from Python: `strip`, `lstrip` and `rstrip` take the characters to strip
 * (Qwen3 relies on it), and whitespace is Python's.
 */
import { Environment, Interpreter, Template } from "@huggingface/jinja"

/** Turns the variables of a template into text. Throws where the template or the interpreter does. */
export type ChatTemplate = (variables: Readonly<Record<string, unknown>>) => string

// -------------------- strings --------------------

/** Code points for which Python's `str.isspace` holds, first and last of each run. */
const spaces: ReadonlyArray<readonly [first: number, last: number]> = [
  [0x09, 0x0d],
  [0x1c, 0x20],
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000]
]

const isSpace = (character: string): boolean => {
  const code = character.codePointAt(0)!
  return spaces.some(([first, last]) => code >= first && code <= last)
}

type Sides = "both" | "left" | "right"

/** Python's `str.strip` and its one-sided forms. */
const strip = (text: string, characters: string | undefined, sides: Sides): string => {
  const letters = Array.from(text)
  const dropped = new Set(characters)
  const stays = (letter: string) => (characters === undefined ? !isSpace(letter) : !dropped.has(letter))
  const first = letters.findIndex(stays)
  if (first < 0) return ""
  return letters
    .slice(sides === "right" ? 0 : first, sides === "left" ? undefined : letters.findLastIndex(stays) + 1)
    .join("")
}

const strippers: Readonly<Record<string, Sides>> = { strip: "both", lstrip: "left", rstrip: "right" }

// -------------------- dates --------------------

const english = (date: Date, options: Intl.DateTimeFormatOptions) => date.toLocaleString("en-US", options)
const two = (value: number) => String(value).padStart(2, "0")

/** Codes of Python's `strftime` in the C locale, of those that name parts of a date. */
const dateCodes: Readonly<Record<string, (date: Date) => string>> = {
  a: (date) => english(date, { weekday: "short" }),
  A: (date) => english(date, { weekday: "long" }),
  b: (date) => english(date, { month: "short" }),
  B: (date) => english(date, { month: "long" }),
  d: (date) => two(date.getDate()),
  H: (date) => two(date.getHours()),
  I: (date) => two(date.getHours() % 12 || 12),
  m: (date) => two(date.getMonth() + 1),
  M: (date) => two(date.getMinutes()),
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  S: (date) => two(date.getSeconds()),
  y: (date) => two(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  "%": () => "%"
}

const strftime = (date: Date, format: string): string =>
  format.replace(/%(.)/gs, (code, letter: string) => {
    const part = dateCodes[letter]
    if (part === undefined) throw new Error(`strftime_now knows no ${code}`)
    return part(date)
  })

// -------------------- templates --------------------

/** What is used of the interpreter beyond its public types; a test renders through each. */
interface Value {
  readonly type: string
  readonly value: unknown
}
interface Internals {
  evaluate: (node: unknown, scope: unknown) => Value
  evaluateMemberExpression: (node: Member, scope: unknown) => Value
  applyFilter: (operand: Value, filter: Filter, scope: unknown) => Value
}
interface Member {
  readonly object: unknown
  readonly property: { readonly value?: unknown }
  readonly computed: boolean
}
interface Filter {
  readonly type: string
  readonly value?: unknown
}

const isString = (value: Value): value is Value & { readonly value: string } => value.type === "StringValue"

/** A string value of the interpreter's own class. */
const stringLike = (like: Value, text: string): Value => new (like.constructor as new (text: string) => Value)(text)

/** An interpreter whose strings are Python's. */
const interpreterOn = (environment: Environment): Interpreter => {
  const interpreter = new Interpreter(environment)
  const own = interpreter as unknown as Internals
  const { applyFilter, evaluateMemberExpression } = own
  own.evaluateMemberExpression = (node, scope) => {
    const member = evaluateMemberExpression.call(interpreter, node, scope)
    const sides = node.computed ? undefined : strippers[String(node.property.value)]
    if (sides === undefined || member.type !== "FunctionValue") return member
    const object = own.evaluate(node.object, scope)
    if (!isString(object)) return member
    const call = ([characters]: ReadonlyArray<Value>) =>
      stringLike(
        object,
        strip(object.value, characters?.type === "StringValue" ? (characters.value as string) : undefined, sides)
      )
    return new (member.constructor as new (call: unknown) => Value)(call)
  }
  own.applyFilter = (operand, filter, scope) =>
    filter.type === "Identifier" && filter.value === "trim" && isString(operand)
      ? stringLike(operand, strip(operand.value, undefined, "both"))
      : applyFilter.call(interpreter, operand, filter, scope)
  return interpreter
}

const range = (first: number, second?: number, step = 1): Array<number> => {
  const [from, to] = second === undefined ? [0, first] : [first, second]
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step)
}

const globals: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range,
  raise_exception: (message: string) => {
    throw new Error(message)
  },
  strftime_now: (format: string) => strftime(new Date(), format)
}

/** Parses a template once. Throws where it is not Jinja. */
export const parseChatTemplate = (source: string): ChatTemplate => {
  const { parsed } = new Template(source)
  return (variables) => {
    const environment = new Environment()
    for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value)
    return String(interpreterOn(environment).run(parsed).value)
  }
}

const tokenNames = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]

/** Special tokens of a tokenizer_config.json as variables of a template: strings, or objects that hold one. */
export const specialTokens = (config: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    tokenNames.flatMap((name) => {
      const token = config[name]
      const content = typeof token === "object" && token !== null && "content" in token ? token.content : token
      return typeof content === "string" ? [[name, content]] : []
    })
  )

/**
 * The template that tokenizer_config.json holds: a string, or a list of named ones, of which `tool_use` is for
 * conversations with tools and `default` for all others.
 */
export const namedTemplate = (value: unknown, tools: boolean): string | undefined => {
  if (typeof value === "string") return value
  const named = new Map(
    (Array.isArray(value) ? value : []).map((entry: { readonly name?: unknown; readonly template?: unknown }) => [
      entry.name,
      entry.template
    ])
  )
  const template = (tools ? named.get("tool_use") : undefined) ?? named.get("default")
  return typeof template === "string" ? template : undefined
}
