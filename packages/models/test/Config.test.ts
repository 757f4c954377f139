import { describe, expect, test } from "@jest/globals"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import { configJson, type DecoderConfig, parseConfig } from "../src/index.ts"
import { fixture } from "./support.ts"

const saved = (name: string) =>
  JSON.parse(readFileSync(fixture(name, "config.json"), "utf8")) as Record<string, unknown>
const parsed = (json: unknown): DecoderConfig => Result.getOrThrow(parseConfig(json))
const refusal = (json: unknown) => Result.getOrThrow(Result.flip(parseConfig(json)))

// Qwen2.5-0.5B-Instruct's config.json as transformers 4 wrote it.
const qwen25 = {
  architectures: ["Qwen2ForCausalLM"],
  attention_dropout: 0.0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  hidden_act: "silu",
  hidden_size: 896,
  initializer_range: 0.02,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  max_window_layers: 21,
  model_type: "qwen2",
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000.0,
  sliding_window: 32768,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  transformers_version: "4.43.1",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936
}

describe("parseConfig", () => {
  test("reads what transformers 4 writes", () => {
    expect(parsed(qwen25)).toEqual({
      family: "qwen2",
      vocabSize: 151936,
      hiddenSize: 896,
      layers: 24,
      heads: 14,
      kvHeads: 2,
      headDim: 64,
      intermediateSize: 4864,
      normEpsilon: 1e-6,
      ropeTheta: 1e6,
      maxPositions: 32768,
      tiedEmbeddings: true,
      attentionBias: true,
      initializerRange: 0.02
    })
  })

  test("reads what transformers 5 writes, rope_parameters and head_dim included", () => {
    expect(parsed(saved("qwen2-untied"))).toMatchObject({
      ropeTheta: 1e6,
      headDim: 16,
      kvHeads: 1,
      tiedEmbeddings: false
    })
    expect(parsed(saved("qwen2-tied"))).toMatchObject({ ropeTheta: 1e4, headDim: 8, kvHeads: 2, tiedEmbeddings: true })
  })

  test("configJson is read back as it was", () => {
    for (const name of ["qwen2-untied", "qwen2-tied"]) {
      const config = parsed(saved(name))
      expect(parsed(configJson(config))).toEqual(config)
    }
  })

  test.each<[string, Record<string, unknown>]>([
    ["architectures", { architectures: ["GemmaForCausalLM"] }],
    ["architectures", { architectures: [], model_type: undefined }],
    ["model_type", { model_type: "qwen3" }],
    ["hidden_act", { hidden_act: "gelu" }],
    ["rope_scaling", { rope_scaling: { type: "longrope", factor: 4 } }],
    ["rope_scaling", { rope_scaling: "linear" }],
    ["rope_scaling.factor", { rope_scaling: { type: "linear" } }],
    ["rope_scaling.low_freq_factor", { rope_scaling: { rope_type: "llama3", factor: 8, high_freq_factor: 4 } }],
    ["rope_parameters", { rope_parameters: { rope_type: "proportional", rope_theta: 1e4 } }],
    ["rope_parameters.full_attention", { rope_parameters: { full_attention: { rope_type: "default" } } }],
    ["rope_parameters.partial_rotary_factor", { rope_parameters: { rope_theta: 1e4, partial_rotary_factor: 0.5 } }],
    ["partial_rotary_factor", { partial_rotary_factor: 0.5 }],
    ["sliding_window", { use_sliding_window: true, sliding_window: "4096" }],
    ["layer_types", { layer_types: ["full_attention", "sliding_attention"] }],
    ["layer_types", { layer_types: Array.from({ length: 24 }, () => "sliding_attention") }],
    ["layer_types", { use_sliding_window: true, layer_types: Array.from({ length: 24 }, () => "chunked_attention") }],
    ["attention_dropout", { attention_dropout: 0.1 }],
    ["quantization_config", { quantization_config: { quant_method: "awq" } }],
    ["auto_map", { auto_map: { AutoModelForCausalLM: "modeling.Custom" } }],
    ["num_key_value_heads", { num_key_value_heads: 4 }],
    ["head_dim", { head_dim: 63 }],
    ["hidden_size", { hidden_size: "896" }],
    ["vocab_size", { vocab_size: undefined }],
    ["rms_norm_eps", { rms_norm_eps: -1 }],
    ["tie_word_embeddings", { tie_word_embeddings: "yes" }]
  ])("refuses %s by name", (key, change) => {
    const error = refusal({ ...qwen25, ...change })
    expect(error._tag).toBe("ModelError")
    expect(error.key).toBe(key)
    expect(error.message).toContain(`key "${key}"`)
    expect(error.remedy.length).toBeGreaterThan(5)
  })

  test.each<[string, Record<string, unknown>, Partial<DecoderConfig>]>([
    [
      "Llama 2",
      { architectures: ["LlamaForCausalLM"] },
      { kvHeads: 32, headDim: 128, maxPositions: 2048, attentionBias: false }
    ],
    [
      "Mistral 0.1",
      { architectures: ["MistralForCausalLM"] },
      { kvHeads: 8, slidingWindow: { size: 4096, layers: [0, 1, 2, 3] } }
    ],
    ["Mistral 0.3", { architectures: ["MistralForCausalLM"], sliding_window: null }, { maxPositions: 131_072 }],
    ["Qwen3", { architectures: ["Qwen3ForCausalLM"] }, { headDim: 128, qkNorm: true, attentionBias: false }],
    [
      "SmolLM3",
      { architectures: ["SmolLM3ForCausalLM"] },
      { kvHeads: 4, ropeTheta: 2e6, tiedEmbeddings: true, positionless: [3] }
    ]
  ])("what %s leaves out has transformers' defaults", (_, json, wanted) => {
    const sizes = {
      vocab_size: 99,
      hidden_size: 4096,
      intermediate_size: 64,
      num_hidden_layers: 4,
      num_attention_heads: 32
    }
    const config = parsed({ ...sizes, ...json })
    expect(config).toMatchObject(wanted)
    expect(config.slidingWindow).toEqual(wanted.slidingWindow)
    expect(parsed(configJson(config))).toEqual(config)
  })

  test("switches, windows and layers without positions follow their keys", () => {
    const smol = { ...qwen25, architectures: ["SmolLM3ForCausalLM"], model_type: "smollm3", num_hidden_layers: 4 }
    const config = parsed({
      ...smol,
      attention_bias: true,
      mlp_bias: true,
      use_sliding_window: true,
      sliding_window: 64,
      no_rope_layers: [1, 0, 1, 0],
      rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: 8192 }
    })
    expect(config).toMatchObject({
      attentionBias: true,
      outputBias: true,
      mlpBias: true,
      positionless: [1, 3],
      slidingWindow: { size: 64, layers: [1, 3] },
      ropeScaling: {
        type: "yarn",
        factor: 4,
        originalPositions: 8192,
        attentionFactor: 0.1 * Math.log(4) + 1,
        betaFast: 32
      }
    })
    expect(parsed(configJson(config))).toEqual(config)
    const qwen = parsed({ ...qwen25, use_sliding_window: true, max_window_layers: 21 })
    expect(qwen.slidingWindow).toEqual({ size: 32768, layers: [21, 22, 23] })
    expect(parsed(configJson(qwen))).toEqual(qwen)
  })

  test("accepts what leaves the computation as it is", () => {
    const harmless = {
      rope_scaling: null,
      use_sliding_window: true,
      max_window_layers: 24,
      quantization_config: null,
      unsloth_version: "2026.1",
      layer_types: Array.from({ length: 24 }, () => "full_attention")
    }
    expect(parsed({ ...qwen25, ...harmless })).toEqual(parsed(qwen25))
    expect(refusal([]).problem).toContain("JSON object")
  })
})
