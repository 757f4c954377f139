// What a preset asks of a machine, before anything is loaded.
import { NodeServices } from "@effect/platform-node"
import { expect, test } from "@jest/globals"
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { cli } from "../src/index.ts"

test.each(["paper", "verl-if"])("a dry run of %s tells 384 prompts, 1,920 responses and 4 updates", async (preset) => {
  const lines = await Effect.runPromise(
    Command.runWith(cli, { version: "0" })(["train", "--preset", preset, "--dry-run"]).pipe(
      Effect.andThen(TestConsole.logLines),
      Effect.provide(Layer.merge(NodeServices.layer, TestConsole.layer))
    )
  )
  const text = lines.join("\n")
  expect(text).toMatch(/^prompts per step +384$/m)
  expect(text).toMatch(/^responses per step +1,920$/m)
  expect(text).toMatch(/^updates per rollout +4$/m)
})
