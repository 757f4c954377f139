import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { run, withFolder } from "./support.ts"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here, and prints what it says", () =>
  withFolder(async (folder) => {
    expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
    const before = process.cwd()
    const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
    try {
      process.chdir(folder)
      await run((await import("./ReadmeExample.ts")).example)
      expect(log.mock.calls).toEqual([
        ["<|im_start|>user\nWho is late?<|im_end|>\n<|im_start|>assistant\n"],
        [[128, 64]],
        [["B", "T", 64], "model.embed_tokens.weight"]
      ])
    } finally {
      process.chdir(before)
      log.mockRestore()
    }
  }))
