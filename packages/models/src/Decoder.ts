/**
 * Graphs of decoders for training and evaluation: whole rows of tokens, no cache. Rows are padded on the right;
 * attention is causal, so padding never reaches a real token, and position t is column t. Activations are [N, D] with N
 * = B T, weights are graph inputs in Hugging Face's layout and under its names.
 */
import { blockAttention, checkpoint, type TrainableGraph } from "@ifrl/artifacts"
import { Graph, type Value } from "@ifrl/onnx"
import type { DecoderConfig } from "./Config.ts"
import type { FloatType } from "./Dtype.ts"
import { linear, rmsNorm, type RopeValues, ropeValues, rotate, swiGlu } from "./Layers.ts"
import { decoderParameters, embeddingName, headName, layerPrefix, normName } from "./Parameters.ts"
import { type RopeTables, ropeTables } from "./Rope.ts"

export interface DecoderOptions {
  /** Of weights and activations; float32 by default. float16 and bfloat16 are for CUDA. */
  readonly elementType?: FloatType
  /**
   * Adds a boolean input `recompute`, to be fed true: the backward pass then computes each layer's activations again.
   */
  readonly recompute?: boolean
  /** Queries per block of attention, 128 by default. */
  readonly attentionBlock?: number
  /** Longest row that the graph takes; the model's own limit by default. */
  readonly maxLength?: number
}

/** A TrainableGraph of @ifrl/artifacts: losses and optimizers are built on it. */
export interface DecoderGraph extends TrainableGraph {
  /** `input_ids`, [B, T] int64, and the boolean scalar `recompute` when asked for. */
  readonly inputs: Readonly<Record<string, Value>>
  /** [B, T, D], after the final norm. */
  readonly hidden: Value
  /** [V, D]: the language model head, which is the embedding where the two are tied. */
  readonly head: Value
}

interface Emission {
  readonly config: DecoderConfig
  readonly weight: (name: string) => Value
  /** [2] int64: B and T. */
  readonly rows: Value
  readonly rope: RopeValues
  readonly attentionBlock: number | undefined
}

const concat = (g: Graph, ...parts: ReadonlyArray<Value | number>): Value =>
  g.op(
    "Concat",
    parts.map((part) => (typeof part === "number" ? g.constant("int64", [part]) : part)),
    { axis: 0 }
  )

const attention = (
  g: Graph,
  x: Value,
  prefix: string,
  { attentionBlock, config, rope, rows, weight }: Emission
): Value => {
  const project = (name: string) =>
    linear(
      g,
      x,
      weight(`${prefix}${name}_proj.weight`),
      config.attentionBias ? weight(`${prefix}${name}_proj.bias`) : undefined
    )
  const byRow = (value: Value, heads: number) => g.op("Reshape", [value, concat(g, rows, heads * config.headDim)])
  const byHead = (value: Value, heads: number) =>
    g.op("Transpose", [g.op("Reshape", [value, g.constant("int64", [0, 0, heads, config.headDim])])], {
      perm: [0, 2, 1, 3]
    })
  const mixed = blockAttention(g, {
    q: byHead(rotate(g, byRow(project("q"), config.heads), rope), config.heads),
    k: byHead(rotate(g, byRow(project("k"), config.kvHeads), rope), config.kvHeads),
    v: byHead(byRow(project("v"), config.kvHeads), config.kvHeads),
    ...(attentionBlock === undefined ? {} : { block: attentionBlock })
  })
  const joined = g.op("Reshape", [
    g.op("Transpose", [mixed], { perm: [0, 2, 1, 3] }),
    g.constant("int64", [-1, config.heads * config.headDim])
  ])
  return linear(g, joined, weight(`${prefix}o_proj.weight`))
}

const mlp = (g: Graph, x: Value, prefix: string, { weight }: Emission): Value =>
  linear(
    g,
    swiGlu(g, linear(g, x, weight(`${prefix}gate_proj.weight`)), linear(g, x, weight(`${prefix}up_proj.weight`))),
    weight(`${prefix}down_proj.weight`)
  )

const layer = (g: Graph, x: Value, prefix: string, emission: Emission): Value => {
  const { config, weight } = emission
  const norm = (value: Value, name: string) => rmsNorm(g, value, weight(`${prefix}${name}.weight`), config.normEpsilon)
  const attended = g.op("Add", [x, attention(g, norm(x, "input_layernorm"), `${prefix}self_attn.`, emission)])
  return g.op("Add", [attended, mlp(g, norm(attended, "post_attention_layernorm"), `${prefix}mlp.`, emission)])
}

/** `decoderGraph` with the tables of rotary positions given. */
export const decoderWithRope = (config: DecoderConfig, options: DecoderOptions, tables: RopeTables): DecoderGraph => {
  const { attentionBlock, elementType = "float32", recompute = false } = options
  const graph = new Graph(config.family)
  const ids = graph.input("input_ids", "int64", ["B", "T"])
  const flag = recompute ? graph.input("recompute", "bool", []) : undefined
  const weights = new Map(
    decoderParameters(config).map(({ name, shape }) => [name, graph.input(name, elementType, shape)])
  )
  const emission: Emission = {
    config,
    weight: (name) => weights.get(name)!,
    rows: graph.op("Shape", [ids]),
    rope: ropeValues(graph, tables, elementType),
    attentionBlock
  }
  const embedding = emission.weight(embeddingName)
  let x = graph.op("Gather", [embedding, graph.op("Reshape", [ids, graph.constant("int64", [-1])])], { axis: 0 })
  for (let l = 0; l < config.layers; l++) {
    const forward = (g: Graph, [input]: ReadonlyArray<Value>) => [layer(g, input!, layerPrefix(l), emission)]
    x = (flag === undefined ? forward(graph, [x]) : checkpoint(graph, `layer.${l}`, [x], forward, flag))[0]!
  }
  const normed = rmsNorm(graph, x, emission.weight(normName), config.normEpsilon)
  return {
    graph,
    parameters: [...weights.values()],
    inputs: { input_ids: ids, ...(flag === undefined ? {} : { recompute: flag }) },
    hidden: graph.op("Reshape", [normed, concat(graph, emission.rows, config.hiddenSize)]),
    head: config.tiedEmbeddings ? embedding : emission.weight(headName)
  }
}

/** The graph of a decoder from tokens to final hidden states. */
export const decoderGraph = (config: DecoderConfig, options: DecoderOptions = {}): DecoderGraph =>
  decoderWithRope(config, options, ropeTables(config, options.maxLength ?? config.maxPositions))
