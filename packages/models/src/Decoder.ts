/**
 * Graphs of decoders for training and evaluation: whole rows of tokens, no cache. Rows are padded on the right;
 * attention is causal, so padding never reaches a real token, and position t is column t. Activations are [N, D] with N
 * = B T, weights are graph inputs in Hugging Face's layout and under its names.
 */
import { blockAttention, checkpoint, type TrainableGraph } from "@ifrl/artifacts"
import { Graph, type Value } from "@ifrl/onnx"
import { type DecoderConfig, isRotary, windowOf } from "./Config.ts"
import type { FloatType } from "./Dtype.ts"
import { linear, rmsNorm, type RopeValues, ropeValues, rotate, swiGlu } from "./Layers.ts"
import { type LoraInputs, loraInputs, type LoraShape } from "./Lora.ts"
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
  /** Adds adapters; their tensors are further parameters, behind the model's own. */
  readonly lora?: LoraShape | undefined
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

/** Where the projections of a decoder find their weights. */
interface Weights {
  readonly weight: (name: string) => Value
  readonly lora: LoraInputs | undefined
}

interface Emission extends Weights {
  readonly config: DecoderConfig
  /** [2] int64: B and T. */
  readonly rows: Value
  readonly rope: RopeValues
  readonly attentionBlock: number | undefined
  readonly maxLength: number
}

const concat = (g: Graph, ...parts: ReadonlyArray<Value | number>): Value =>
  g.op(
    "Concat",
    parts.map((part) => (typeof part === "number" ? g.constant("int64", [part]) : part)),
    { axis: 0 }
  )

/** x W^T by `${name}_proj`, with its bias where the config has one and its adapter where there is one. */
export const projection = (
  g: Graph,
  x: Value,
  name: string,
  bias: boolean | undefined,
  { lora, weight }: Weights
): Value => {
  const y = linear(g, x, weight(`${name}_proj.weight`), bias === true ? weight(`${name}_proj.bias`) : undefined)
  return lora === undefined ? y : lora.add(g, `${name}_proj`, x, y)
}

const attention = (g: Graph, x: Value, l: number, emission: Emission): Value => {
  const { attentionBlock, config, maxLength, rope, rows, weight } = emission
  const { headDim: E, heads: H, kvHeads: K } = config
  const prefix = `${layerPrefix(l)}self_attn.`
  const reshape = (value: Value, ...shape: ReadonlyArray<number>) =>
    g.op("Reshape", [value, g.constant("int64", shape)])
  const project = (name: "q" | "k" | "v") => projection(g, x, prefix + name, config.attentionBias, emission)
  const normed = (name: "q" | "k", value: Value) =>
    config.qkNorm === true
      ? rmsNorm(g, reshape(value, -1, E), weight(`${prefix}${name}_norm.weight`), config.normEpsilon)
      : value
  const byRow = (value: Value, heads: number) => g.op("Reshape", [value, concat(g, rows, heads * E)])
  const byHead = (value: Value, heads: number) =>
    g.op("Transpose", [reshape(value, 0, 0, heads, E)], { perm: [0, 2, 1, 3] })
  const turned = (name: "q" | "k", heads: number) => {
    const placed = byRow(normed(name, project(name)), heads)
    return byHead(isRotary(config, l) ? rotate(g, placed, rope) : placed, heads)
  }
  const window = windowOf(config, l)
  const mixed = blockAttention(g, {
    q: turned("q", H),
    k: turned("k", K),
    v: byHead(byRow(project("v"), K), K),
    ...(attentionBlock === undefined ? {} : { block: attentionBlock }),
    ...(window === undefined || window >= maxLength ? {} : { window })
  })
  const joined = reshape(g.op("Transpose", [mixed], { perm: [0, 2, 1, 3] }), -1, H * E)
  return projection(g, joined, `${prefix}o`, config.outputBias, emission)
}

export const mlp = (g: Graph, x: Value, l: number, emission: Pick<Emission, keyof Weights | "config">): Value => {
  const project = (name: string, input: Value) =>
    projection(g, input, `${layerPrefix(l)}mlp.${name}`, emission.config.mlpBias, emission)
  return project("down", swiGlu(g, project("gate", x), project("up", x)))
}

const layer = (g: Graph, x: Value, l: number, emission: Emission): Value => {
  const { config, weight } = emission
  const norm = (value: Value, name: string) =>
    rmsNorm(g, value, weight(`${layerPrefix(l)}${name}.weight`), config.normEpsilon)
  const attended = g.op("Add", [x, attention(g, norm(x, "input_layernorm"), l, emission)])
  return g.op("Add", [attended, mlp(g, norm(attended, "post_attention_layernorm"), l, emission)])
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
  const lora = options.lora === undefined ? undefined : loraInputs(graph, config, options.lora, elementType)
  const emission: Emission = {
    config,
    weight: (name) => weights.get(name)!,
    lora,
    rows: graph.op("Shape", [ids]),
    rope: ropeValues(graph, tables, elementType),
    attentionBlock,
    maxLength: tables.length
  }
  const embedding = emission.weight(embeddingName)
  let x = graph.op("Gather", [embedding, graph.op("Reshape", [ids, graph.constant("int64", [-1])])], { axis: 0 })
  for (let l = 0; l < config.layers; l++) {
    const forward = (g: Graph, [input]: ReadonlyArray<Value>) => [layer(g, input!, l, emission)]
    x = (flag === undefined ? forward(graph, [x]) : checkpoint(graph, `layer.${l}`, [x], forward, flag))[0]!
  }
  const normed = rmsNorm(graph, x, emission.weight(normName), config.normEpsilon)
  return {
    graph,
    parameters: [...weights.values(), ...(lora?.parameters ?? [])],
    inputs: { input_ids: ids, ...(flag === undefined ? {} : { recompute: flag }) },
    hidden: graph.op("Reshape", [normed, concat(graph, emission.rows, config.hiddenSize)]),
    head: config.tiedEmbeddings ? embedding : emission.weight(headName)
  }
}

/** The graph of a decoder from tokens to final hidden states. */
export const decoderGraph = (config: DecoderConfig, options: DecoderOptions = {}): DecoderGraph =>
  decoderWithRope(config, options, ropeTables(config, options.maxLength ?? config.maxPositions))
