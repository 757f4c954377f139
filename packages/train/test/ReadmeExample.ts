import { generateArtifacts } from "@ifrl/artifacts"
import { type DecoderConfig, decoderGraph, initializeModel, trainTokenizer } from "@ifrl/models"
import { Runtime } from "@ifrl/runtime"
import { Policy, sftUpdate, supervisedBatch, supervisedRow } from "@ifrl/train"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer } from "effect"

const config: DecoderConfig = {
  family: "qwen2",
  vocabSize: 270,
  hiddenSize: 32,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  intermediateSize: 64,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  maxPositions: 64,
  tiedEmbeddings: true,
  attentionBias: true,
  initializerRange: 0.02
}

const program = Effect.gen(function*() {
  // A new model; loadModel(directory) of @ifrl/models reads a Hugging Face folder instead.
  const files = trainTokenizer(["to be, or not to be"], {
    vocabSize: 270,
    specialTokens: ["<|im_start|>", "<|im_end|>"],
    eosToken: "<|im_end|>"
  })
  const model = yield* initializeModel(config, 1, files)
  const conversation = {
    id: "hamlet",
    messages: [{ role: "user", content: "to be," }, { role: "assistant", content: "or not to be" }]
  }
  const options = {
    rows: [supervisedRow(conversation, model.tokenizer, 64)],
    rowsPerStep: 4,
    seed: 1,
    steps: 30,
    microBatch: { maxTokens: 256 },
    learningRate: 1e-2,
    schedule: { name: "cosine", warmupSteps: 3, minimumRatio: 0 } as const,
    maxGradNorm: 1
  }
  const artifacts = generateArtifacts({ model: decoderGraph(config), loss: "sft" })

  const losses = yield* Effect.forEach(Array.from({ length: 30 }, (_, i) => i + 1), (step) =>
    Effect.map(sftUpdate(options, step, supervisedBatch(options, step)), (metrics) => metrics.loss)).pipe(
      Effect.provide(Policy.layer({ model, artifacts, weightDecay: 0.01 }))
    )
  console.log(losses[0]! > 5, losses.at(-1)! < 0.5)
})

await Effect.runPromise(program.pipe(Effect.provide(Layer.merge(Runtime.layer(), NodeServices.layer))))
// => true true
