import { PreTrainedTokenizer } from "@huggingface/transformers"
import { describe, expect, test } from "@jest/globals"
import fc from "fast-check"
import { readFileSync } from "node:fs"
import { wordEncoder } from "../src/WordEncoder.ts"
import { fixture } from "./support.ts"

type Json = Record<string, unknown>
const read = (...names: ReadonlyArray<string>) => JSON.parse(readFileSync(fixture(...names), "utf8")) as Json

/** transformers.js alone, and with words remembered; how often the first was asked by the second. */
const encoders = (change: (tokenizer: Json) => Json, ...folder: ReadonlyArray<string>) => {
  const [tokenizer, config] = [change(read(...folder, "tokenizer.json")), read(...folder, "tokenizer_config.json")]
  const pretrained = new PreTrainedTokenizer(tokenizer, config)
  const plain = (text: string) => Int32Array.from(pretrained.encode(text, { add_special_tokens: false }))
  const calls: Array<string> = []
  const remembering = wordEncoder(tokenizer, config, (text) => {
    calls.push(text)
    return plain(text)
  })
  return { plain, remembering, calls }
}

const words = [
  ..."fox|Fox| the|don't|12|7|12345|.|...| (|-|_|Followed:|Constraint: |<|im_|'s|'S|'RE|'re|".split("|"),
  ..." |  |\n|\r\n|\n\n|\t|)\n|?!\r\n|\u0085|\ufeff|\u00a0|\u2003|\u3000".split("|"),
  ..."'\u017f|\u00bd|\u0663|e\u0301|\u0301|\u0338|\u00e9|\u1100\u1161|\u4f60\u597d|\u200d|\u{1f600}|\u{1f1e9}\u{1f1ea}".split("|"),
  ..."\ud83d|\ude00|\u212a|\u037e|<|>|/".split("|"),
  "x".repeat(70)
]

/** Texts of words and added tokens, the tokens also without their first or last letter. */
const textsWith = (tokens: ReadonlyArray<string>) =>
  fc
    .array(
      fc.oneof(
        { arbitrary: fc.constantFrom(...words), weight: 4 },
        { arbitrary: fc.constantFrom(...tokens), weight: 3 },
        { arbitrary: fc.constantFrom(...tokens.flatMap((token) => [token.slice(1), token.slice(0, -1)])), weight: 1 },
        { arbitrary: fc.string({ unit: "binary", maxLength: 4 }), weight: 1 }
      ),
      { maxLength: 14 }
    )
    .map((parts) => parts.join(""))

const contentsOf = (tokenizer: Json) =>
  (tokenizer["added_tokens"] as ReadonlyArray<Json>).map(({ content }) => String(content))
const same = (tokenizer: Json) => tokenizer

describe.each(["templates/qwen2.5", "templates/qwen3", "templates/llama-3", "templates/r1-distill", "qwen2-tied"])(
  "%s",
  (folder) => {
    const tokens = contentsOf(read(folder, "tokenizer.json"))

    test("texts of awkward pieces and added tokens have the tokens that transformers.js gives them", () => {
      const { plain, remembering } = encoders(same, folder)
      fc.assert(
        fc.property(textsWith(tokens), (text) => expect(remembering(text)).toEqual(plain(text))),
        { numRuns: 1500 }
      )
    })

    test("a text is encoded as a whole in no case that a conversation has", () => {
      const { calls, plain, remembering } = encoders(same, folder)
      const [first, last] = [tokens[0]!, tokens.at(-1)!]
      const texts = [first, `${first}${first}`, ` ${last} the fox\n${first}`, `${first}user\nthe ${last}\n${first}`]
      for (const text of texts) {
        calls.length = 0
        expect(remembering(text)).toEqual(plain(text))
        expect(calls.filter((call) => tokens.some((token) => call.includes(token)))).toEqual([])
      }
    })
  }
)

describe("added tokens of every kind", () => {
  // Names that begin alike, end as others begin, are words, white space, half a pair of surrogates, or change in NFC.
  const names = [
    ..."<a>|<a><b>|<b>|a>|ab|abc|bc|the|;|K|\u212a|e\u0301|\u00e9|\ude00".split("|"),
    ..." |  | <c> |\n".split("|")
  ]
  const flag = fc.option(fc.boolean(), { nil: undefined })
  const content = fc.constantFrom(...names)
  const token = fc.record({ content, lstrip: flag, rstrip: flag, normalized: flag, special: flag })
  const table = fc.array(token, { minLength: 1, maxLength: 6 })
  const normalizer = fc.constantFrom(null, { type: "NFC" })
  const others = "<a|>|a|b|c|e|12| fox|   |\t|\ufeff|\u0085|\u0301|\ud83d|\ud83d\ude00".split("|")
  const between = fc.constantFrom(...names, ...others)
  const text = fc.array(between, { maxLength: 10 }).map((parts) => parts.join(""))

  test("random tables of them cut random texts as transformers.js cuts them", () => {
    let covered = 0
    fc.assert(
      fc.property(table, normalizer, fc.array(text, { minLength: 12, maxLength: 12 }), (added, normalizer, texts) => {
        const added_tokens = added.map((token, i) => ({ ...token, id: 311 + i }))
        const { calls, plain, remembering } = encoders((json) => ({ ...json, normalizer, added_tokens }), "qwen2-tied")
        for (const text of texts) {
          calls.length = 0
          expect(remembering(text)).toEqual(plain(text))
          if (!calls.includes(text)) covered++
        }
      }),
      { numRuns: 400 }
    )
    // Of 4800 texts; the rest hold an added token after NFC alone, or are one word.
    expect(covered).toBeGreaterThan(3500)
  })

  test.each<[string, Json]>([
    ["of a single word", { single_word: true }],
    ["without a name", { content: "" }],
    ["without an id", { id: "311" }],
    ["with a flag that is none", { lstrip: "yes" }]
  ])("one %s leaves the tokenizer alone", (_, change) => {
    const encode = () => new Int32Array()
    const tokenizer = read("qwen2-tied", "tokenizer.json")
    const [first, ...others] = tokenizer["added_tokens"] as Array<Json>
    expect(wordEncoder(tokenizer, {}, encode)).not.toBe(encode)
    expect(wordEncoder({ ...tokenizer, added_tokens: [{ ...first, ...change }, ...others] }, {}, encode)).toBe(encode)
  })

  test("those of tokenizer_config.json alone are text, as to transformers.js", () => {
    const { calls, plain, remembering } = encoders((json) => ({ ...json, added_tokens: [] }), "qwen2-tied")
    expect(remembering("<think>the fox")).toEqual(plain("<think>the fox"))
    expect(calls).toEqual(["<think", ">the", " fox"])
  })
})

test("SentencePiece's words depend on each other: such a tokenizer is left alone", () => {
  const encode = () => new Int32Array()
  const folder = "templates/mistral"
  expect(wordEncoder(read(folder, "tokenizer.json"), read(folder, "tokenizer_config.json"), encode)).toBe(encode)
})

test("a known word is not encoded again", () => {
  const { calls, remembering } = encoders(same, "qwen2-tied")
  remembering("the fox and the fox")
  expect(calls).toEqual(["the", " fox", " and", " the"])
  remembering("and the the fox")
  expect(calls.slice(4)).toEqual(["and"])
})

test("a long word is encoded by itself and not remembered", () => {
  const { calls, plain, remembering } = encoders(same, "qwen2-tied")
  const long = "x".repeat(100)
  for (const text of [`the${long}`, `the ${long}`, `the ${long}`]) expect(remembering(text)).toEqual(plain(text))
  expect(calls).toEqual([`the${long}`, "the", ` ${long}`, ` ${long}`])
})

const bytes = { type: "ByteLevel", add_prefix_space: false, use_regex: false }
const split = { type: "Split", pattern: { Regex: "\\s+" }, behavior: "Isolated", invert: false }

test.each<[string, Json]>([
  ["another pattern", { pre_tokenizer: { type: "Sequence", pretokenizers: [split, bytes] } }],
  ["another normalizer", { normalizer: { type: "Lowercase" } }],
  ["no pattern", { pre_tokenizer: { ...bytes, add_prefix_space: true, use_regex: true } }]
])("a tokenizer with %s is left alone", (_, change) => {
  const { calls, remembering } = encoders((json) => ({ ...json, ...change }), "qwen2-tied")
  remembering("the fox")
  remembering("the fox")
  expect(calls).toEqual(["the fox", "the fox"])
})
