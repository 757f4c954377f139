import { beforeAll, describe, expect, test } from "@jest/globals"
import { type ChatTokenizer, chatMlTemplate, makeTokenizer, trainTokenizer } from "@ifrl/models"
import { Effect } from "effect"
import { buildWorld, corpus } from "../../src/world/index.ts"

const rows = buildWorld({ seed: 1, train: 1500, validation: 0, heldOut: 0 }).train
const demonstrations = [...corpus({ seed: 1, rows, count: 3000 })]

describe("a byte-level vocabulary of 1,536 tokens trained on the corpus", () => {
  let tokenizer: ChatTokenizer
  beforeAll(async () => {
    const files = trainTokenizer(demonstrations.map(({ messages }) => messages.map(({ content, role }) => `${role}\n${content}`).join("\n")), {
      vocabSize: 1536,
      specialTokens: ["<|im_start|>", "<|im_end|>", "<|endoftext|>"],
      addedTokens: ["<think>", "</think>"],
      eosToken: "<|im_end|>",
      padToken: "<|endoftext|>",
      chatTemplate: chatMlTemplate
    })
    tokenizer = await Effect.runPromise(makeTokenizer(files))
  })

  test("writes prompts in at most 64 tokens and responses in at most 80, half of that in the mean", () => {
    const some = demonstrations.slice(0, 1000)
    const prompts = some.map(({ messages }) => tokenizer.applyChatTemplate(messages.slice(0, 1), { addGenerationPrompt: true }).length)
    const responses = some.map(({ messages }) => tokenizer.encode(messages[1].content).length + 1)
    const mean = (xs: ReadonlyArray<number>) => xs.reduce((sum, x) => sum + x, 0) / xs.length
    expect(Math.max(...prompts)).toBeLessThanOrEqual(64)
    expect(Math.max(...responses)).toBeLessThanOrEqual(80)
    expect(mean(prompts)).toBeLessThan(32)
    expect(mean(responses)).toBeLessThan(40)
  })

  test("gives responses back character by character, thought included, special tokens skipped", () => {
    for (const { messages: [, { content }] } of demonstrations.slice(0, 300)) {
      expect(tokenizer.decode(tokenizer.encode(`${content}<|im_end|>`), { skipSpecial: true })).toBe(content)
    }
  })
})
