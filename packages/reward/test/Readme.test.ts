import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here, and prints what it says", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  try {
    await import("./ReadmeExample.ts")
    expect(log.mock.calls).toEqual([
      ["0.883", "punctuation:no_comma: Satisfied, startend:quotation: Satisfied, brevity: Satisfied"],
      ["0.105", "punctuation:no_comma: NotSatisfied, startend:quotation: NotSatisfied, brevity: Satisfied"]
    ])
  } finally {
    log.mockRestore()
  }
})
