import { describe, expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { cp, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type ChatMessage, loadTokenizer, ModelError } from "../src/index.ts"
import { failure, fixture, run, withFolder } from "./support.ts"

interface Expected {
  readonly cases: ReadonlyArray<{ text: string; ids: Array<number>; decoded: string; visible: string }>
  readonly chats: ReadonlyArray<
    { messages: Array<ChatMessage> } & Record<"open" | "closed", { text: string; ids: Array<number> }>
  >
  readonly partial: ReadonlyArray<readonly [Array<number>, string]>
  readonly eos: number
  readonly pad: number
}
const expected = JSON.parse(readFileSync(fixture("tokenizer", "expected.json"), "utf8")) as Expected

/** A copy of the fixture folder with files changed (null removes one). */
const withFiles = <A>(changes: Record<string, unknown>, use: (folder: string) => Promise<A>) =>
  withFolder(async (folder) => {
    await cp(fixture("qwen2-tied"), folder, { recursive: true })
    for (const [name, value] of Object.entries(changes)) {
      const file = join(folder, name)
      if (value === null) await rm(file)
      else if (typeof value === "string") await writeFile(file, value)
      else await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), ...(value as object) }))
    }
    return use(folder)
  })

describe("against Python", () => {
  test("ids and decoded text of every case", async () => {
    const tokenizer = await run(loadTokenizer(fixture("qwen2-tied")))
    for (const { decoded, ids, text, visible } of expected.cases) {
      expect([text, ...tokenizer.encode(text)]).toEqual([text, ...ids])
      expect(tokenizer.decode(ids)).toBe(decoded)
      expect(tokenizer.decode(Int32Array.from(ids), { skipSpecial: true })).toBe(visible)
    }
    // Cut characters and ids beyond the vocabulary.
    for (const [ids, text] of expected.partial) expect(tokenizer.decode(ids)).toBe(text)
  })

  test("chat template with and without the generation prompt", async () => {
    const tokenizer = await run(loadTokenizer(fixture("qwen2-tied")))
    for (const { closed, messages, open } of expected.chats) {
      expect(tokenizer.renderChat(messages)).toBe(closed.text)
      expect([...tokenizer.applyChatTemplate(messages)]).toEqual(closed.ids)
      expect(tokenizer.renderChat(messages, { addGenerationPrompt: true })).toBe(open.text)
      expect([...tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true })]).toEqual(open.ids)
    }
  })
})

describe("where transformers.js departs from Python", () => {
  const json = (...names: ReadonlyArray<string>) =>
    JSON.parse(readFileSync(fixture(...names), "utf8")) as Record<string, unknown>
  const addedWith = (change: Record<string, unknown>) => ({
    added_tokens: (json("qwen2-tied", "tokenizer.json")["added_tokens"] as Array<object>).map((token) => ({
      ...token,
      ...change
    }))
  })

  // Llama 3 asks for it; without a word, transformers.js does it all the same.
  test.each([true, undefined])("spaces before punctuation stay where the config's clean-up is %s", async (cleanUp) => {
    await withFiles({ "tokenizer_config.json": { clean_up_tokenization_spaces: cleanUp } }, async (folder) => {
      const tokenizer = await run(loadTokenizer(folder))
      const text = "Well , it 's\n .x do n't ?"
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    })
  })

  test("tokens with a role are special though the file doesn't say so", async () => {
    const changes = {
      "tokenizer.json": addedWith({ special: false }),
      "tokenizer_config.json": { added_tokens_decoder: {}, additional_special_tokens: [], pad_token: "<|endoftext|>" }
    }
    await withFiles(changes, async (folder) => {
      const tokenizer = await run(loadTokenizer(folder))
      const tokens = tokenizer.encode("<|im_start|>a<|im_end|><think><|endoftext|>")
      expect(tokenizer.decode(tokens, { skipSpecial: true })).toBe("<|im_start|>a<think>")
    })
  })

  test("words that only count as a whole are refused", async () => {
    await withFiles({ "tokenizer.json": addedWith({ single_word: true }) }, async (folder) => {
      expect((await failure(loadTokenizer(folder))).message).toContain('"<think>" that counts as a whole word only')
    })
  })

  test("bytes that stand for characters: U+FEFF stays, and each byte of what is cut is replaced", async () => {
    const tokenizer = await run(loadTokenizer(fixture("templates", "mistral")))
    expect([...tokenizer.encode("a\ufeffb")]).toEqual([326, 244, 192, 196, 287])
    expect(tokenizer.decode([326, 244, 192, 196, 287])).toBe("a\ufeffb")
    expect(tokenizer.decode([231, 135])).toBe("\ufffd\ufffd")
  })

  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true }
  const digits = { type: "Digits", individual_digits: true }
  test.each([
    ["GPT-2's", bytes, "a  \u0085 b", [64, 261, 126, 227, 302]],
    ["SmolLM2's", { type: "Sequence", pretokenizers: [digits, bytes] }, "a  \u00bd\u0663", [64, 261, 126, 121, 149, 96]]
  ])("%s words are cut at Unicode's white space and digits", async (_, cut, text, ids) => {
    await withFiles({ "tokenizer.json": { pre_tokenizer: cut } }, async (folder) => {
      expect([...(await run(loadTokenizer(folder))).encode(text)]).toEqual(ids)
    })
  })
})

test("a thought goes by the names that transformers knows", async () => {
  const chatTemplate = "{{ messages[0].keys() | join(' ') }}: {{ messages[0].reasoning_content }}"
  await withFiles({ "chat_template.jinja": chatTemplate }, async (folder) => {
    const tokenizer = await run(loadTokenizer(folder))
    // What transformers 5.23 renders.
    const rows: ReadonlyArray<readonly [Record<string, unknown>, string]> = [
      [{ reasoning: "r" }, "thinking role content reasoning reasoning_content: r"],
      [{ thinking: "t", reasoning: "r" }, "thinking role content reasoning reasoning_content: t"],
      [{ reasoning_content: "", thinking: "t" }, "thinking role content reasoning_content: "],
      [{ reasoning_content: null }, "role content reasoning_content: None"]
    ]
    for (const [thought, text] of rows) {
      const message = { role: "assistant", content: "a", ...thought } as ChatMessage
      expect(tokenizer.renderChat([message])).toBe(text)
    }
  })
})

describe("special tokens", () => {
  test("several EOS ids come from generation_config.json", async () => {
    const tokenizer = await run(loadTokenizer(fixture("qwen2-tied")))
    expect(tokenizer.eosIds).toEqual([2, 1])
    expect(tokenizer.padId).toBe(expected.pad)
    expect(tokenizer.vocabSize).toBe(316)
  })
  test("else from config.json, else from the tokenizer", () =>
    withFiles({ "generation_config.json": null }, async (folder) => {
      expect((await run(loadTokenizer(folder))).eosIds).toEqual([2])
      await rm(join(folder, "config.json"))
      expect((await run(loadTokenizer(folder))).eosIds).toEqual([expected.eos])
    }))
})

describe("templates", () => {
  test("chat_template.jinja comes before tokenizer_config.json", () =>
    withFiles({ "chat_template.jinja": "{{ messages[0].content | upper }}{{ suffix }}" }, async (folder) => {
      const tokenizer = await run(loadTokenizer(folder))
      expect(tokenizer.renderChat([{ role: "user", content: "hi" }], { variables: { suffix: "!" } })).toBe("HI!")
    }))
  test("a missing template and a refused conversation are ModelErrors", () =>
    withFiles({ "tokenizer_config.json": { chat_template: null } }, async (folder) => {
      const none = await run(loadTokenizer(folder))
      expect(() => none.applyChatTemplate([{ role: "user", content: "hi" }])).toThrow(
        /has no chat template.*chat_template\.jinja/
      )
      expect(() => none.applyChatTemplate([{ role: "user", content: "hi" }])).toThrow(ModelError)
      await writeFile(join(folder, "chat_template.jinja"), "{{ raise_exception('roles must alternate') }}")
      const strict = await run(loadTokenizer(folder))
      expect(() => strict.renderChat([])).toThrow(/refuses the conversation: .*roles must alternate/)
    }))
})

describe("refusals", () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ["a missing tokenizer.json", { "tokenizer.json": null }, /tokenizer\.json: does not exist/],
    ["a missing tokenizer_config.json", { "tokenizer_config.json": null }, /tokenizer_config\.json: does not exist/],
    ["broken JSON", { "tokenizer.json": '{"model":' }, /tokenizer\.json: is not JSON/],
    ["no tokenizer at all", { "tokenizer.json": "{}" }, /is no tokenizer that transformers\.js reads/],
    ["an EOS id without a token", { "generation_config.json": { eos_token_id: [2, 318] } }, /no token with the id 318/]
  ])("%s", (_, changes, message) =>
    withFiles(changes, async (folder) => {
      expect((await failure(loadTokenizer(folder))).message).toMatch(message)
    })
  )

  test("a vocabulary larger than the embedding", async () => {
    const error = await failure(loadTokenizer(fixture("qwen2-tied"), { embeddingRows: 315 }))
    expect(error.message).toMatch(/token ids up to 315 and the model's embedding has 315 rows/)
  })
})
