import { expect, jest, test } from "@jest/globals"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

test("the README's example is the file that runs here", async () => {
  expect(/```ts\n([\s\S]*?)```/.exec(read("../README.md"))![1]).toBe(read("./ReadmeExample.ts"))
  const log = jest.spyOn(console, "log").mockImplementation(() => undefined)
  try {
    await import("./ReadmeExample.ts")
    expect(log.mock.calls).toEqual([[64, "responses in each of", 20, "steps"]])
  } finally {
    log.mockRestore()
  }
})

test("the table of the README names every command", async () => {
  const { cli } = await import("../src/Cli.ts")
  const commands = cli.subcommands.flatMap((group) => group.commands.map((command) => command.name))
  // A command with subcommands has a row for each, or for some together.
  const named = new Set([...read("../README.md").matchAll(/^\| `ifrl ([a-z]+)[^|]*\|/gm)].map((match) => match[1]))
  expect([...named].toSorted()).toEqual(commands.toSorted())
})
