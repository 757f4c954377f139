// COLLIE's constraint language (Yao et al., 2023; princeton-nlp/Collie at efce1c8). A constraint splits a text into units,
// transforms them to a value and relates that to a target; `all` joins constraints, each with a target of its own.
import type { Field } from "../Kwargs.ts"
import { kwargs } from "../Kwargs.ts"
import { asciiSet, isPunctuation, length, PUNCTUATION, strip, stripChars, trim } from "../text/Characters.ts"
import { eachSentence } from "../text/Punkt.ts"
import { sameRange, strippedEnd, strippedStart, withoutEnd, withoutStart } from "../text/Ranges.ts"
import { Tokenizer } from "../text/Treebank.ts"
import { type Units, unitsOf } from "../text/Units.ts"
import { verifier, type VerifierTable } from "../Verifier.ts"

const levels = ["character", "word", "sentence", "paragraph"] as const
const relations = ["==", "!=", "<", ">", "<=", ">=", "in", "not in"] as const
const reductions = ["all", "any", "at least", "at most", "exactly"] as const

export type CollieLevel = (typeof levels)[number]
export type CollieRelation = (typeof relations)[number]
export type CollieReduction = (typeof reductions)[number]

/** `position` counts from 0, or from the end if negative; a list gives a list. `foreach` applies to every unit. */
export type CollieTransformation =
  | { readonly op: "count"; readonly count_target: string | null }
  | { readonly op: "position"; readonly position: number | ReadonlyArray<number> }
  | { readonly op: "foreach"; readonly func: CollieTransformation }
  | { readonly op: "identity" }

export interface CollieAtom {
  readonly input_level: CollieLevel | null
  readonly target_level: CollieLevel | null
  readonly transformation: CollieTransformation
  readonly relation: CollieRelation
  readonly reduction: CollieReduction | null
  readonly reduction_value: number | null
}

export type CollieConstraint = CollieAtom | { readonly logic: "all"; readonly constraints: ReadonlyArray<CollieConstraint> }

/** Targets and transformed units; null is a position outside of the text. */
export type CollieValue = string | number | null | ReadonlyArray<CollieValue>

// ------------------------------------------------------------------------------------------------------------ evaluation

/** Where parts of the text start and end, one after the other: a text may have a million. */
type Ranges = ReadonlyArray<number>

const PERIOD = asciiSet(".")

const REMEMBERED = 8
const ENTRIES = 64
const LONG = 4096

/** A text split into units, each stripped of whitespace and then of periods. */
class Source {
  readonly text: string
  readonly #units: Units
  readonly #tokenizer: Tokenizer
  /** Of the part that was split last, which is often the next one's too: a text of a million sentences has short ones. */
  #words: Array<string> = []
  #last = { start: 0, end: 0 }
  readonly #recent: ReadonlyArray<{ start: number; end: number; word: string }> | undefined

  constructor(text: string) {
    this.text = text
    this.#recent = text.length < LONG ? undefined : Array.from({ length: ENTRIES }, () => ({ start: 0, end: 0, word: "" }))
    this.#units = unitsOf(text)
    this.#tokenizer = new Tokenizer(this.#units, (start, end, quote) => {
      if (isPunctuation(this.#units[start]!)) {
        if (end - start === 1 && quote === "") return true
        const word = quote === "" ? text.slice(start, end) : quote
        if (PUNCTUATION.includes(word)) return true
      }
      this.#words.push(quote === "" ? this.#bare(start, end) : quote)
      return true
    })
  }

  /** The word without periods at its ends. Words have no whitespace there. */
  #bare(start: number, end: number): string {
    const units = this.#units
    const first = withoutStart(units, start, end, PERIOD)
    const last = withoutEnd(units, first, end, PERIOD)
    if (this.#recent === undefined || last - first > REMEMBERED) return this.text.slice(first, last)
    // Short words come again and again: strings of the last ones are kept, without which a megabyte of \u201c takes half as long again.
    let hash = 0
    for (let i = first; i < last; i++) hash = Math.imul(hash ^ units[i]!, 0x9e3779b1)
    const slot = this.#recent[(hash >>> 24) % ENTRIES]!
    if (!sameRange(units, first, last, slot.start, slot.end)) {
      slot.start = first
      slot.end = last
      slot.word = this.text.slice(first, last)
    }
    return slot.word
  }

  /** Adds a part, without whitespace and then periods at its ends. */
  #strip(found: Array<number>, start: number, end: number): void {
    const units = this.#units
    const first = withoutStart(units, strippedStart(units, start, end), end, PERIOD)
    found.push(first, withoutEnd(units, first, strippedEnd(units, first, end), PERIOD))
  }

  sentences(start: number, end: number): Ranges {
    const found: Array<number> = []
    eachSentence(this.#units, start, end, (first, last) => {
      this.#strip(found, first, last)
      return true
    })
    return found
  }

  paragraphs(start: number, end: number): Ranges {
    const found: Array<number> = []
    let first = start
    for (let i = start; i + 1 < end; i++) {
      if (this.#units[i] !== 0x0a || this.#units[i + 1] !== 0x0a) continue
      this.#strip(found, first, i)
      first = ++i + 1
    }
    this.#strip(found, first, end)
    return found
  }

  words(start: number, end: number): ReadonlyArray<string> {
    const last = this.#last
    if (sameRange(this.#units, start, end, last.start, last.end)) return this.#words
    this.#last = { start, end }
    this.#words = []
    this.#tokenizer.range(start, end)
    return this.#words
  }

  characters(start: number, end: number): Array<string> {
    return Array.from(this.text.slice(start, end), (character) => stripChars(strip(character), PERIOD))
  }

  #texts(ranges: Ranges): Array<string> {
    return Array.from({ length: ranges.length / 2 }, (_, i) => this.text.slice(ranges[2 * i], ranges[2 * i + 1]))
  }

  /** The units of a level as text. */
  units(level: CollieLevel, start: number, end: number): ReadonlyArray<string> {
    switch (level) {
      case "character":
        return this.characters(start, end)
      case "word":
        return this.words(start, end)
      case "sentence":
        return this.#texts(this.sentences(start, end))
      case "paragraph":
        return this.#texts(this.paragraphs(start, end))
    }
  }

  /** The units of the outer level, as functions that give their own units, or themselves, when these are asked for. */
  nested(outer: CollieLevel, inner: CollieLevel | null): Items {
    if (outer === "character" || outer === "word") {
      const parts = this.units(outer, 0, this.text.length)
      return { size: parts.length, at: (i) => inner === null ? parts[i]! : wholeUnits(inner, parts[i]!) }
    }
    const ranges = outer === "sentence" ? this.sentences(0, this.text.length) : this.paragraphs(0, this.text.length)
    return {
      size: ranges.length / 2,
      at: (i) => {
        const [start, end] = [ranges[2 * i]!, ranges[2 * i + 1]!]
        return inner === null ? this.text.slice(start, end) : this.units(inner, start, end)
      }
    }
  }
}

const wholeUnits = (level: CollieLevel, text: string): ReadonlyArray<string> => new Source(text).units(level, 0, text.length)

const isList = (value: CollieValue): value is ReadonlyArray<CollieValue> => Array.isArray(value)

/** Thrown inside this module only: the reference raises here. */
class Raises extends Error {}

/** A text stands for the list of its characters; a number and what is outside of the text are no list. */
const itemsOf = (value: CollieValue): ReadonlyArray<CollieValue> => {
  if (typeof value === "string") return Array.from(value)
  if (!isList(value)) throw new Raises()
  return value
}

const transform = (transformation: CollieTransformation, value: CollieValue): CollieValue => {
  switch (transformation.op) {
    case "identity":
      return value
    case "count":
      if (transformation.count_target !== null) return itemsOf(value).filter((item) => item === transformation.count_target).length
      return typeof value === "string" ? length(value) : itemsOf(value).length
    case "position": {
      const list = itemsOf(value)
      const at = (position: number): CollieValue => list.at(position) ?? null
      return typeof transformation.position === "number" ? at(transformation.position) : transformation.position.map(at)
    }
    case "foreach":
      return itemsOf(value).map((item) => transform(transformation.func, item))
  }
}

/** Case, outer punctuation and outer spaces do not matter, unless nothing else is left. */
const normalize = (value: CollieValue): CollieValue => {
  if (isList(value)) return value.map((item) => isList(item) ? item : normalize(item))
  if (typeof value !== "string") return value
  const bare = trim(value.toLowerCase())
  return bare === "" ? value : bare
}

const equal = (a: CollieValue, b: CollieValue): boolean =>
  isList(a) && isList(b) ? a.length === b.length && a.every((item, i) => equal(item, b[i]!)) : a === b

/** -1, 0 or 1 by value, by code points or, of lists, by the first items that differ. */
const order = (a: CollieValue, b: CollieValue): number => {
  if (typeof a === "number" && typeof b === "number") return Math.sign(a - b)
  if (isList(a) && isList(b)) {
    const at = a.findIndex((item, i) => i >= b.length || !equal(item, b[i]!))
    return at < 0 || at >= b.length ? Math.sign(a.length - b.length) : order(a[at]!, b[at]!)
  }
  if (typeof a !== "string" || typeof b !== "string") throw new Raises()
  const [x, y] = [Array.from(a), Array.from(b)]
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    if (x[i] !== y[i]) return x[i]!.codePointAt(0)! < y[i]!.codePointAt(0)! ? -1 : 1
  }
  return Math.sign(x.length - y.length)
}

/** Membership in a list or, in a text, as a part of it. */
const holds = (whole: CollieValue, part: CollieValue): boolean => {
  if (isList(whole)) return whole.some((item) => equal(item, part))
  if (typeof whole !== "string" || typeof part !== "string") throw new Raises()
  return whole.includes(part)
}

const orderings: { readonly [R in "<" | ">" | "<=" | ">="]: (order: number) => boolean } = {
  "<": (order) => order < 0,
  ">": (order) => order > 0,
  "<=": (order) => order <= 0,
  ">=": (order) => order >= 0
}

/** `b` is a normalized target. */
const relate = (relation: CollieRelation, actual: CollieValue, b: CollieValue): boolean => {
  const a = normalize(actual)
  if (relation === "in" || relation === "not in") {
    // All of them are looked for, as one that is no text raises.
    const found = (isList(b) ? b : [b]).map((item) => holds(a, item))
    return relation === "in" ? !found.includes(false) : !found.includes(true)
  }
  const single = isList(b) && b.length === 1 ? b[0]! : b
  if (relation === "==") return equal(a, single)
  if (relation === "!=") return !equal(a, single)
  return orderings[relation](order(a, single))
}

interface Items {
  readonly size: number
  readonly at: (i: number) => CollieValue
}

const all = ({ at, size }: Items): Array<CollieValue> => Array.from({ length: size }, (_, i) => at(i))

/** What the transformation gives. */
const extract = ({ input_level, target_level, transformation }: CollieAtom, text: string): CollieValue => {
  if (input_level !== null) return transform(transformation, all(new Source(text).nested(input_level, target_level)))
  return transform(transformation, target_level === null ? text : wholeUnits(target_level, text))
}

/** The items of the same one by one, each computed when it is asked for. */
const extractItems = (atom: CollieAtom, text: string): Items => {
  const { input_level, target_level, transformation } = atom
  if (input_level !== null && transformation.op === "foreach") {
    const { at, size } = new Source(text).nested(input_level, target_level)
    return { size, at: (i) => transform(transformation.func, at(i)) }
  }
  const items = itemsOf(extract(atom, text))
  return { size: items.length, at: (i) => items[i]! }
}

const reduce = (atom: CollieAtom, text: string, target: CollieValue): boolean => {
  const { reduction, reduction_value, relation } = atom
  if (reduction === null) return relate(relation, extract(atom, text), normalize(target))
  const items = extractItems(atom, text)
  if (isList(target) && target.length !== items.size) return false
  const wanted = reduction_value ?? 0
  const common = isList(target) ? null : normalize(target)
  let count = 0
  for (let i = 0; i < items.size; i++) {
    const holds = relate(relation, items.at(i), isList(target) ? normalize(target[i]!) : common)
    // Another item that raises changes nothing here, but it does where one that holds is enough.
    if (reduction === "all" && !holds) return false
    if (holds) count++
  }
  switch (reduction) {
    case "all":
      return true
    case "any":
      return count > 0
    case "at least":
      return count >= wanted
    case "at most":
      return count <= wanted
    case "exactly":
      return count === wanted
  }
}

const meets = (constraint: CollieConstraint, targets: CollieValue, text: string): boolean => {
  if (!("logic" in constraint)) return reduce(constraint, text, targets)
  // Both lists are walked together; what one has more than the other is left out, as in the reference.
  return isList(targets) && constraint.constraints.every((part, i) => i >= targets.length || meets(part, targets[i]!, text))
}

/** Whether `text` satisfies the constraint. What the reference raises on is not satisfied. */
export const satisfies = (constraint: CollieConstraint, targets: CollieValue, text: string): boolean => {
  try {
    return meets(constraint, targets, text)
  } catch (error) {
    if (error instanceof Raises) return false
    throw error
  }
}

// --------------------------------------------------------------------------------------------------------------- kwargs

const MAX_DEPTH = 8

const isRecord = (input: unknown): input is Readonly<Record<string, unknown>> =>
  typeof input === "object" && input !== null && !Array.isArray(input)

const isOneOf = <A extends string>(values: ReadonlyArray<A>, input: unknown): input is A => values.some((v) => v === input)

const readTransformation = (input: unknown, depth = 0): CollieTransformation | undefined => {
  if (!isRecord(input) || depth > MAX_DEPTH) return undefined
  const { count_target, func, op, position } = input
  if (op === "identity") return { op }
  if (op === "count") {
    if (count_target === undefined || count_target === null) return { op, count_target: null }
    return typeof count_target === "string" ? { op, count_target } : undefined
  }
  if (op === "position") {
    const valid = Number.isSafeInteger(position) || (Array.isArray(position) && position.every(Number.isSafeInteger))
    return valid ? { op, position: position as number | ReadonlyArray<number> } : undefined
  }
  const inner = op === "foreach" ? readTransformation(func, depth + 1) : undefined
  return inner === undefined ? undefined : { op: "foreach", func: inner }
}

const readConstraint = (input: unknown, depth = 0): CollieConstraint | undefined => {
  if (!isRecord(input) || depth > MAX_DEPTH) return undefined
  if (input.logic === "all") {
    if (!Array.isArray(input.constraints) || input.constraints.length === 0) return undefined
    const constraints = input.constraints.map((part) => readConstraint(part, depth + 1))
    return constraints.every((part) => part !== undefined) ? { logic: "all", constraints } : undefined
  }
  const { input_level = null, reduction = null, reduction_value = null, relation, target_level = null } = input
  const transformation = readTransformation(input.transformation)
  if (transformation === undefined || !isOneOf(relations, relation)) return undefined
  if (input_level !== null && !isOneOf(levels, input_level)) return undefined
  if (target_level !== null && !isOneOf(levels, target_level)) return undefined
  if (reduction !== null && !isOneOf(reductions, reduction)) return undefined
  if (reduction_value !== null && !Number.isSafeInteger(reduction_value)) return undefined
  const counted = reduction !== null && reduction !== "all" && reduction !== "any"
  if (counted && reduction_value === null) return undefined
  return { input_level, target_level, transformation, relation, reduction, reduction_value: reduction_value as number | null }
}

const readValue = (input: unknown, depth = 0): CollieValue | undefined => {
  if (typeof input === "string" || typeof input === "number") return input
  if (!Array.isArray(input) || depth > MAX_DEPTH) return undefined
  const values = input.map((item) => readValue(item, depth + 1))
  return values.every((value) => value !== undefined) ? values : undefined
}

const constraint: Field<CollieConstraint> = {
  expected: "a COLLIE constraint",
  read: (input) => readConstraint(input),
  jsonSchema: { type: "object" }
}

const targets: Field<CollieValue> = {
  expected: "a string, a number or a list of these",
  read: (input) => readValue(input),
  jsonSchema: { type: ["string", "number", "array"] }
}

// ---------------------------------------------------------------------------------------------------------- description

const relationWords: { readonly [R in CollieRelation]: string } = {
  "==": "be",
  "!=": "not be",
  "<": "be less than",
  ">": "be more than",
  "<=": "be at most",
  ">=": "be at least",
  in: "contain",
  "not in": "not contain"
}

const subject = (transformation: CollieTransformation, unit: string): string => {
  switch (transformation.op) {
    case "count":
      return transformation.count_target === null
        ? `number of ${unit}s`
        : `number of ${unit}s equal to "${transformation.count_target}"`
    case "position": {
      const positions = Array.isArray(transformation.position) ? transformation.position : [transformation.position]
      const names = positions.map((p: number) => p === -1 ? "last" : p < 0 ? `${-p} from the end` : `${p + 1}`)
      return `${unit} ${names.join(", ")}`
    }
    case "foreach":
      return subject(transformation.func, unit)
    case "identity":
      return `${unit}s`
  }
}

const clauses = (constraint: CollieConstraint, targets: CollieValue): Array<string> => {
  if ("logic" in constraint) {
    return constraint.constraints.flatMap((part, i) => isList(targets) && i < targets.length ? clauses(part, targets[i]!) : [])
  }
  const { input_level, reduction, reduction_value, relation, target_level, transformation } = constraint
  const what = subject(transformation, target_level ?? input_level ?? "character")
  const many = reduction_value === null ? "" : ` ${reduction_value}`
  const where = input_level === null ? "" : ` in ${reduction ?? "all"}${many} ${input_level}s`
  return [`the ${what}${where} must ${relationWords[relation]} ${JSON.stringify(targets)}`]
}

export const collie = {
  "collie:constraint": verifier(kwargs({ constraint, targets }), {
    describe: ({ constraint, targets }) => `In the text, ${clauses(constraint, targets).join("; ")}.`,
    check: (response, { constraint, targets }) => satisfies(constraint, targets, response)
  })
} satisfies VerifierTable
