import { type DecoderConfig, parseConfig } from "@ifrl/models"
import { Result } from "effect"

/** The sizes of Qwen2.5-0.5B and -1.5B, and of a model on which a step takes seconds. */
export const shapes = {
  "0.5B": { hidden_size: 896, num_hidden_layers: 24, num_attention_heads: 14, intermediate_size: 4864 },
  "1.5B": { hidden_size: 1536, num_hidden_layers: 28, num_attention_heads: 12, intermediate_size: 8960 },
  "39M": { vocab_size: 32_000, hidden_size: 512, num_hidden_layers: 8, num_attention_heads: 8, intermediate_size: 1408 }
} as const satisfies Readonly<Record<string, Record<string, unknown>>>

export const configOf = (shape: keyof typeof shapes): DecoderConfig =>
  Result.getOrThrow(parseConfig({
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    vocab_size: 151_936,
    num_key_value_heads: 2,
    max_position_embeddings: 32_768,
    rope_theta: 1e6,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
    initializer_range: 0.02,
    ...shapes[shape]
  }))
