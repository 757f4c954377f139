/**
 * Chat templates as Python's transformers renders them: Jinja with trimmed blocks, the functions `raise_exception` and
 * `strftime_now`, and the tokenizer's special tokens as variables. The parser is Hugging Face's; its tree is evaluated
 * here (internal/Jinja.ts), because its own interpreter computes with JavaScript's values: `None`, lists and floats
 * print otherwise than Python's, `1 == "1"` holds, and what one turn of a loop sets stays for the next.
 */
import { Template } from "@huggingface/jinja"
import { render, Scope } from "./internal/Jinja.ts"
import { functions } from "./internal/JinjaFunctions.ts"
import type { Node } from "./internal/JinjaSyntax.ts"
import { fromJs, text, type Value } from "./internal/PythonValue.ts"

/** Turns the variables of a template into text. Throws where the template or the interpreter does. */
export type ChatTemplate = (variables: Readonly<Record<string, unknown>>) => string

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

const globals: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...functions,
  [
    "raise_exception",
    ([message = ""]) => {
      throw new Error(text(message))
    }
  ],
  ["strftime_now", ([format = ""]) => strftime(new Date(), text(format))]
])

/** Parses a template once. Throws where it is not Jinja. */
export const parseChatTemplate = (source: string): ChatTemplate => {
  // Jinja knows ends of lines as \n only.
  const program = new Template(source.replace(/\r\n?/g, "\n")).parsed as unknown as Node
  return (variables) => {
    const scope = new Scope()
    for (const [name, value] of globals) scope.names.set(name, value)
    for (const [name, value] of Object.entries(variables)) if (value !== undefined) scope.names.set(name, fromJs(value))
    return render(program, scope)
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
