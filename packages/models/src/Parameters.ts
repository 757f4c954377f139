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
  const linear = (name: string, out: number, width: number, bias: boolean | undefined) => [
    [`${name}_proj.weight`, out, width] as const,
    ...(bias === true ? [[`${name}_proj.bias`, out] as const] : [])
  ]
  const norm = (name: string, width: number) => [`${name}norm.weight`, width] as const
  return [
    ...linear("self_attn.q", Q, D, c.attentionBias),
    ...linear("self_attn.k", KV, D, c.attentionBias),
    ...linear("self_attn.v", KV, D, c.attentionBias),
    ...linear("self_attn.o", D, Q, c.outputBias),
    ...(c.qkNorm === true ? [norm("self_attn.q_", c.headDim), norm("self_attn.k_", c.headDim)] : []),
    ...linear("mlp.gate", F, D, c.mlpBias),
    ...linear("mlp.up", F, D, c.mlpBias),
    ...linear("mlp.down", D, F, c.mlpBias),
    norm("input_layer", D),
    norm("post_attention_layer", D)
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
