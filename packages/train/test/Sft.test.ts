// Rows of supervised fine-tuning through chat templates that begin the answer themselves (fixtures of @ifrl/models).
import { NodeServices } from "@effect/platform-node"
import { expect, test } from "@jest/globals"
import { loadTokenizer } from "@ifrl/models"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { supervisedRow, TrainError } from "../src/index.ts"

const tokenizerOf = (name: string) =>
  Effect.runPromise(
    loadTokenizer(fileURLToPath(new URL(`../../models/test/fixtures/templates/${name}`, import.meta.url))).pipe(
      Effect.provide(NodeServices.layer)
    )
  )

const conversation = (answer: string) => ({
  id: "c",
  messages: [{ role: "user", content: "Name a port." }, { role: "assistant", content: answer }]
})

test("a prefilled thought is learnt once, and the row is what the template makes of the conversation", async () => {
  const tokenizer = await tokenizerOf("r1-distill")
  const row = supervisedRow(conversation("<think>\nBrest will do.\n</think>\n\nBrest"), tokenizer, 200)
  const text = tokenizer.decode(row.tokens)
  expect(text.split("<think>").length).toBe(2)
  expect(text.endsWith("<｜Assistant｜><think>\nBrest will do.\n</think>\n\nBrest<｜end▁of▁sentence｜>")).toBe(true)
  expect(tokenizer.decode(row.tokens.subarray(row.promptLength)).startsWith("Brest will do.")).toBe(true)
})

test("an answer without a thought after a prefilled one is refused", async () => {
  const tokenizer = await tokenizerOf("r1-distill")
  expect(() => supervisedRow(conversation("Brest"), tokenizer, 200)).toThrow(TrainError)
  expect(() => supervisedRow(conversation("Brest"), tokenizer, 200)).toThrow(/ends the prompt with .*<think>\\n/)
})

test("without a prefilled thought the answer is learnt as it is, and ends as the template ends it", async () => {
  for (const [name, end] of [["qwen3", "<|im_end|>"], ["llama-3", "<|eot_id|>"]] as const) {
    const tokenizer = await tokenizerOf(name)
    const answer = "<think>\nA port.\n</think>\n\nBrest"
    const row = supervisedRow(conversation(answer), tokenizer, 300)
    expect(tokenizer.decode(row.tokens.subarray(row.promptLength))).toBe(answer + end)
  }
})

test("an answer of any length is refused by its length", async () => {
  const tokenizer = await tokenizerOf("qwen3")
  expect(() => supervisedRow(conversation("Brest or Oslo. ".repeat(40_000)), tokenizer, 300)).toThrow(/^sft: c: \d{6} tokens do not fit into 300/)
})
