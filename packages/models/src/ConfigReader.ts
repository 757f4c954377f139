/** Values of a `config.json`, checked one by one; the first bad one is thrown as a ModelError that names its key. */
import { isRecord } from "./Files.ts"
import { ModelError } from "./ModelError.ts"

export type Json = Readonly<Record<string, unknown>>

/** What is wrong with a key, and what to do about it. */
export type Refusal = readonly [problem: string, remedy: string]

export const show = (value: unknown): string => JSON.stringify(value)

export const refuse = (key: string, [problem, remedy]: Refusal): ModelError => new ModelError({ key, problem, remedy })

type Accepts<A> = (value: unknown) => value is A

const isCount: Accepts<number> = (v): v is number => Number.isSafeInteger(v) && (v as number) > 0
const isPositive: Accepts<number> = (v): v is number => Number.isFinite(v) && (v as number) > 0
const isBoolean: Accepts<boolean> = (v): v is boolean => typeof v === "boolean"

/** Reads keys of a JSON object. A missing key or null takes the fallback; without one it is refused. */
export class ConfigReader {
  readonly json: Json
  /** Put before the key in errors, for objects within the config. */
  readonly prefix: string
  constructor(json: Json, prefix = "") {
    this.json = json
    this.prefix = prefix
  }
  #value<A>(key: string, fallback: A | undefined, accepts: Accepts<A>, kind: string): A {
    const value = this.json[key] ?? fallback
    if (accepts(value)) return value
    throw refuse(this.prefix + key, [
      value === undefined ? "is missing" : `is ${show(value)} where ${kind} belongs`,
      "Fix config.json; it must be the one that transformers saved with the weights"
    ])
  }
  integer(key: string, fallback?: number): number {
    return this.#value(key, fallback, isCount, "a positive integer")
  }
  number(key: string, fallback?: number): number {
    return this.#value(key, fallback, isPositive, "a positive number")
  }
  boolean(key: string, fallback: boolean): boolean {
    return this.#value(key, fallback, isBoolean, "true or false")
  }
  /** An array with one item a layer, or undefined. */
  perLayer<A>(key: string, layers: number, isItem: Accepts<A>, kind: string): ReadonlyArray<A> | undefined {
    if (this.json[key] === undefined || this.json[key] === null) return undefined
    const accepts = (value: unknown): value is ReadonlyArray<A> =>
      Array.isArray(value) && value.length >= layers && value.every(isItem)
    return this.#value<ReadonlyArray<A>>(key, undefined, accepts, `${kind} for each of ${layers} layers`).slice(
      0,
      layers
    )
  }
  /** An object, or undefined. An empty one counts as missing, as in Python. */
  object(key: string): ConfigReader | undefined {
    const value = this.json[key]
    if (value === undefined || value === null) return undefined
    if (!isRecord(value))
      throw refuse(this.prefix + key, [`is ${show(value)} where an object or null belongs`, "Fix the value"])
    return Object.keys(value).length === 0 ? undefined : new ConfigReader(value, `${this.prefix}${key}.`)
  }
}
