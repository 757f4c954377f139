// Peak memory of a training step as the system accounts for it, so this has a process of its own to itself (one file).
import { expect, test } from "@jest/globals"
import { generateArtifacts } from "@ifrl/artifacts"
import { decoderGraph, initializeModel } from "@ifrl/models"
import { peakMemory, resetPeakMemory, residentMemory } from "@ifrl/runtime"
import { Effect } from "effect"
import { makeTrainable, packMicroBatches } from "../src/index.ts"
import { config, layers, someRows, tokenizerFiles, trainable } from "./support.ts"

const deep = { ...config, layers: 12, hiddenSize: 128, heads: 4, kvHeads: 2, headDim: 32, intermediateSize: 384, maxPositions: 256 }

/** Bytes above `floor` at the peak of a step over 8 rows of 256 tokens. */
const peakOf = Effect.fnUntraced(function*(recompute: boolean, floor: number) {
  const model = yield* initializeModel(deep, 1, tokenizerFiles())
  const artifacts = generateArtifacts({ model: decoderGraph(deep, { recompute }), loss: "sft" })
  const policy = yield* makeTrainable({ model, artifacts, weightDecay: 0 })
  const rows = someRows(8, 300).map((row) => ({
    ...row,
    tokens: Int32Array.from({ length: 257 }, (_, i) => row.tokens[i % row.tokens.length]!),
    promptLength: 1,
    fields: { weights: new Float32Array(256).fill(1 / 2048) }
  }))
  const [batch] = packMicroBatches(rows)
  resetPeakMemory()
  const { loss } = yield* policy.accumulate(batch!)
  return { bytes: peakMemory() - floor, loss }
}, Effect.scoped)

const onLinux = process.platform === "linux" ? test : test.skip

onLinux("recomputation lowers the peak of a 12-layer training step by at least 40%", () =>
  Effect.runPromise(Effect.gen(function*() {
    // Libraries are loaded by a small model; then the step with the lower peak, because the arena keeps what it was given.
    yield* Effect.scoped(trainable("sft"))
    const floor = residentMemory()
    const recomputed = yield* peakOf(true, floor)
    const kept = yield* peakOf(false, floor)
    expect(recomputed.loss).toBeCloseTo(kept.loss, 5)
    expect(recomputed.bytes).toBeLessThan(0.6 * kept.bytes)
  }).pipe(Effect.provide(layers))), 60_000)
