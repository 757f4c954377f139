// What a preset asks of a machine, before anything is loaded.
import { expect, test } from "@jest/globals"
import { runCli } from "./runCli.ts"

test.each(["paper", "verl-if"])("a dry run of %s tells 384 prompts, 1,920 responses and 4 updates", async (preset) => {
  const { output } = await runCli("train", "--preset", preset, "--dry-run")
  const text = output.join("\n")
  expect(text).toMatch(/^prompts per step +384$/m)
  expect(text).toMatch(/^responses per step +1,920$/m)
  expect(text).toMatch(/^updates per rollout +4$/m)
})
