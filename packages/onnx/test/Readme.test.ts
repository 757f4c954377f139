import { expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import * as onnx from "../src/index.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

const block = (language: string): string => {
  const [, code] = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(readme) ?? []
  return code!
}

test("the example of the README runs and prints what it says", () => {
  const code = block("ts").replace(/import (\{.*\}) from "@ifrl\/onnx"/, "const $1 = onnx")
  const lines: Array<string> = []
  const bytes = new Function("onnx", "console", `${code}; return bytes`)(onnx, {
    log: (line: string) => lines.push(line)
  })
  expect(lines).toEqual([block("text")])
  expect(onnx.decodeModel(bytes).graph?.name).toBe("example")
})
