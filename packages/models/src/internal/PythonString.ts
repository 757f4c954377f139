/** Methods of Python's `str` that chat templates call, over code points as Python counts them. */
import { type Callable, numberOf, Tuple, tuple, typeName, type Value } from "./PythonValue.ts"

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

/** `str.strip` and its one-sided forms. */
export const strip = (text: string, characters: string | undefined, sides: Sides): string => {
  const letters = Array.from(text)
  const dropped = new Set(characters)
  const stays = (letter: string) => (characters === undefined ? !isSpace(letter) : !dropped.has(letter))
  const first = letters.findIndex(stays)
  if (first < 0) return ""
  return letters
    .slice(sides === "right" ? 0 : first, sides === "left" ? undefined : letters.findLastIndex(stays) + 1)
    .join("")
}

export const capitalize = (text: string): string => {
  const [first = "", ...rest] = text
  return first.toUpperCase() + rest.join("").toLowerCase()
}

const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/

/** `str.splitlines`: the last line's end begins no other line. */
export const splitLines = (text: string): Array<string> => {
  const lines = text.split(lineEnd)
  if (lines.at(-1) === "") lines.pop()
  return lines
}

/** Puts parts together again beyond the `most` first cuts, or before the last, unless it is negative. */
const limited = (parts: ReadonlyArray<string>, separator: string, most: number, side: "left" | "right") => {
  if (most < 0 || parts.length <= most + 1) return [...parts]
  const cut = side === "left" ? most : parts.length - most
  return side === "left"
    ? [...parts.slice(0, cut), parts.slice(cut).join(separator)]
    : [parts.slice(0, cut).join(separator), ...parts.slice(cut)]
}

/** `str.replace`. An empty string stands before each code point and at the end. */
export const replace = (text: string, old: string, by: string, count: number): string => {
  if (old !== "") return limited(text.split(old), old, count, "left").join(by)
  return [...text, ""].map((letter, i) => (count < 0 || i < count ? by : "") + letter).join("")
}

/** `str.split` without a separator: at runs of white space, at most `most` times unless it is negative. */
const splitSpace = (text: string, most: number): Array<string> => {
  const words: Array<string> = []
  let rest = Array.from(strip(text, undefined, "left"))
  while (rest.length > 0) {
    const end = rest.findIndex(isSpace)
    if (end < 0 || words.length === most) return [...words, rest.join("")]
    words.push(rest.slice(0, end).join(""))
    rest = rest.slice(end)
    rest = rest.slice(Math.max(0, rest.findIndex((letter) => !isSpace(letter))))
    if (rest.every(isSpace)) return words
  }
  return words
}

// -------------------- methods --------------------

type Method = (self: string, args: ReadonlyArray<Value>, named: ReadonlyMap<string, Value>) => Value

const stringAt = (args: ReadonlyArray<Value>, at: number): string => {
  const value = args[at]
  if (typeof value === "string") return value
  throw new TypeError(`a string is wanted, not ${value === undefined ? "nothing" : typeName(value)}`)
}

/** A count that may be left out or given by name. */
const countOf = (given: Value | undefined, otherwise: number): number => {
  const count = given === undefined ? otherwise : numberOf(given)
  if (count === undefined) throw new TypeError(`an int is wanted, not ${typeName(given!)}`)
  return count
}

const stripper = (sides: Sides): Method => (self, args) =>
  strip(self, (args[0] ?? null) === null ? undefined : stringAt(args, 0), sides)

const splitter = (side: "left" | "right"): Method => (self, args, named) => {
  const separator = args[0] ?? named.get("sep") ?? null
  const most = countOf(args[1] ?? named.get("maxsplit"), -1)
  if (separator === null) {
    if (side === "left" || most < 0) return splitSpace(self, most)
    throw new TypeError("rsplit with a count wants a separator")
  }
  const at = stringAt([separator], 0)
  if (at === "") throw new TypeError("empty separator")
  return limited(self.split(at), at, most, side)
}

const affix = (holds: (self: string, affix: string) => boolean): Method => (self, args) => {
  const [given] = args
  if (given instanceof Tuple) return given.some((_, i) => holds(self, stringAt(given, i)))
  return holds(self, stringAt(args, 0))
}

/** Whether a string has letters of a kind and none of another. */
const letters = (some: RegExp, none: RegExp): Method => (self) => some.test(self) && !none.test(self)

type Find = (self: string, part: string) => number

const partition = (find: Find, missing: (self: string) => Tuple): Method => (self, args) => {
  const separator = stringAt(args, 0)
  const at = find(self, separator)
  return at < 0 ? missing(self) : tuple(self.slice(0, at), separator, self.slice(at + separator.length))
}

/** The place of a code unit as Python counts, by code points. */
const place = (self: string, unit: number): number => (unit < 0 ? unit : Array.from(self.slice(0, unit)).length)

/** Methods by name, with the most arguments that each takes here; what gives more or calls others is refused. */
const methods: Readonly<Record<string, readonly [most: number, method: Method]>> = {
  upper: [0, (self) => self.toUpperCase()],
  lower: [0, (self) => self.toLowerCase()],
  capitalize: [0, capitalize],
  title: [0, (self) => self.replace(/\p{L}+/gu, capitalize)],
  strip: [1, stripper("both")],
  lstrip: [1, stripper("left")],
  rstrip: [1, stripper("right")],
  split: [2, splitter("left")],
  rsplit: [2, splitter("right")],
  splitlines: [0, splitLines],
  startswith: [1, affix((self, start) => self.startsWith(start))],
  endswith: [1, affix((self, end) => self.endsWith(end))],
  replace: [3, (self, args, named) =>
    replace(self, stringAt(args, 0), stringAt(args, 1), countOf(args[2] ?? named.get("count"), -1))],
  removeprefix: [1, (self, args) => (self.startsWith(stringAt(args, 0)) ? self.slice(stringAt(args, 0).length) : self)],
  removesuffix: [1, (self, args) => {
    const end = stringAt(args, 0)
    return self.endsWith(end) ? self.slice(0, self.length - end.length) : self
  }],
  partition: [1, partition((self, at) => self.indexOf(at), (self) => tuple(self, "", ""))],
  rpartition: [1, partition((self, at) => self.lastIndexOf(at), (self) => tuple("", "", self))],
  find: [1, (self, args) => place(self, self.indexOf(stringAt(args, 0)))],
  rfind: [1, (self, args) => place(self, self.lastIndexOf(stringAt(args, 0)))],
  index: [1, (self, args) => {
    const at = place(self, self.indexOf(stringAt(args, 0)))
    if (at < 0) throw new RangeError("substring not found")
    return at
  }],
  count: [1, (self, args) => (args[0] === "" ? Array.from(self).length + 1 : self.split(stringAt(args, 0)).length - 1)],
  join: [1, (self, args) => {
    if (!Array.isArray(args[0])) throw new TypeError("join wants a list of strings")
    return Array.from(args[0], (_, i) => stringAt(args[0] as Array<Value>, i)).join(self)
  }],
  isdigit: [0, letters(/\p{Nd}/u, /\P{Nd}/u)],
  isalpha: [0, letters(/\p{L}/u, /\P{L}/u)],
  isalnum: [0, letters(/[\p{L}\p{N}]/u, /[^\p{L}\p{N}]/u)],
  isspace: [0, (self) => self !== "" && Array.from(self).every(isSpace)],
  isupper: [0, letters(/\p{Lu}/u, /\p{Ll}/u)],
  islower: [0, letters(/\p{Ll}/u, /\p{Lu}/u)]
}

/** A method of a string, ready to be called. */
export const stringMethod = (self: string, name: string): Callable | undefined => {
  if (!Object.hasOwn(methods, name)) return undefined
  const [most, method] = methods[name]!
  return (args, named) => {
    if (args.length + named.size > most) throw new TypeError(`${name} of a string takes at most ${most} arguments here`)
    return method(self, args, named)
  }
}
