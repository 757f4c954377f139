import { NodeServices } from "@effect/platform-node"
import { type DecoderConfig, initializeModel, saveModel, trainTokenizer } from "@ifrl/models"
import { Effect } from "effect"

/** Small enough to make in a test, and wide enough initial weights that its logits differ. */
export const tinyConfig: DecoderConfig = {
  family: "qwen2",
  vocabSize: 300,
  hiddenSize: 16,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  intermediateSize: 32,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  maxPositions: 128,
  tiedEmbeddings: true,
  attentionBias: true,
  initializerRange: 0.3
}

const corpus = ["write a short poem about the sea", "answer in one sentence", "the sea is wide and the answer is short"]

/** A model folder with random weights and a byte-level tokenizer, which knows conversations unless told otherwise. */
export const writeTinyModel = (directory: string, { chat = true, maxPositions = 128 } = {}) =>
  Effect.runPromise(
    Effect.gen(function*() {
      const { config: { chat_template, ...config }, tokenizer } = trainTokenizer(corpus, {
        vocabSize: 300,
        specialTokens: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        eosToken: "<|im_end|>",
        padToken: "<|endoftext|>"
      })
      const model = yield* initializeModel({ ...tinyConfig, maxPositions }, 1, {
        tokenizer,
        config: chat ? { ...config, chat_template } : config
      })
      yield* saveModel(directory, model)
    }).pipe(Effect.provide(NodeServices.layer))
  )
