import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here, and prints what it says", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  try {
    await import("./ReadmeExample.ts")
    expect(log.mock.calls).toEqual([
      [{ value: 2 / 3, followed: 2, count: 3 }, { value: 5 / 6, followed: 5, count: 6 }],
      ["0.67", 0, 1]
    ])
  } finally {
    log.mockRestore()
  }
})
