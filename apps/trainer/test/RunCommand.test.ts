import { NodeServices } from "@effect/platform-node"
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals"
import { Deferred, Effect, Fiber } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runCommand, type RunResult } from "../src/commands/RunCommand.ts"
import { CommandError, type Config, Debug, Display, Json, policyColumns, RunFolder, trainUnits } from "../src/index.ts"

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-command-"))
})
afterEach(() => rm(folder, { recursive: true }))

const tool = <E, R>(program: (config: Config, options: { resumed: boolean }) => Effect.Effect<RunResult, E, R>) =>
  Command.make("tool").pipe(
    Command.withSubcommands([runCommand("train", { description: "a test", units: trainUnits, program })]),
    Command.withGlobalFlags([Json, Debug])
  )

const run = <E>(
  program: (config: Config, options: { resumed: boolean }) => Effect.Effect<RunResult, E, Display | RunFolder>,
  ...args: ReadonlyArray<string>
) =>
  Effect.runPromise(
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Command.runWith(tool(program), { version: "0" })(args))
      return { exit, output: yield* TestConsole.logLines, errors: yield* TestConsole.errorLines }
    }).pipe(Effect.provide(TestConsole.layer), Effect.provide(NodeServices.layer))
  )

const twoSteps = (config: Config, { resumed }: { resumed: boolean }) =>
  Effect.gen(function*() {
    const display = yield* Display
    yield* display.begin("train", 2, policyColumns)
    yield* display.step(1, { reward: 0.5 })
    yield* display.step(2, { reward: 0.75 })
    return { summary: { steps: config.train.steps, resumed }, text: "done" }
  })

const flags = () => ["--name", "a", "--set", `run.folder=${folder}`, "--steps", "2"]
const read = async (name: string) => JSON.parse(await readFile(join(folder, "a", name), "utf8"))

describe("runCommand", () => {
  test("runs the program in a run folder, prints plain lines and writes the summary", async () => {
    const { exit, output } = await run(twoSteps, "train", ...flags())
    expect(exit).toMatchObject({ _tag: "Success" })
    expect(output).toEqual([
      `run ${join(folder, "a")}`,
      expect.stringMatching(/^step 1\/2 {2}reward 0\.500 {2}/),
      expect.stringMatching(/^step 2\/2 {2}reward 0\.750 {2}/),
      "done"
    ])
    expect(await read("summary.json")).toEqual({ steps: 2, resumed: false })
    expect(await read("config.json")).toMatchObject({ train: { steps: 2 } })
  })

  test("--json leaves one object on standard output and the progress on the error stream", async () => {
    const { errors, output } = await run(twoSteps, "train", ...flags(), "--json")
    expect(output).toEqual(["{\"steps\":2,\"resumed\":false}"])
    expect(errors).toHaveLength(3)
  })

  test("--resume goes on in the folder under its config, with flags over it", async () => {
    await run(twoSteps, "train", ...flags(), "--seed", "5")
    const resumed = await run(twoSteps, "train", "--resume", join(folder, "a"), "--steps", "9", "--json")
    expect(resumed.output).toEqual(["{\"steps\":9,\"resumed\":true}"])
    expect(await read("config.json")).toMatchObject({ train: { steps: 9, seed: 5 } })
    const { exit } = await run(twoSteps, "train", "--resume", join(folder, "a"), "--config", "other.yaml")
    expect(String(exit)).toMatch(/a resumed run has a config/)
    const elsewhere = await run(twoSteps, "train", "--resume", join(folder, "b"))
    expect(String(elsewhere.exit)).toContain(`--resume ${join(folder, "b")}: there is no run`)
  })

  test("a program that fails leaves no summary", async () => {
    const error = new CommandError({ operation: "train", subject: "step 1", reason: "NaN", remedy: "lower the rate" })
    const { exit } = await run(() => Effect.fail(error), "train", ...flags())
    expect(exit).toMatchObject({ _tag: "Failure" })
    await expect(read("summary.json")).rejects.toThrow(/ENOENT/)
  })

  test("a run that fails before it has left anything does not take its name; one that has keeps its folder", async () => {
    const error = new CommandError({ operation: "train", subject: "modle", reason: "does not exist", remedy: "correct it" })
    await run(() => Effect.fail(error), "train", ...flags())
    await expect(read("config.json")).rejects.toThrow(/ENOENT/)
    const begun = () => Effect.andThen(Effect.flatMap(RunFolder, (folder) => folder.appendCompletions([{ step: 1 }])), Effect.fail(error))
    await run(begun, "train", ...flags())
    expect(await read("config.json")).toMatchObject({ run: { name: "a" } })
    expect(String((await run(twoSteps, "train", ...flags())).exit)).toContain("already holds a run of ifrl train")
  })

  test("an interruption says how to go on", async () => {
    const errors = await Effect.runPromise(
      Effect.gen(function*() {
        const begun = yield* Deferred.make<void>()
        const program = () => Deferred.succeed(begun, undefined).pipe(Effect.andThen(Effect.never))
        const fiber = yield* Effect.forkChild(Command.runWith(tool(program), { version: "0" })(["train", ...flags()]))
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(fiber)
        return yield* TestConsole.errorLines
      }).pipe(Effect.provide(TestConsole.layer), Effect.provide(NodeServices.layer))
    )
    expect(errors).toEqual([`ifrl: go on with: ifrl train --resume ${join(folder, "a")}`])
  })

  test("--dry-run prints units from config.json alone and makes no folder", async () => {
    const model = join(folder, "model")
    await mkdir(model)
    await writeFile(join(model, "config.json"), JSON.stringify({
      architectures: ["Qwen2ForCausalLM"],
      model_type: "qwen2",
      vocab_size: 100,
      hidden_size: 16,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      intermediate_size: 32,
      tie_word_embeddings: true
    }))
    const program = () => Effect.die("a dry run runs nothing")
    const { output } = await run(program, "train", ...flags(), "--dry-run", "--json", "--model", model)
    expect(output).toHaveLength(1)
    // 100 x 16 embedding; a layer: q 256 + 16, k and v 128 + 8 each, o 256, gate, up and down 512 each, two norms 16 each;
    // the last norm 16.
    expect(JSON.parse(String(output[0]))).toMatchObject({
      steps: 2,
      responsesPerStep: 128,
      parameters: 1600 + 2 * (272 + 272 + 256 + 1536 + 32) + 16,
      memoryMB: { total: expect.any(Number) },
      minutesPerStep: { total: expect.any(Number) }
    })
    await expect(read("config.json")).rejects.toThrow(/ENOENT/)
  })
})
