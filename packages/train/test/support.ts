import { NodeServices } from "@effect/platform-node"
import { generateArtifacts, type LossName } from "@ifrl/artifacts"
import { decoderGraph, initializeModel, parseConfig, trainTokenizer } from "@ifrl/models"
import { philox, Runtime } from "@ifrl/runtime"
import { Effect, Layer, Result } from "effect"
import { makeTrainable, type TrainingRow } from "../src/index.ts"

export const layers = Layer.merge(Runtime.layer({ threads: 2 }), NodeServices.layer)

/** A tokenizer of a few hundred tokens. */
export const tokenizerFiles = () =>
  trainTokenizer(["the river runs to the sea", "a bird sings in the tree"], { vocabSize: 300 })

export const config = Result.getOrThrow(parseConfig({
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  vocab_size: 320,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  initializer_range: 0.2
}))

export const freshModel = Effect.suspend(() => initializeModel(config, 7, tokenizerFiles()))

/** A trainable model with the graphs of `loss`. */
export const trainable = Effect.fnUntraced(function*(
  loss: LossName,
  options: { readonly recompute?: boolean; readonly model?: Effect.Success<typeof freshModel> } = {}
) {
  const model = options.model ?? (yield* freshModel)
  const graph = decoderGraph(config, { recompute: options.recompute ?? false })
  return yield* makeTrainable({ model, artifacts: generateArtifacts({ model: graph, loss }), weightDecay: 0.01 })
})

/** Rows of different lengths whose tokens come from few ids, so that the embedding's gradient meets many duplicates. */
export const someRows = (count: number, vocabulary: number): Array<TrainingRow> => {
  const draws = philox({ seed: 5, step: 0, row: 0 }, count * 64)
  let next = 0
  const draw = (n: number) => Math.floor(draws[next++]! * n)
  const lengths = Array.from({ length: count }, () => [2 + draw(5), 1 + draw(12)] as const)
  const total = lengths.reduce((sum, [, completion]) => sum + completion, 0)
  return lengths.map(([prompt, completion], i) => ({
    id: `row ${i}`,
    tokens: Int32Array.from({ length: prompt + completion }, () => draw(vocabulary)),
    promptLength: prompt,
    fields: { weights: new Float32Array(completion).fill(1 / total) }
  }))
}
