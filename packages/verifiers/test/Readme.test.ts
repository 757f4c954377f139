import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here, and prints what it says", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  try {
    await import("./ReadmeExample.ts")
    const calls = log.mock.calls
    expect(typeof calls[0]![0]).toBe("string")
    expect(calls.slice(1)).toEqual([
      [{ _tag: "Decided", followed: true }],
      ["Decided", { _tag: "Decided", followed: true }],
      ["InvalidKwargs"]
    ])
  } finally {
    log.mockRestore()
  }
})
