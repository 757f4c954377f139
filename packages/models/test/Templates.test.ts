import { describe, expect, test } from "@jest/globals"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { type ChatMessage, loadTokenizer, ModelError } from "../src/index.ts"
import { fixture, run } from "./support.ts"

interface Row {
  readonly messages: ReadonlyArray<ChatMessage>
  readonly generate: boolean
  readonly tools?: number
  readonly thinking?: boolean
}

const json = (name: string): unknown => JSON.parse(readFileSync(fixture("templates", name), "utf8"))
const { conversations, tools } = json("conversations.json") as {
  readonly conversations: ReadonlyArray<Row>
  readonly tools: ReadonlyArray<unknown>
}
/** Digests of text and tokens, and the number of tokens; null where Python's template refuses. */
const expected = json("expected.json") as Readonly<Record<string, ReadonlyArray<[string, string, number] | null>>>

const digest = (data: string | Int32Array) =>
  createHash("sha256")
    .update(typeof data === "string" ? data : new Uint8Array(data.buffer))
    .digest("hex")
    .slice(0, 16)

describe.each(Object.keys(expected))("%s", (name) => {
  test("text and tokens of 200 conversations are those of Python's apply_chat_template", async () => {
    const tokenizer = await run(loadTokenizer(fixture("templates", name)))
    const found = conversations.map(({ generate, messages, thinking, tools: count }) => {
      const options = {
        addGenerationPrompt: generate,
        variables: {
          ...(count === undefined ? {} : { tools: tools.slice(0, count) }),
          ...(thinking === undefined ? {} : { enable_thinking: thinking })
        }
      }
      try {
        const tokens = tokenizer.applyChatTemplate(messages, options)
        return [digest(tokenizer.renderChat(messages, options)), digest(tokens), tokens.length]
      } catch (error) {
        expect(error).toBeInstanceOf(ModelError)
        return null
      }
    })
    expect(found.length).toBe(200)
    expect(found).toEqual(expected[name])
  })
})

test("every id that may end an answer is known, special tokens too", async () => {
  const ends = { "qwen2.5": 2, qwen3: 2, "r1-distill": 1, "llama-3": 3, mistral: 1 }
  for (const [name, count] of Object.entries(ends)) {
    const tokenizer = await run(loadTokenizer(fixture("templates", name)))
    expect([name, tokenizer.eosIds.length]).toEqual([name, count])
    const end = {
      "qwen2.5": "<|im_end|>",
      qwen3: "<|im_end|>",
      "r1-distill": "<｜end▁of▁sentence｜>",
      "llama-3": "<|eot_id|>",
      mistral: "</s>"
    }
    expect(tokenizer.decode([tokenizer.endId!])).toBe(end[name as keyof typeof end])
    for (const id of tokenizer.eosIds) expect(tokenizer.decode([id], { skipSpecial: true })).toBe("")
  }
})
