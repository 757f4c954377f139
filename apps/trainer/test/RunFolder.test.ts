import { NodeServices } from "@effect/platform-node"
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals"
import { Effect, Schema } from "effect"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Config, RunFolder } from "../src/index.ts"

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-run-"))
})
afterEach(() => rm(folder, { recursive: true }))

const config = (name: string) => Schema.decodeUnknownSync(Config)({ run: { folder, name } })
const within = <A, E>(name: string, effect: Effect.Effect<A, E, RunFolder>, resume?: string, command = "train") =>
  Effect.runPromise(effect.pipe(Effect.provide(RunFolder.layer(command, config(name), resume)), Effect.provide(NodeServices.layer)))

describe("RunFolder", () => {
  test("holds the complete config, completions and the summary", async () => {
    await within("a", Effect.gen(function*() {
      const run = yield* RunFolder
      yield* run.appendCompletions([{ step: 1 }, { step: 2 }])
      yield* run.appendCompletions([{ step: 3 }])
      yield* run.rewindCompletions(2)
      yield* run.appendCompletions([{ step: 3 }])
      yield* run.writeSummary({ steps: 3 })
    }))
    expect((await readdir(join(folder, "a"))).toSorted()).toEqual(["checkpoints", "completions.jsonl", "config.json", "run.json", "summary.json"])
    expect(JSON.parse(await readFile(join(folder, "a/config.json"), "utf8"))).toEqual(config("a"))
    expect(await readFile(join(folder, "a/completions.jsonl"), "utf8")).toBe("{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n")
    expect(JSON.parse(await readFile(join(folder, "a/summary.json"), "utf8"))).toEqual({ steps: 3 })
  })

  test("is named after the command and the time when it has no name", async () => {
    await within("", RunFolder)
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^train-\d{4}-\d{2}-\d{2}-\d{6}$/)])
  })

  test("refuses a folder that holds a run, and says how to go on", async () => {
    await within("a", RunFolder)
    await expect(within("a", RunFolder)).rejects.toThrow(/a: already holds a run of ifrl train; go on with --resume .*a, or choose another --name/)
    await expect(within("a", RunFolder, join(folder, "a"))).resolves.toMatchObject({ directory: join(folder, "a") })
  })

  test("a resumed run's config replaces the one before when it is told to, not before", async () => {
    await within("a", RunFolder)
    const resumed = { ...config("a"), train: { ...config("a").train, steps: 7 } }
    const stepsThen = (effect: Effect.Effect<unknown, unknown, RunFolder>) =>
      Effect.runPromise(
        effect.pipe(Effect.provide(RunFolder.layer("train", resumed, join(folder, "a"))), Effect.provide(NodeServices.layer))
      ).then(() => readFile(join(folder, "a/config.json"), "utf8")).then((text) => JSON.parse(text).train.steps)
    expect(await stepsThen(RunFolder)).toBe(100)
    expect(await stepsThen(Effect.flatMap(RunFolder, (run) => run.keepConfig))).toBe(7)
  })

  test("is gone on with by the command that made it alone, which another would write over", async () => {
    const directory = join(folder, "a")
    await within("a", RunFolder, undefined, "reward train")
    await expect(within("a", RunFolder, directory, "eval")).rejects.toThrow(
      `${directory}: holds a run of ifrl reward train, which ifrl eval would write over; go on with ifrl reward train --resume ${directory}`
    )
    await expect(within("a", RunFolder, undefined, "eval")).rejects.toThrow(/already holds a run of ifrl reward train; choose another --name$/)
    await expect(within("a", RunFolder, directory, "reward train")).resolves.toMatchObject({ directory })
    await rm(join(directory, "run.json")) // as before there was one
    await expect(within("a", RunFolder, directory, "eval")).resolves.toMatchObject({ directory })
  })

  test("is written by one process: one that another has gone on after fails at its next step, and adds nothing", async () => {
    const directory = join(folder, "a")
    await within("a", Effect.gen(function*() {
      const run = yield* RunFolder
      yield* run.appendCompletions([{ step: 1 }])
      yield* Effect.promise(() => within("a", Effect.flatMap(RunFolder, (later) => later.appendCompletions([{ step: 2 }])), directory))
      const late = yield* Effect.flip(run.appendCompletions([{ step: 2 }]))
      expect(late.message).toMatch(/a: another process has gone on with the run: process \d+, \S+; let one process at a time write to a run$/)
      expect((yield* Effect.flip(run.writeSummary({}))).message).toBe(late.message)
    }))
    expect(await readFile(join(directory, "completions.jsonl"), "utf8")).toBe("{\"step\":1}\n{\"step\":2}\n")
  })

  test("names the place when it cannot be written", async () => {
    await writeFile(join(folder, "file"), "")
    await expect(within("file/a", RunFolder)).rejects.toThrow(/run folder: .*file\/a: .*; make the folder writable/)
  })
})
