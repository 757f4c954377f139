import { describe, expect, test } from "@jest/globals"
import { Schema } from "effect"
import { Config, evalUnits, type ModelSize, printUnits, rewardTrainUnits, sftUnits, trainUnits, unitsJson } from "../src/index.ts"

const decode = (overrides: object) => Schema.decodeUnknownSync(Config)(overrides)
const assumed = { promptTokens: 64, gigaflops: 490 }

/** The 26.7 M parameter model of the design notes. */
const model: ModelSize = {
  family: "qwen2",
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  tiedEmbeddings: false,
  attentionBias: true,
  initializerRange: 0.02,
  vocabSize: 4096,
  hiddenSize: 512,
  layers: 8,
  heads: 8,
  kvHeads: 2,
  headDim: 64,
  intermediateSize: 1408,
  maxPositions: 1024,
  parameters: 26_753_536
}
const config = decode({
  rollout: { promptsPerStep: 4, groupSize: 8, maxTokens: 192, rows: 16 },
  train: { steps: 10, microBatchTokens: 2048, minibatchPrompts: 2 }
})

describe("trainUnits", () => {
  const units = trainUnits(config, model, assumed)

  test("counts prompts, responses, updates and tokens", () => {
    expect(units.counts).toEqual({
      steps: 10,
      promptsPerStep: 4,
      groupSize: 8,
      responsesPerStep: 32,
      updatesPerRollout: 2,
      promptsPerUpdate: 2,
      promptTokensPerStep: 256,
      completionTokensPerStep: 32 * 192,
      trainedTokensPerStep: 32 * 256,
      parameters: 26_753_536
    })
  })

  test("memory is sixteen bytes a parameter, the cache, and activations: within 20% of the peak that was measured without a cache", () => {
    const { activations, cache, gradients, moments, total, weights, ...rest } = units.memoryMB
    expect([weights, gradients, moments]).toEqual([107.014144, 107.014144, 214.028288])
    expect(cache).toBeCloseTo((16 * 256 * 8 * 2 * 2 * 64 * 4) / 1e6, 6)
    // A step of 8 x 256 tokens of this model peaks at 1,371 MB (benchmarks/).
    expect((total! - cache!) / 1371).toBeGreaterThan(0.8)
    expect((total! - cache!) / 1371).toBeLessThan(1.2)
    expect(rest["references"]).toBe(0)
    const parts = [activations, cache, gradients, moments, weights, ...Object.values(rest)]
    expect(total).toBeCloseTo(parts.reduce<number>((sum, part) => sum + part!, 0), 6)
  })

  test("time is that of the design notes: 8 x 256 tokens trained in about a second", () => {
    expect(units.minutesPerStep.training! * 60 * (2048 / 8192)).toBeGreaterThan(0.8)
    expect(units.minutesPerStep.training! * 60 * (2048 / 8192)).toBeLessThan(1.2)
    expect(units.minutes).toBeCloseTo(units.minutesPerStep.total * 10, 9)
  })

  test("a reference model adds its weights and its pass, recomputation saves activations and costs a pass", () => {
    const reference = trainUnits(decode({ ...config, objective: { klCoefficient: 0.1 } }), model, assumed)
    expect(reference.memoryMB["references"]).toBeCloseTo(units.memoryMB["weights"]!, 6)
    expect(reference.minutesPerStep["training"]! / units.minutesPerStep["training"]!).toBeCloseTo(4 / 3, 6)
    const recomputed = trainUnits(decode({ ...config, train: { ...config.train, recompute: true } }), model, assumed)
    expect(recomputed.memoryMB["activations"]! / units.memoryMB["activations"]!).toBeLessThan(0.3)
    expect(recomputed.minutesPerStep["training"]! / units.minutesPerStep["training"]!).toBeCloseTo(4 / 3, 6)
  })

  test("an adapter needs moments of its own size and no reference weights", () => {
    const lora = decode({ ...config, objective: { klCoefficient: 0.1 }, lora: { rank: 8, targets: ["q_proj"] } })
    const { gradients, moments, references } = trainUnits(lora, model, assumed).memoryMB
    const parameters = 8 * 8 * (512 + 512)
    expect([gradients, moments, references]).toEqual([4 * parameters / 1e6, 8 * parameters / 1e6, 0])
  })

  test("plausibility under the reference keeps its weights and reads every response once", () => {
    const plausible = trainUnits(decode({ ...config, reward: { plausibilityWeight: 1, plausibilityUnder: "reference" } }), model, assumed)
    expect(plausible.memoryMB["references"]).toBeCloseTo(units.memoryMB["weights"]!, 6)
    expect(plausible.minutesPerStep["training"]! / units.minutesPerStep["training"]!).toBeCloseTo(4 / 3, 6)
  })

  test("sequences end at the model's length", () => {
    const short = trainUnits(decode({ ...config, model: { maxLength: 100 } }), model, assumed)
    expect(short.counts["trainedTokensPerStep"]).toBe(32 * 100)
    expect(short.counts["completionTokensPerStep"]).toBe(32 * 36)
  })
})

describe("a reward model of its own", () => {
  // 100 constraints in 100 prompts, and 80 different prompts without them.
  const pairs = { prompts: 180, constraints: 100 }
  const judge = { model, perPrompt: 0, heldOut: 0, pairs }
  const own = { pairs: { samples: 2, crossed: 1 }, rewardModel: { maxLength: 128, epochs: 2, pairsPerStep: 16 } }
  const counts = {
    prompts: 180,
    responses: 360,
    pairs: 200,
    updates: 2 * 20,
    promptTokens: 180 * 64,
    completionTokens: 360 * 192,
    trainedTokens: 2 * 320 * 2 * 128
  }

  test("adds its prompts, responses, pairs, updates, tokens and minutes to those of the run", () => {
    const bare = trainUnits(decode({ ...config, ...own }), model, assumed)
    const whole = trainUnits(decode({ ...config, ...own }), model, assumed, { evaluated: 0, judge })
    expect(whole.rewardModel?.counts).toEqual(counts)
    const { generation, total, training } = whole.rewardModel!.minutes
    expect(total).toBeCloseTo(generation! + training!, 12)
    expect(whole.minutes).toBeCloseTo(bare.minutes + total, 12)
    // As much as the same tokens are in a step of the run, but for the head, of which a classifier has next to nothing.
    expect(generation).toBeCloseTo(bare.minutesPerStep["rollout"]! * 360 / 32, 1)
    const tokens = (2 * 320 * 2 * 128) / bare.counts["trainedTokensPerStep"]!
    expect(training).toBeLessThan(bare.minutesPerStep["training"]! * tokens)
    expect(training).toBeGreaterThan(0.8 * bare.minutesPerStep["training"]! * tokens)
    expect(printUnits(whole)).toMatch(/^reward model, made first {4}\d.*\n {2}prompts {19}180\n(.*\n)*time of all/m)
    expect(printUnits(bare)).not.toMatch(/reward model/)
  })

  test("is all that reward train asks for; cross-validation trains on all folds but one, as often as there are folds", () => {
    expect(rewardTrainUnits(decode({ ...config, ...own }), model, assumed, judge).counts).toEqual({ ...counts, parameters: model.parameters })
    const doubtful = decode({ ...config, ...own, pairs: { ...own.pairs, minConfidence: 0.3, folds: 4 } })
    expect(rewardTrainUnits(doubtful, model, assumed, judge).counts).toMatchObject({ updates: 2 * (20 + 4 * 15), trainedTokens: 4 * counts.trainedTokens })
  })
})

test("the evaluations before, after and during training are in the plan, with what the reward model says of them", () => {
  const watched = decode({ ...config, eval: { every: 4, maxTokens: 96 } })
  const judge = { model, perPrompt: 1.5, heldOut: 700 }
  const [bare, whole] = [trainUnits(watched, model, assumed), trainUnits(watched, model, assumed, { evaluated: 500, judge })]
  // Before, after steps 4 and 8 of 10, and after.
  expect(whole.evaluation?.counts).toEqual({
    evaluations: 4, prompts: 4 * 500, responses: 4 * 500, promptTokens: 4 * 500 * 64, completionTokens: 4 * 500 * 96
  })
  const { rollout, scoring, total } = whole.evaluation!.minutes
  expect(total).toBeCloseTo(rollout! + scoring!, 12)
  expect(rollout).toBeCloseTo(4 * evalUnits(watched, model, assumed, 500).minutes, 12)
  expect(whole.minutesPerStep["scoring"]).toBeCloseTo(scoring! / (4 * 700) * 32 * 1.5, 12)
  expect(whole.minutes).toBeCloseTo(bare.minutes + 10 * whole.minutesPerStep["scoring"]! + total, 12)
  expect(printUnits(whole)).toMatch(/^evaluations, all of them {4}\d.*\n {2}evaluations {15}4\n {2}prompts {19}2,000\n/m)
  expect(unitsJson(whole)).toMatchObject({ evaluation: { evaluations: 4, minutes: { total } } })
  expect(unitsJson(bare)).not.toHaveProperty("evaluation")
})

test("sft counts rows, eval counts prompts and needs no gradients", () => {
  const units = sftUnits(config, model, assumed, 0)
  expect(units.counts).toMatchObject({ steps: 10, rowsPerStep: 64, trainedTokensPerStep: 64 * 256 })
  const passes = sftUnits({ ...config, sft: { ...config.sft, epochs: 1.5 } }, model, assumed, 1000)
  expect(passes.counts).toMatchObject({ steps: 24 })
  expect(passes.minutes).toBeCloseTo(2.4 * units.minutes, 9)
  const evaluation = evalUnits(config, model, assumed, 200)
  expect(evaluation.counts).toMatchObject({ prompts: 200, completionTokens: 200 * 192 })
  expect(Object.keys(evaluation.memoryMB)).toEqual(["weights", "cache", "total"])
})

test("prints one line a unit, in words", () => {
  const text = printUnits(trainUnits(config, model, assumed))
  expect(text).toMatch(/^responses per step {10}32$/m)
  expect(text).toMatch(/^memory, estimated {11}[\d,]+ MB$/m)
  expect(text).toMatch(/^assumed {21}64 tokens a prompt, 490 GFLOP\/s; token counts are upper bounds$/m)
})
