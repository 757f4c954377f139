import { type DecoderConfig, initializeModel, trainTokenizer } from "@ifrl/models"
import { Rollout } from "@ifrl/rollout"
import { Runtime } from "@ifrl/runtime"
import { Effect, Layer } from "effect"

const config: DecoderConfig = {
  family: "qwen2",
  vocabSize: 270,
  hiddenSize: 64,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediateSize: 128,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  maxPositions: 256,
  tiedEmbeddings: true,
  attentionBias: true,
  initializerRange: 0.2
}

const program = Effect.gen(function*() {
  // Random weights and a toy tokenizer; loadModel(directory) reads a Hugging Face folder instead.
  const files = trainTokenizer(["to be, or not to be"], { vocabSize: 270, specialTokens: ["<|end|>"], eosToken: "<|end|>" })
  const model = yield* initializeModel(config, 1, files)
  const { tokenizer } = model

  const completions = yield* Rollout.use((rollout) =>
    rollout.generate(
      [{ id: "hamlet", promptTokens: tokenizer.encode("to be, or"), count: 4, maxTokens: 8, key: { seed: 1, step: 0 } }],
      { temperature: 0.8, topP: 0.95, stopTokens: tokenizer.eosIds }
    )
  ).pipe(Effect.provide(Rollout.layer({ model, rows: 16 }).pipe(Layer.provide(Runtime.layer()))))

  for (const { index, logProbs, stopReason, tokens } of completions) {
    const mean = logProbs.reduce((sum, x) => sum + x, 0) / logProbs.length
    console.log(index, JSON.stringify(tokenizer.decode(tokens)), mean.toFixed(2), stopReason)
  }
})

await Effect.runPromise(program)
