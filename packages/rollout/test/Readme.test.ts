import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  try {
    await import("./ReadmeExample.ts")
    expect(log.mock.calls.map(([index]) => index)).toEqual([0, 1, 2, 3])
    for (const [, text, logProb, stopReason] of log.mock.calls) {
      expect(typeof JSON.parse(text as string)).toBe("string")
      expect(Number(logProb)).toBeLessThan(0)
      expect(["stop", "length"]).toContain(stopReason)
    }
  } finally {
    log.mockRestore()
  }
})
