import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { objectives, presets } from "../src/index.ts"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")
const readme = read("../README.md")

test("the README's example is the file that runs here, and prints what it says", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(readme)![1]).toBe(read("./ReadmeExample.ts"))
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  try {
    await import("./ReadmeExample.ts")
    expect(log.mock.calls).toEqual([
      ["0.707 -0.707 0.000"],
      [{ advantages: [0, 0, 0], degenerate: true }],
      ["-0.237357", ["-0.1416 0.0004 -0.1563", "-0.0010 0.1277"]],
      [0.2, 0.2, "0.0242"]
    ])
  } finally {
    log.mockRestore()
  }
})

/** `a.b = c`, one after another. */
const listed = (values: object, path = ""): string =>
  Object.entries(values).map(([key, value]) =>
    typeof value === "object" && value !== null ? listed(value, `${path}${key}.`) : `\`${path}${key}: ${value}\``).join(", ")

test("the README's table of objectives is the code's", () => {
  const table = Object.entries(objectives).map(([name, { about, defaults, surrogate }]) =>
    `| \`${name}\` | \`${surrogate}\` | ${listed(defaults)} | ${about} |`)
  expect(readme).toContain(table.join("\n"))
})

test("the README's table of presets is the code's", () => {
  const table = Object.entries(presets).map(([name, { about, origin }]) => `| \`${name}\` | ${about} | ${origin} |`)
  expect(readme).toContain(table.join("\n"))
})
