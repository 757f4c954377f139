import { expect, test } from "@jest/globals"
import { importRecord, instructionOf, makeValidator, type Random, random, senses } from "../src/index.ts"
import { constraintText } from "../src/SoftWriter.ts"

const strings = [
  "",
  " ",
  "\u0000",
  "\ud800",
  "at least",
  "3",
  "at least 3 or less",
  "no no no not n't ",
  "[",
  "(((((",
  "\\",
  "answer:math",
  "soft:",
  "light",
  "__proto__",
  "punctuation:no_comma"
]
const keys = [
  "prompt",
  "instruction_id_list",
  "kwargs",
  "constraint",
  "constraints",
  "level",
  "id",
  "key",
  "parent",
  "soft",
  "answer",
  "messages",
  "instances",
  "input",
  "options"
]

/** Any JSON value, more often than not in the shape of a row. */
const anything = (stream: Random, depth: number): unknown => {
  switch (stream.int(depth > 3 ? 4 : 7)) {
    case 0:
      return null
    case 1:
      return stream.pick([0, -1, 1.5, 1e308, 3])
    case 2:
      return stream.chance(0.5)
    case 3:
      return stream.pick(strings)
    case 4:
      return Array.from({ length: stream.int(4) }, () => anything(stream, depth + 1))
    default:
      return Object.fromEntries(
        Array.from({ length: stream.int(7) }, () => [stream.pick(keys), anything(stream, depth + 1)])
      )
  }
}
const record = (stream: Random): Record<string, unknown> => {
  const ids = Array.from({ length: stream.int(4) }, () =>
    stream.pick([...strings, "length_constraints:number_words", "keywords:existence", "language:response_language"])
  )
  const shaped = {
    prompt: stream.pick(strings),
    instruction_id_list: ids,
    kwargs: ids.map(() =>
      stream.chance(0.5) ? anything(stream, 2) : { num_words: 3, relation: "at least", keywords: ["3"], language: "xx" }
    ),
    constraint: ids.map(() => stream.pick(strings))
  }
  const other = Object.fromEntries(keys.map((key) => [key, anything(stream, 1)]))
  return stream.chance(0.6)
    ? shaped
    : stream.chance(0.5)
      ? { ...shaped, [stream.pick(keys)]: anything(stream, 1) }
      : other
}

test("whatever a record holds, it is read, judged and counted, and nothing is thrown", () => {
  const validator = makeValidator()
  for (let i = 0; i < 5000; i++) {
    const value = record(random("hostile", i))
    importRecord(value)
    instructionOf(value)
    validator.add({ value, path: "f", line: i })
  }
  const { faulty, rows } = validator.end()
  expect(rows).toBe(5000)
  expect(faulty).toBeGreaterThan(4000)
})

test("no text makes its reading slow", () => {
  for (const part of [
    "at least ",
    "at least 3 ",
    "3 or more ",
    "3 a b ",
    "no ",
    "n't want an answer that is ",
    "exactly 3 ",
    "less than ",
    "1",
    "a ",
    "- "
  ]) {
    const text = part.repeat(Math.ceil(100_000 / part.length))
    const began = performance.now()
    senses(text)
    constraintText(text)
    expect([part, performance.now() - began < 1000]).toEqual([part, true])
  }
})
