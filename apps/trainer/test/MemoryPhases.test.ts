// The memory of a run's phases against measured peaks, and what a check of it refuses.
import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { type DecoderConfig, parameterCount } from "@ifrl/models"
import { Effect, Schema } from "effect"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Config as RunConfig, Config, modelDirectory, type ModelSize, readConfig, readModelSize, trainUnits, type Work } from "../src/index.ts"
import { checkPhases, type RunSizes, trainPhases } from "../src/MemoryPhases.ts"
import { embeddedConfig } from "../src/ModelFolder.ts"
import { trainWork } from "../src/Workload.ts"
import { runCli } from "./runCli.ts"
import { tinyConfig, writeTinyModel } from "./TinyModel.ts"

const run = <A, E>(effect: Effect.Effect<A, E, NodeServices.NodeServices>) => Effect.runPromise(effect.pipe(Effect.provide(NodeServices.layer)))
const decode = (overrides: object): RunConfig => Schema.decodeUnknownSync(Config)(overrides)

let folder = ""
/** The embedded default and what it asks for. */
let embedded: { readonly config: RunConfig; readonly model: ModelSize; readonly work: Work }
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-phases-"))
  await writeTinyModel(join(folder, "tiny"))
  const config = await run(readConfig({ file: embeddedConfig() }))
  embedded = { config, model: await run(readModelSize(modelDirectory("embedded"))), work: await run(trainWork(config)) }
})
afterAll(() => rm(folder, { recursive: true }))

/** 26.8 M parameters. */
const large: DecoderConfig = {
  ...tinyConfig, vocabSize: 8192, hiddenSize: 512, layers: 8, heads: 8, kvHeads: 2, headDim: 64, intermediateSize: 1408, maxPositions: 1024
}
const sizes: RunSizes = { policy: tinyConfig, length: 64, pairLength: 64, references: 0, cache: { rows: 4, length: 64 } }
const MB = 1e6

describe("the phases of a run", () => {
  const config = decode({ rewardModel: { microBatchTokens: 1024 }, train: { microBatchTokens: 512 } })
  const [, made, training] = trainPhases(config, { ...sizes, judge: { config: large, trained: true } })

  test("are one without a reward model, and three with one that is made first", () => {
    expect(trainPhases(config, sizes).map(({ name }) => name)).toEqual(["training"])
    expect(trainPhases(config, { ...sizes, judge: { config: large, trained: false } }).map(({ name }) => name)).toEqual(["training"])
    expect(trainPhases(config, { ...sizes, judge: { config: large, trained: true } }).map(({ name }) => name)).toEqual([
      "pair generation", "reward model", "training"
    ])
  })

  test("a reward model in training has weights, their gradients, moments and the best so far, and the policy waits", () => {
    const weights = parameterCount(large) * 4
    expect(made!.parts).toMatchObject({ weights, gradients: weights, moments: 2 * weights, bestWeights: weights, policy: parameterCount(tinyConfig) * 4 })
    expect(made!.total).toBeCloseTo(Object.values(made!.parts).reduce((a, b) => a + b, 0), 6)
  })

  test("while the policy trains, the reward model's weights are there, and what its training took of the arena", () => {
    const alone = trainPhases(config, sizes)[0]!
    const { activations, embedding } = made!.parts
    const { earlierPhases, rewardModel } = training!.parts
    expect(rewardModel).toBe(3 * 4 * parameterCount(large))
    expect(earlierPhases! + alone.parts["activations"]! + alone.parts["head"]!).toBeGreaterThanOrEqual(activations! + embedding!)
    expect(training!.total).toBeCloseTo(alone.total + rewardModel! + earlierPhases!, 6)
  })

  test("adapters of the reward model have moments and best weights of their size, and no classifier a head of its own", () => {
    const lora = trainPhases(decode({ rewardModel: { loraRank: 4 } }), { ...sizes, judge: { config: { ...large, tiedEmbeddings: false }, trained: true } })[1]!
    expect(lora.parts["weights"]).toBe(4 * parameterCount(large))
    expect(lora.parts["bestWeights"]).toBe(lora.parts["gradients"])
    expect(lora.parts["embedding"]).toBe(0)
    expect(lora.parts["gradients"]).toBeLessThan(0.05 * lora.parts["weights"]!)
  })
})

describe("against the peak of a process, VmHWM", () => {
  const units = (base?: DecoderConfig) => {
    const { config, model, work } = embedded
    const judge = base === undefined ? work.judge! : { ...work.judge!, model: { ...base, parameters: parameterCount(base) } }
    return trainUnits(config, model, { promptTokens: 128, gigaflops: 300 }, { ...work, judge })
  }

  test("the embedded default: 804 MB in the policy's training, after 471 MB in the reward model's", () => {
    const { memoryMB, phasesMB } = units()
    expect(phasesMB!["training"]).toBe(memoryMB.total)
    expect(memoryMB.total / 804).toBeGreaterThan(0.9)
    expect(memoryMB.total / 804).toBeLessThan(1.2)
    expect(phasesMB!["pair generation"]! / 313).toBeGreaterThan(0.9)
    expect(phasesMB!["reward model"]! / 471).toBeGreaterThan(0.9)
  })

  test("a reward model of 26.8 M parameters beside the embedded policy: 2,099 MB, where the policy alone takes 807", () => {
    const { memoryMB } = units(large)
    expect(memoryMB.total / 2099).toBeGreaterThan(0.9)
    expect(memoryMB["weights"]).toBeCloseTo(4 * parameterCount(large) / MB, 6)
  })
})

describe("the check", () => {
  const check = (memoryGB: number, judge?: RunSizes["judge"]) => {
    const config = decode({ train: { memoryGB, microBatchTokens: 512 } })
    return checkPhases(config, trainPhases(config, { ...sizes, judge }))
  }
  const refusal = (memoryGB: number, judge: RunSizes["judge"]) => Effect.runPromise(Effect.flip(check(memoryGB, judge)))

  test("names the phase, its parts and what to change, or the plan of the policy's training and what fits", async () => {
    const trained = { config: large, trained: true }
    await expect(refusal(0.9, trained)).resolves.toMatchObject({
      _tag: "CommandError",
      message: expect.stringMatching(/memory: reward model: needs about 1\.\d GB \(.*moments 0\.2 GB.*\) of 0\.9 GB available; lower rewardModel\.microBatchTokens/)
    })
    await expect(refusal(0.45, { config: large, trained: false })).resolves.toMatchObject({
      _tag: "TrainError",
      message: expect.stringMatching(/full fine-tuning of 0 M parameters on 8 x 64 tokens: needs about \d\.\d GB \(.*beside \d\.\d GB.*\) of 0\.5 GB available/)
    })
    await Effect.runPromise(check(5, trained))
  })

  test("a run of fewer rows than its tokens allow is counted as such, so that the advice of one row at a time can be taken", async () => {
    const checkRows = (microBatchRows: number) => {
      const config = decode({ train: { memoryGB: 1.5, microBatchTokens: 8192, microBatchRows } })
      const phases = trainPhases(config, { policy: large, length: 1024, pairLength: 0, references: 0 })
      return Effect.as(checkPhases(config, phases), phases[0]!.plan!.rows)
    }
    const { message } = await Effect.runPromise(Effect.flip(checkRows(0)))
    expect(message).toMatch(/on 8 x 1024 tokens: .*what fits: .*one row at a time/)
    expect(await Effect.runPromise(checkRows(1))).toBe(1)
  })

  test("refuses ifrl train and ifrl reward train before anything is generated", async () => {
    const flags = ["--model", join(folder, "tiny"), "--set", "reward.soft=model", "--set", "rewardModel.base=embedded", "--set", "train.memoryGB=0.28", "--set", `run.folder=${folder}`]
    for (const command of [["train"], ["reward", "train"]]) {
      const name = command.join("-")
      const { exit } = await runCli(...command, "--name", name, ...flags)
      expect(JSON.stringify(exit)).toMatch(/"subject":"reward model","reason":"needs about 0\.\d GB/)
      expect(await readdir(folder)).not.toContain(name)
    }
  })
})

describe("what a dry run counts", () => {
  test("held-out prompts, the probe and soft constraints of the embedded world", async () => {
    const { config, work } = embedded
    expect(work).toMatchObject({ evaluated: 700, judge: { model: { parameters: 919_680 }, pairs: { prompts: 1270, constraints: 660 } } })
    expect(work.judge!.heldOut).toBeGreaterThan(0)
    expect(await run(trainWork({ ...config, reward: { ...config.reward, soft: "truth" } }))).toEqual({ evaluated: 700 })
  })

  test("a reward model that is there is measured by its config.json, and one that is not is named", async () => {
    const config = decode({ reward: { soft: "model" }, rewardModel: { path: join(folder, "none") } })
    const error = await run(Effect.flip(trainWork(config)))
    expect(error.message).toMatch(/none\/config\.json: .*; give a folder that `ifrl reward train` wrote/)
  })
})
