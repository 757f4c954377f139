import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here, and prints what it should", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  await import("./ReadmeExample.ts")
  const printed = log.mock.calls.map(([value]) => value)
  log.mockRestore()
  expect(printed).toEqual([
    [
      "level  instructions  constraints  soft  hard",
      "   L1             1            1     0     1",
      "   L2             1            2     0     2",
      "   L3             1            3     1     2",
      "  all             3            6     1     5"
    ].join("\n"),
    [
      "Describe a rainy day. Use no commas.",
      "Describe a rainy day. Use no commas. Write exactly 2 bullet points."
    ],
    3
  ])
})
