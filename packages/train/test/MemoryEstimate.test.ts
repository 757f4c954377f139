// Estimates against the peaks that the system accounts for, each of a process of its own; and what is refused.
import { type DecoderConfig, loraShape, parameterCount } from "@ifrl/models"
import { describe, expect, test } from "@jest/globals"
import { Effect, Result } from "effect"
import { checkMemory, memoryEstimate, type MemoryPlan, whatFits } from "../src/index.ts"

/** The sizes of Qwen2.5-0.5B and -1.5B. */
const half: DecoderConfig = {
  family: "qwen2",
  vocabSize: 151_936,
  hiddenSize: 896,
  layers: 24,
  heads: 14,
  kvHeads: 2,
  headDim: 64,
  intermediateSize: 4864,
  normEpsilon: 1e-6,
  ropeTheta: 1e6,
  maxPositions: 32_768,
  tiedEmbeddings: true,
  attentionBias: true,
  initializerRange: 0.02
}
const large: DecoderConfig = { ...half, hiddenSize: 1536, layers: 28, heads: 12, headDim: 128, intermediateSize: 8960 }
const small: DecoderConfig = { ...half, vocabSize: 32_000, hiddenSize: 512, layers: 8, heads: 8, intermediateSize: 1408 }

const adapter = (config: DecoderConfig) =>
  Result.getOrThrow(loraShape(config, { rank: 16, alpha: 32, targets: "all-linear" }))

const plan = (config: DecoderConfig, change: Partial<MemoryPlan> = {}): MemoryPlan => ({
  config,
  rows: 4,
  length: 512,
  recompute: true,
  ...change
})

describe("memoryEstimate", () => {
  test("counts weights, gradients and moments exactly", () => {
    expect(parameterCount(half)).toBe(494_032_768)
    const { gradients, moments, references, total, weights, ...rest } = memoryEstimate(plan(half, { references: 1 }))
    expect([weights, references, gradients, moments]).toEqual([1, 1, 1, 2].map((copies) => copies * 4 * 494_032_768))
    expect(total).toBe(Object.values(rest).reduce((sum, part) => sum + part, weights + references + gradients + moments))
    expect(memoryEstimate(plan(half, { references: 1, beside: 3e9 }))).toMatchObject({ beside: 3e9, total: total + 3e9 })
    const lora = memoryEstimate(plan(half, { lora: adapter(half) }))
    // 24 layers, per layer sums of in + out over seven projections: 22,912, of rank 16.
    expect([lora.gradients, lora.moments]).toEqual([1, 2].map((copies) => copies * 4 * 24 * 16 * 22_912))
  })

  // Megabytes of the whole process at its peak, as `npm run bench:memory` of the repository measured them (benchmarks/).
  test.each<[string, MemoryPlan, number]>([
    ["0.5B, adapter, recomputed", plan(half, { lora: adapter(half) }), 3441],
    ["0.5B, full, recomputed", plan(half), 11_226],
    ["1.5B, adapter, one row", plan(large, { rows: 1, lora: adapter(large) }), 7561],
    ["39 M, adapter, recomputed", plan(small, { lora: adapter(small) }), 844],
    ["39 M, adapter, kept", plan(small, { lora: adapter(small), recompute: false }), 1380],
    ["39 M, full, recomputed", plan(small), 1234],
    ["39 M, full, kept", plan(small, { recompute: false }), 1962]
  ])("%s: within 20% of what was measured", (_, measured, megabytes) => {
    const ratio = memoryEstimate(measured).total / (megabytes * 1e6)
    expect(ratio).toBeGreaterThan(0.8)
    expect(ratio).toBeLessThan(1.2)
  })
})

describe("checkMemory", () => {
  test("full fine-tuning at the 1.5B shape in 20 GB is refused with the parts and with what would fit", async () => {
    const error = await Effect.runPromise(Effect.flip(checkMemory(plan(large, { rows: 1 }), 20e9)))
    expect(error.message).toMatch(/full fine-tuning of 1544 M parameters on 1 x 512 tokens: needs about 2\d\.\d GB/)
    expect(error.message).toMatch(/moments 12\.3 GB, .*weights 6\.2 GB/)
    expect(error.message).toMatch(/of 20\.0 GB available; what fits: an adapter of rank 16 in place of the model \(\d\.\d GB\)/)
  })

  test("what is said to fit does; several changes are made where none is enough; nothing fits into nothing", () => {
    const greedy = plan(large, { rows: 16, length: 4096, recompute: false, references: 1 })
    expect(memoryEstimate(greedy).total).toBeGreaterThan(60e9)
    for (const limit of [40e9, 20e9, 10e9]) {
      const found = whatFits(greedy, limit)
      expect(found.length).toBeGreaterThan(0)
      for (const { change, estimate, plan: changed } of found) {
        expect([change, memoryEstimate(changed).total <= limit]).toEqual([change, true])
        expect(estimate).toEqual(memoryEstimate(changed))
      }
    }
    expect(whatFits(greedy, 1e9)).toEqual([])
  })

  test("what fits passes, by default into what the system has available", async () => {
    const tiny = plan({ ...small, vocabSize: 256, hiddenSize: 32, layers: 1, heads: 1, kvHeads: 1, intermediateSize: 32 }, { length: 8 })
    expect((await Effect.runPromise(checkMemory(tiny))).total).toBe(memoryEstimate(tiny).total)
    expect((await Effect.runPromise(Effect.flip(checkMemory(tiny, 1e6)))).message).toContain("no change of settings fits")
  })
})
