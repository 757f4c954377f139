import { expect, test } from "@jest/globals"
import { continuationOf, loadTokenizer, prefilledThought } from "../src/index.ts"
import { fixture, run } from "./support.ts"

const open = "<｜User｜>hi<｜Assistant｜><think>\n"
const none = "<|im_start|>assistant\n<think>\n\n</think>\n\n"
const plain = "<|im_start|>assistant\n"

test.each([
  [plain, "\nHi.", "\nHi."],
  [plain, "<think>\na\n</think>\n\nb", "<think>\na\n</think>\n\nb"],
  ["What is <think>?<|im_end|>\n<|im_start|>assistant\n", "x", "x"],
  [open, "<think>\na\n</think>\n\nb", "a\n</think>\n\nb"],
  [open, "<think>a</think>b", "a</think>b"],
  [open, "a</think>b", "a</think>b"],
  [open, "b", undefined],
  [open, "<think>never closed", undefined],
  [none, "b", "b"],
  [none, "<think>\n\n</think>\n\nb", "b"],
  [none, "<think>\na\n</think>\n\nb", undefined]
])("%j, %j", (prompt, answer, wanted) => expect(continuationOf(prompt, answer)).toBe(wanted))

test("prompts of the templates", async () => {
  const prompt = async (name: string, variables = {}) => {
    const tokenizer = await run(loadTokenizer(fixture("templates", name)))
    return tokenizer.renderChat([{ role: "user", content: "hi" }], { addGenerationPrompt: true, variables })
  }
  expect(prefilledThought(await prompt("r1-distill"))).toBe("<think>\n")
  expect(prefilledThought(await prompt("qwen3", { enable_thinking: false }))).toBe("<think>\n\n</think>\n\n")
  for (const name of ["qwen3", "qwen2.5", "llama-3"]) expect(prefilledThought(await prompt(name))).toBe("")
})

test("a variable for every conversation, which a call can overrule", async () => {
  const tokenizer = await run(
    loadTokenizer(fixture("templates", "qwen3"), { templateVariables: { enable_thinking: false } })
  )
  const render = (variables?: Record<string, unknown>) =>
    tokenizer.renderChat([{ role: "user", content: "hi" }], {
      addGenerationPrompt: true,
      ...(variables === undefined ? {} : { variables })
    })
  expect(render().endsWith("<think>\n\n</think>\n\n")).toBe(true)
  expect(render({ enable_thinking: true }).endsWith("assistant\n")).toBe(true)
})

test("thoughts of earlier turns are dropped where the template drops them", async () => {
  const messages = [
    { role: "user", content: "one" },
    { role: "assistant", content: "<think>\nsecret\n</think>\n\nfirst" },
    { role: "user", content: "two" }
  ]
  const render = async (name: string) =>
    (await run(loadTokenizer(fixture("templates", name)))).renderChat(messages, { addGenerationPrompt: true })
  for (const name of ["qwen3", "r1-distill"]) expect(await render(name)).not.toContain("secret")
  for (const name of ["qwen2.5", "llama-3"]) expect(await render(name)).toContain("secret")
})
