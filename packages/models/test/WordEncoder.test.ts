import { PreTrainedTokenizer } from "@huggingface/transformers"
import { describe, expect, test } from "@jest/globals"
import { philox } from "@ifrl/runtime"
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

const pieces = [
  ..."fox|Fox| the|don't|12|7|12345|.|...| (|-|_|Followed:|Constraint: |<|im_|'s|'S|'RE|'re|".split("|"),
  ..." |  |\n|\r\n|\n\n|\t|)\n|?!\r\n|\u0085|\ufeff|\u00a0|\u2003|\u3000".split("|"),
  ..."'\u017f|\u00bd|\u0663|e\u0301|\u0301|\u00e9|\u1100\u1161|\u4f60\u597d|\u200d|\u{1f600}|\u{1f1e9}\u{1f1ea}|\ud83d".split("|"),
  "x".repeat(70),
  "<|im_end|>"
]

const texts = Array.from({ length: 1500 }, (_, row) => {
  const u = philox({ seed: 11, step: 0, row }, 13)
  return Array.from({ length: Math.floor(u[12]! * 12) }, (_, i) => pieces[Math.floor(u[i]! * pieces.length)]).join("")
})

const same = (tokenizer: Json) => tokenizer

describe.each(["templates/qwen2.5", "templates/qwen3", "templates/llama-3", "templates/r1-distill", "qwen2-tied"])(
  "%s",
  (folder) => {
    test("random texts of awkward pieces have the tokens that transformers.js gives them", () => {
      const { plain, remembering } = encoders(same, folder)
      for (const text of texts) expect([text, remembering(text)]).toEqual([text, plain(text)])
    })
  }
)

test("a known word is not encoded again", () => {
  const { calls, remembering } = encoders(same, "qwen2-tied")
  remembering("the fox and the fox")
  expect(calls).toEqual(["the", " fox", " and", " the"])
  remembering("and the the fox")
  expect(calls.slice(4)).toEqual(["and"])
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
