/**
 * A decoder as transformers.js and Optimum expect to find it in `onnx/model.onnx`: weights inside, keys and values of the
 * past going in and those of past and present coming out. Rows may be padded on either side, as `attention_mask` says.
 * Attention is written out in products and a softmax over float32, which every execution provider has.
 */
import { Graph, type TensorData, type Value } from "@ifrl/onnx"
import type { Tensor } from "@ifrl/runtime"
import { type DecoderConfig, isRotary, windowOf } from "./Config.ts"
import { narrow } from "./Dtype.ts"
import { linear, rmsNorm, ropeValues, swiGlu } from "./Layers.ts"
import type { Parameters } from "./Model.ts"
import { decoderParameters, embeddingName, headName, layerPrefix, normName } from "./Parameters.ts"
import { ropeTables } from "./Rope.ts"

export type ExportType = "float32" | "float16"

export interface ExportGraphOptions {
  /** Of weights, activations and cache; logits are float32. */
  readonly elementType?: ExportType
  /** Positions that the model can be asked for: the config's own limit by default. */
  readonly maxLength?: number
  /**
   * Declares an input `num_logits_to_keep` (int64 scalar, 0 for all), so that a prompt's logits needn't all be computed.
   * transformers.js feeds it; Optimum doesn't know it. Off by default.
   */
  readonly numLogitsToKeep?: boolean
}

/** A weight as the file holds it. The bytes of float16 are made when they are asked for, so one tensor at a time. */
const stored = (tensor: Tensor<"float32">, type: ExportType): TensorData =>
  type === "float32"
    ? { type, dims: tensor.dims, bytes: tensor.bytes }
    : {
      type,
      dims: tensor.dims,
      get bytes() {
        const bits = new Uint16Array(tensor.size)
        narrow.float16(tensor.data, bits)
        return new Uint8Array(bits.buffer)
      }
    }

/**
 * Inputs: `input_ids`, `position_ids` [batch_size, sequence_length] and `attention_mask` [batch_size,
 * total_sequence_length], all int64; `past_key_values.{l}.key|value` [batch_size, K, past_sequence_length, E]. Outputs:
 * `logits` [batch_size, sequence_length, V] float32; `present.{l}.key|value` [batch_size, K, total_sequence_length, E].
 */
export const exportGraph = (config: DecoderConfig, weights: Parameters, options: ExportGraphOptions = {}): Graph => {
  const { headDim: E, heads: H, hiddenSize: D, kvHeads: K, layers: L } = config
  const { elementType = "float32" } = options
  const group = H / K
  const g = new Graph(config.family)
  const ints = (...values: ReadonlyArray<number>) => g.constant("int64", values)
  const reshape = (x: Value, shape: Value | ReadonlyArray<number>) =>
    g.op("Reshape", [x, Array.isArray(shape) ? ints(...shape) : (shape as Value)])
  const concat = (values: ReadonlyArray<Value>, axis: number) => g.op("Concat", values, { axis })
  const cast = (x: Value, to: "float32" | ExportType) => (x.type === to ? x : g.op("Cast", [x], { to }))

  const ids = g.input("input_ids", "int64", ["batch_size", "sequence_length"])
  const mask = g.input("attention_mask", "int64", ["batch_size", "total_sequence_length"])
  const positions = g.input("position_ids", "int64", ["batch_size", "sequence_length"])
  const keep = options.numLogitsToKeep === true ? g.input("num_logits_to_keep", "int64", []) : undefined
  const pasts = Array.from({ length: L }, (_, l) =>
    (["key", "value"] as const).map((kind) =>
      g.input(`past_key_values.${l}.${kind}`, elementType, ["batch_size", K, "past_sequence_length", E])
    )) as Array<[Value, Value]>
  const parameters = new Map(
    decoderParameters(config).map(({ name }) => [name, g.initializer(name, stored(weights.get(name)!, elementType))])
  )
  const weight = (name: string) => parameters.get(name)!
  const { cos, sin } = ropeValues(g, ropeTables(config, options.maxLength ?? config.maxPositions), elementType)

  const size = (x: Value, axis: number) => g.op("Shape", [x], { start: axis, end: axis + 1 })
  const [b, t, s] = [size(ids, 0), size(ids, 1), size(mask, 1)] as [Value, Value, Value]
  const range = (from: Value, to: Value) => {
    const scalar = (x: Value) => g.op("Squeeze", [x, ints(0)])
    return g.op("Range", [scalar(from), scalar(to), g.constant("int64", 1)])
  }
  // Column of each query [T, 1] and of each key [1, S]: what a row may see depends on columns, padding on the mask.
  const queryColumns = g.op("Unsqueeze", [range(g.op("Sub", [s, t]), s), ints(1)])
  const keyColumns = g.op("Unsqueeze", [range(ints(0), s), ints(0)])
  const real = g.op("Cast", [g.op("Unsqueeze", [mask, ints(1, 2, 3)])], { to: "bool" })
  /** 0 where a query may look and -1e30 elsewhere, [B, 1, 1, T, S]. */
  const bias = (window: number | undefined): Value => {
    const past = g.op("LessOrEqual", [keyColumns, queryColumns])
    const seen = window === undefined
      ? past
      : g.op("And", [past, g.op("Greater", [keyColumns, g.op("Sub", [queryColumns, ints(window)])])])
    return g.op("Where", [g.op("And", [seen, real]), g.constant("float32", 0), g.constant("float32", -1e30)])
  }
  const biases = new Map<number | undefined, Value>()

  const project = (x: Value, name: string, has: boolean | undefined) =>
    linear(g, x, weight(`${name}_proj.weight`), has === true ? weight(`${name}_proj.bias`) : undefined)

  const presents: Array<Value> = []
  const attention = (x: Value, l: number): Value => {
    const prefix = `${layerPrefix(l)}self_attn.`
    const placed = (kind: "q" | "k", heads: number) => {
      const projected = project(x, prefix + kind, config.attentionBias)
      const normed = config.qkNorm === true
        ? rmsNorm(g, reshape(projected, [-1, E]), weight(`${prefix}${kind}_norm.weight`), config.normEpsilon)
        : projected
      const rows = reshape(normed, concat([b, t, ints(heads * E)], 0))
      return isRotary(config, l)
        ? g.op("RotaryEmbedding", [rows, positions, cos, sin], {}, { domain: "com.microsoft" })
        : rows
    }
    const byHead = (rows: Value) =>
      g.op("Transpose", [reshape(rows, concat([b, t, ints(K, E)], 0))], { perm: [0, 2, 1, 3] })
    const [pastKeys, pastValues] = pasts[l]!
    const keys = concat([pastKeys, byHead(placed("k", K))], 2)
    const values = concat([pastValues, byHead(project(x, `${prefix}v`, config.attentionBias))], 2)
    presents.push(keys, values)
    const queries = g.op("Transpose", [reshape(placed("q", H), concat([b, t, ints(K, group, E)], 0))], {
      perm: [0, 2, 3, 1, 4]
    })
    const scaled = g.op("Mul", [reshape(queries, concat([b, ints(K, -1, E)], 0)), g.constant(elementType, E ** -0.5)])
    const scores = g.op("MatMul", [scaled, g.op("Transpose", [keys], { perm: [0, 1, 3, 2] })])
    const window = windowOf(config, l)
    const limits = biases.get(window) ?? bias(window)
    biases.set(window, limits)
    const masked = g.op("Add", [reshape(cast(scores, "float32"), concat([b, ints(K, group), t, s], 0)), limits])
    const shares = reshape(g.op("Softmax", [masked], { axis: -1 }), concat([b, ints(K, -1), s], 0))
    const mixed = reshape(
      g.op("MatMul", [cast(shares, elementType), values]),
      concat([b, ints(K, group), t, ints(E)], 0)
    )
    const joined = reshape(g.op("Transpose", [mixed], { perm: [0, 3, 1, 2, 4] }), [-1, H * E])
    return project(joined, `${prefix}o`, config.outputBias)
  }
  const mlp = (x: Value, l: number): Value => {
    const part = (name: string, input: Value) => project(input, `${layerPrefix(l)}mlp.${name}`, config.mlpBias)
    return part("down", swiGlu(g, part("gate", x), part("up", x)))
  }

  let x = g.op("Gather", [weight(embeddingName), reshape(ids, [-1])], { axis: 0 })
  for (let l = 0; l < L; l++) {
    const norm = (value: Value, name: string) =>
      rmsNorm(g, value, weight(`${layerPrefix(l)}${name}.weight`), config.normEpsilon)
    x = g.op("Add", [x, attention(norm(x, "input_layernorm"), l)])
    x = g.op("Add", [x, mlp(norm(x, "post_attention_layernorm"), l)])
  }
  let rows = reshape(x, concat([b, t, ints(D)], 0))
  if (keep !== undefined) {
    // The last n rows, or for n = 0 all: from column T - n, which for 0 is taken to be 0.
    const from = g.op("Where", [
      g.op("Equal", [keep, g.constant("int64", 0)]),
      ints(0),
      g.op("Sub", [t, reshape(keep, [1])])
    ])
    rows = g.op("Slice", [rows, from, t, ints(1)])
  }
  const normed = rmsNorm(g, reshape(rows, [-1, D]), weight(normName), config.normEpsilon)
  const head = weight(config.tiedEmbeddings ? embeddingName : headName)
  const logits = cast(linear(g, normed, head), "float32")
  const V = ints(config.vocabSize)
  g.output(reshape(logits, concat(keep === undefined ? [b, t, V] : [b, ints(-1), V], 0)), "logits")
  for (const [i, value] of presents.entries()) g.output(value, `present.${Math.floor(i / 2)}.${i % 2 ? "value" : "key"}`)
  return g
}
