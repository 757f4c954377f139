import { NodeServices } from "@effect/platform-node"
import { random } from "@ifrl/curriculum"
import { initializeModel, parseConfig, trainTokenizer } from "@ifrl/models"
import { Runtime } from "@ifrl/runtime"
import { Effect, Layer, Result, Schema } from "effect"
import { PairsConfig, RewardModelConfig, type SoftPair } from "../src/index.ts"

export const layers = Layer.merge(Runtime.layer({ threads: 2 }), NodeServices.layer)

const config = Result.getOrThrow(parseConfig({
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  vocab_size: 340,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  initializer_range: 0.1
}))

const corpus = [
  "Constraint: be sad\nResponse: alas the river runs\nFollowed:",
  "Constraint: be glad\nResponse: hooray the birds sing\nFollowed:",
  "Constraint: be angry\nResponse: grr the wind is cold\nFollowed:"
]

export const freshModel = Effect.suspend(() =>
  initializeModel(config, 7, trainTokenizer(corpus, {
    vocabSize: 330, specialTokens: ["<|end|>", "<|pad|>"], eosToken: "<|end|>", padToken: "<|pad|>"
  }))
)

const marks: Readonly<Record<string, string>> = { "be sad": "alas", "be glad": "hooray", "be angry": "grr" }
const bodies = ["the river runs", "the birds sing", "the wind is cold", "the sun is far", "a tree is old"]

/** Pairs whose positives begin with the mark of their constraint and whose negatives have none. */
export const somePairs = (count: number): ReadonlyArray<SoftPair> =>
  Array.from({ length: count }, (_, i) => {
    const draw = random(3, "pair", i)
    const constraint = draw.pick(Object.keys(marks))
    const side = (text: string) => ({ text, prompt: "", sample: 0 })
    return {
      id: `pair ${i}`,
      type: "soft:tone",
      constraint,
      instruction: "say something",
      positive: side(`${marks[constraint]} ${draw.pick(bodies)}`),
      negative: side(`${draw.pick(bodies)} ${draw.pick(bodies)}`),
      row: `row ${i}`,
      index: 0,
      kind: "level",
      policy: "test",
      seed: 0,
      temperature: 1
    }
  })

export const pairsConfig = (options: Partial<PairsConfig> = {}) => Schema.decodeUnknownSync(PairsConfig)(options)

export const modelConfig = (options: Partial<typeof RewardModelConfig.Encoded> = {}) =>
  Schema.decodeUnknownSync(RewardModelConfig)({
    maxLength: 64, learningRate: 5e-3, epochs: 6, pairsPerStep: 8, validation: 0.15, heldOut: 0.15, ...options
  })
