import { describe, expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { chatMlTemplate, ModelError, trainTokenizer } from "../src/index.ts"
import { fixture } from "./support.ts"

const json = (...names: ReadonlyArray<string>) =>
  JSON.parse(readFileSync(fixture(...names), "utf8")) as Record<string, any>
const corpus = readFileSync(fixture("tokenizer", "corpus.txt"), "utf8").split("\n")

describe("trainTokenizer", () => {
  test("learns the merges and ids that Hugging Face's trainer learns", () => {
    const { model } = trainTokenizer(corpus, { vocabSize: 1000 }).tokenizer as Record<string, any>
    const { merges, vocab } = json("tokenizer", "expected.json")["trained"]
    expect(model.merges).toEqual(merges)
    expect(model.vocab).toEqual(vocab)
  })

  test("is repeatable: the committed tokenizer comes out again", () => {
    const options = {
      vocabSize: 316,
      addedTokens: ["<think>", "</think>"],
      specialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
      eosToken: "<|im_end|>",
      padToken: "<|endoftext|>",
      maxLength: 256
    }
    const { config, tokenizer } = trainTokenizer(corpus, options)
    expect(tokenizer).toEqual(json("qwen2-tied", "tokenizer.json"))
    expect(config).toEqual(json("qwen2-tied", "tokenizer_config.json"))
    expect(config["chat_template"]).toBe(chatMlTemplate)
  })

  test("breaks ties towards the lower pair of ids, overlapping pairs included", () => {
    const { model } = trainTokenizer(["ba ba ab ab", "aaaa"], { vocabSize: 300 }).tokenizer as Record<string, any>
    // (a, a) stands three times; of the pairs that stand twice (a, b) has the lowest ids.
    expect(model.merges.slice(0, 2)).toEqual(["a a", "a b"])
    expect(model.vocab["aaaa"]).toBeDefined()
  })

  test("stops when no pair is left", () => {
    const { tokenizer } = trainTokenizer(["ab"], { vocabSize: 300, specialTokens: ["<e>"] })
    expect((tokenizer as Record<string, any>)["model"].merges).toEqual(["a b"])
    expect((tokenizer as Record<string, any>)["added_tokens"][0].id).toBe(257)
  })

  test.each([
    ["vocabSize", { vocabSize: 256, specialTokens: ["<e>"] }],
    ["specialTokens", { vocabSize: 300, specialTokens: ["<e>", "<e>"] }],
    ["eosToken", { vocabSize: 300, eosToken: "<e>" }]
  ])("refuses a bad %s by name", (key, options) => {
    expect(() => trainTokenizer(["a"], options)).toThrow(ModelError)
    expect(() => trainTokenizer(["a"], options)).toThrow(`key "${key}"`)
  })
})
