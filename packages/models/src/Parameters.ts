/** The parameters of a decoder by Hugging Face's names, in the order of its state dict; weights are [out, in]. */
import type { DecoderConfig } from "./Config.ts"

export interface ParameterSpec {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  /** Whether weight decay applies: to matrices, not to norms and biases. */
  readonly decay: boolean
}

export const embeddingName = "model.embed_tokens.weight"
export const headName = "lm_head.weight"
export const normName = "model.norm.weight"

/** Where a layer's parameters begin. */
export const layerPrefix = (layer: number): string => `model.layers.${layer}.`

/** One layer's parameters, names relative to `layerPrefix`. */
const layerShapes = (c: DecoderConfig): ReadonlyArray<readonly [name: string, ...shape: Array<number>]> => {
  const [D, F, Q, KV] = [c.hiddenSize, c.intermediateSize, c.heads * c.headDim, c.kvHeads * c.headDim]
  const bias = (name: string, size: number) => (c.attentionBias ? [[`self_attn.${name}_proj.bias`, size] as const] : [])
  return [
    ["self_attn.q_proj.weight", Q, D],
    ...bias("q", Q),
    ["self_attn.k_proj.weight", KV, D],
    ...bias("k", KV),
    ["self_attn.v_proj.weight", KV, D],
    ...bias("v", KV),
    ["self_attn.o_proj.weight", D, Q],
    ["mlp.gate_proj.weight", F, D],
    ["mlp.up_proj.weight", F, D],
    ["mlp.down_proj.weight", D, F],
    ["input_layernorm.weight", D],
    ["post_attention_layernorm.weight", D]
  ]
}

/** Every parameter that a checkpoint of this config holds. A tied head is the embedding and not listed again. */
export const decoderParameters = (config: DecoderConfig): ReadonlyArray<ParameterSpec> => {
  const spec = (name: string, ...shape: Array<number>): ParameterSpec => ({ name, shape, decay: shape.length > 1 })
  const layer = layerShapes(config)
  return [
    spec(embeddingName, config.vocabSize, config.hiddenSize),
    ...Array.from({ length: config.layers }, (_, l) =>
      layer.map(([name, ...shape]) => spec(layerPrefix(l) + name, ...shape))
    ).flat(),
    spec(normName, config.hiddenSize),
    ...(config.tiedEmbeddings ? [] : [spec(headName, config.vocabSize, config.hiddenSize)])
  ]
}

/** Number of weights, as Hugging Face counts them (a tied head once). */
export const parameterCount = (config: DecoderConfig): number =>
  decoderParameters(config).reduce((sum, { shape }) => sum + shape.reduce((size, dim) => size * dim, 1), 0)
