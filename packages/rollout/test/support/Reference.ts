/** A decoder in float64 by definition, one position at a time, with nothing shared with the graphs. */
import { type DecoderConfig, decoderParameters } from "@ifrl/models"
import { philoxNormal, Tensor } from "@ifrl/runtime"

export const tiny: DecoderConfig = {
  family: "qwen2",
  vocabSize: 300,
  hiddenSize: 48,
  layers: 2,
  heads: 6,
  kvHeads: 2,
  headDim: 8,
  intermediateSize: 80,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  maxPositions: 256,
  tiedEmbeddings: false,
  attentionBias: true,
  initializerRange: 0.02
}

export type Parameters = ReadonlyMap<string, Tensor>

/** Weights large enough that logits have a standard deviation of about 2. */
export const randomParameters = (config: DecoderConfig, seed = 1): Parameters =>
  new Map(decoderParameters(config).map(({ name, shape }, row) => {
    const tensor = Tensor.from("float32", shape, philoxNormal({ seed, step: 0, row }, shape.reduce((a, b) => a * b)))
    const width = 2 / Math.sqrt(config.hiddenSize)
    const [scale, shift] = name.endsWith("norm.weight") ? [0.1, 1] : [name.endsWith("bias") ? 0.5 : width, 0]
    for (let i = 0; i < tensor.size; i++) tensor.data[i] = tensor.data[i]! * scale + shift
    return [name, tensor]
  }))

/** Logits [V] after each of the tokens. */
export const logitsOf = (config: DecoderConfig, parameters: Parameters, tokens: ArrayLike<number>): Array<Array<number>> => {
  const { headDim: E, heads: H, hiddenSize: D, kvHeads: K } = config
  const get = (name: string) => parameters.get(name)!.as("float32").data
  const times = (weight: string, x: ReadonlyArray<number>, bias?: string): Array<number> => {
    const w = get(weight)
    const b = bias === undefined || !config.attentionBias ? undefined : get(bias)
    return Array.from({ length: w.length / x.length }, (_, o) =>
      x.reduce((sum, value, i) => sum + value * w[o * x.length + i]!, b?.[o] ?? 0))
  }
  const norm = (weight: string, x: ReadonlyArray<number>) => {
    const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / D + config.normEpsilon)
    return x.map((v, i) => v * scale * get(weight)[i]!)
  }
  const rotate = (x: ReadonlyArray<number>, position: number) =>
    x.map((v, i) => {
      const [j, within] = [i % E, i - i % E]
      const angle = position * config.ropeTheta ** (-2 * (j % (E / 2)) / E)
      const other = j < E / 2 ? -x[within + j + E / 2]! : x[within + j - E / 2]!
      return v * Math.cos(angle) + other * Math.sin(angle)
    })
  const add = (x: ReadonlyArray<number>, y: ReadonlyArray<number>) => x.map((v, i) => v + y[i]!)
  const caches = Array.from({ length: config.layers }, () => ({ keys: [] as Array<Array<number>>, values: [] as Array<Array<number>> }))
  return Array.from(tokens, (token, position) => {
    let x: Array<number> = Array.from(get("model.embed_tokens.weight").subarray(token * D, (token + 1) * D))
    for (const [l, { keys, values }] of caches.entries()) {
      const layer = `model.layers.${l}`
      const h = norm(`${layer}.input_layernorm.weight`, x)
      const project = (kind: string) => times(`${layer}.self_attn.${kind}_proj.weight`, h, `${layer}.self_attn.${kind}_proj.bias`)
      const query = rotate(project("q"), position)
      keys.push(rotate(project("k"), position))
      values.push(project("v"))
      const context = Array.from({ length: H }, (_, head) => {
        const at = Math.floor(head / (H / K)) * E
        const scores = keys.map((key) => {
          let sum = 0
          for (let e = 0; e < E; e++) sum += query[head * E + e]! * key[at + e]!
          return Math.exp(sum / Math.sqrt(E))
        })
        const total = scores.reduce((a, b) => a + b)
        return Array.from({ length: E }, (_, e) => scores.reduce((sum, s, j) => sum + s / total * values[j]![at + e]!, 0))
      }).flat()
      x = add(x, times(`${layer}.self_attn.o_proj.weight`, context))
      const y = norm(`${layer}.post_attention_layernorm.weight`, x)
      const up = times(`${layer}.mlp.up_proj.weight`, y)
      const gated = times(`${layer}.mlp.gate_proj.weight`, y).map((v, i) => v / (1 + Math.exp(-v)) * up[i]!)
      x = add(x, times(`${layer}.mlp.down_proj.weight`, gated))
    }
    return times(config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight", norm("model.norm.weight", x))
  })
}

export const logSoftmax = (logits: ReadonlyArray<number>): Array<number> => {
  const max = Math.max(...logits)
  const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x - max), 0)) + max
  return logits.map((x) => x - total)
}

export const argMax = (values: ReadonlyArray<number>): number => values.indexOf(Math.max(...values))
