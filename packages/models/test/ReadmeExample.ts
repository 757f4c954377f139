import { decoderGraph, initializeModel, loadModel, parseConfig, saveModel, trainTokenizer } from "@ifrl/models"
import { Effect } from "effect"

const shape = {
  architectures: ["Qwen2ForCausalLM"],
  vocab_size: 300,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: true
}

export const example = Effect.gen(function*() {
  // A new model with a tokenizer of its own. One from Hugging Face starts at loadModel(folder).
  const config = yield* Effect.fromResult(parseConfig(shape))
  const tokenizer = trainTokenizer(["Ropes creak, gulls argue, and someone is late for the first boat."], {
    vocabSize: 300,
    specialTokens: ["<|im_start|>", "<|im_end|>"],
    eosToken: "<|im_end|>"
  })
  yield* saveModel("tiny", yield* initializeModel(config, 1, tokenizer), { dtype: "bfloat16" })

  const model = yield* loadModel("tiny") // transformers loads this folder too
  const prompt = model.tokenizer.renderChat([{ role: "user", content: "Who is late?" }], { addGenerationPrompt: true })
  console.log(prompt) // => <|im_start|>user\nWho is late?<|im_end|>\n<|im_start|>assistant\n
  console.log(model.parameters.get("model.layers.1.mlp.up_proj.weight")?.dims) // => [ 128, 64 ]

  const { head, hidden } = decoderGraph(model.config, { maxLength: 512 }) // for generateArtifacts of @ifrl/artifacts
  console.log(hidden.shape, head.name) // => [ "B", "T", 64 ] model.embed_tokens.weight
})
