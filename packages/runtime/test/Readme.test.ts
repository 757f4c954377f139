import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { descent } from "./Models.ts"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here, and prints what it says", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const directory = await mkdtemp(join(tmpdir(), "ifrl-readme-"))
  const before = process.cwd()
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  try {
    await writeFile(join(directory, "descent.onnx"), descent())
    process.chdir(directory)
    await import("./ReadmeExample.ts")
    expect(log.mock.calls).toEqual([[[0.125, 0.25, 0.375]]])
  } finally {
    process.chdir(before)
    log.mockRestore()
    await rm(directory, { recursive: true })
  }
})
