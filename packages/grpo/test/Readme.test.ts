import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here, and prints what it says", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  try {
    await import("./ReadmeExample.ts")
    expect(log.mock.calls).toEqual([
      ["1.044 -0.095 -0.949", false],
      ["0.707 0.000 -0.707", false],
      ["0.000 0.000 0.000", true],
      [0.25, 0.125]
    ])
  } finally {
    log.mockRestore()
  }
})
