/**
 * The graph that only scores: a classifier over rows packed as a tree of their prefixes (`packRows`), each node once
 * and none for padding. Everything but attention is per node; attention runs by chunks of nodes in a Scan over groups
 * of them. The last layer computes keys and values of all nodes, and the rest of it for the ends of rows alone, since
 * these are what the head reads. No gradients: what is trained is `classifierGraph`, and the scores are equal.
 */
import { float, Graph, tensorData, type Value } from "@ifrl/onnx"
import { type ClassifierConfig, classifierParameters, headless, scoreName } from "./ClassifierHead.ts"
import { isRotary, windowOf } from "./Config.ts"
import { mlp, projection } from "./Decoder.ts"
import { linear, rmsNorm, ropeValues, softmax } from "./Layers.ts"
import type { Parameters } from "./Model.ts"
import { embeddingName, layerPrefix, normName } from "./Parameters.ts"
import { chunkNodes, maskName, windowsOf } from "./PrefixTree.ts"
import { ropeTables } from "./Rope.ts"

export interface PackedClassifierOptions {
  /** Longest row that the graph takes; the model's own limit by default. */
  readonly maxLength?: number
  /**
   * Weights to write into the graph, which ONNX Runtime then packs for its products once. Without them they are
   * inputs, as those of a model of 2 GiB and more have to be, which no model file holds.
   */
  readonly weights?: Parameters | undefined
}

/** What heads are made of. */
interface Rows {
  /** [rows, D] */
  readonly x: Value
  /** Which row each node takes, where there are fewer rows than nodes. */
  readonly spread?: Value
  /** Positions of the nodes. */
  readonly at: Value
}

/** Inputs as `packRows` makes them, and parameters unless they are given; output `logits` [B, classes]. */
export const packedClassifierGraph = (config: ClassifierConfig, options: PackedClassifierOptions = {}): Graph => {
  const decoder = headless(config.decoder)
  const { headDim: E, heads: H, kvHeads: K, layers: L } = decoder
  const g = new Graph("packed")
  const vocabulary = g.input("vocabulary", "int32", ["V"])
  const tokens = g.input("tokens", "int32", ["N"])
  const depths = g.input("positions", "int32", ["N", 1])
  const queries = g.input("queries", "int32", ["M", "G", H, chunkNodes])
  const bounds = g.input("bounds", "int32", ["M + 1"])
  const keys = g.input("keys", "int32", ["keys"])
  const masks = new Map(
    windowsOf(decoder).map((window) => [window, g.input(maskName(window), "float32", ["mask"])])
  )
  const returns = g.input("returns", "int32", ["N", H])
  const ends = g.input("ends", "int32", ["B"])
  const paths = g.input("paths", "int32", ["B", "T"])
  const pathMask = g.input("path_mask", "float32", ["B", 1, 1, "T"])
  const weights = new Map(
    classifierParameters(config).map(({ name, shape }) => [
      name,
      options.weights === undefined
        ? g.input(name, "float32", shape)
        : g.initializer(name, tensorData("float32", shape, options.weights.get(name)!.as("float32").data))
    ])
  )
  const weight = (name: string) => weights.get(name)!
  const rope = ropeValues(g, ropeTables(decoder, options.maxLength ?? decoder.maxPositions), "float32")

  const ints = (...values: ReadonlyArray<number>) => g.constant("int64", values)
  const reshape = (x: Value, ...shape: ReadonlyArray<number>) => g.op("Reshape", [x, ints(...shape)])
  const gather = (x: Value, at: Value) => g.op("Gather", [x, at], { axis: 0 })
  const norm = (x: Value, name: string) => rmsNorm(g, x, weight(name), decoder.normEpsilon)
  const positions = g.op("Cast", [depths], { to: "int64" })
  const endPositions = gather(positions, ends)

  /** Heads of a projection, one a row [rows heads, E], turned by the rows' positions where they are. */
  const headsOf = ({ at, spread, x }: Rows, l: number, name: "q" | "k" | "v"): Value => {
    const prefix = `${layerPrefix(l)}self_attn.${name}`
    const count = name === "q" ? H : K
    const flat = projection(g, x, prefix, decoder.attentionBias, { weight, lora: undefined })
    const normed =
      decoder.qkNorm === true && name !== "v"
        ? reshape(norm(reshape(flat, -1, E), `${prefix}_norm.weight`), -1, count * E)
        : flat
    const all = spread === undefined ? normed : gather(normed, spread)
    if (name === "v" || !isRotary(decoder, l)) return reshape(all, -1, E)
    return reshape(g.op("RotaryEmbedding", [reshape(all, -1, 1, count * E), at, rope.cos, rope.sin]), -1, E)
  }

  /** Where the heads of nodes [A, S] are in rows of all nodes' K heads: [A, K, S]. */
  const headRows = (g: Graph, nodes: Value): Value => {
    const first = g.op("Mul", [g.op("Unsqueeze", [nodes, g.constant("int64", [1])]), g.constant("int32", K)])
    return g.op("Add", [first, g.constant("int32", Array.from({ length: K }, (_, k) => k), [1, K, 1])])
  }

  /** softmax(q k^T / sqrt(E) + mask) v for q [A, K, rep S, E], k and v [A, K, keys, E] and a mask [A, 1, S, keys]. */
  const attend = (g: Graph, q: Value, k: Value, v: Value, mask: Value, S: number): Value => {
    const [byHead, byGroup] = [g.constant("int64", [0, H, S, -1]), g.constant("int64", [0, K, (H / K) * S, -1])]
    const scores = g.op("FusedMatMul", [q, k], { transB: 1, alpha: float(E ** -0.5) })
    const p = softmax(g, g.op("Add", [g.op("Reshape", [scores, byHead]), mask]))
    return g.op("MatMul", [g.op("Reshape", [p, byGroup]), v])
  }

  // What a group's body slices keys and masks by; the same for all layers.
  const [from, to] = [[0, -1], [1, Number.MAX_SAFE_INTEGER]].map(([start, end]) =>
    g.op("Unsqueeze", [
      g.op("Cast", [g.op("Slice", [bounds, ints(start!), ints(end!)])], { to: "int64" }),
      ints(1)
    ])
  ) as [Value, Value]
  const G = g.op("Shape", [queries], { start: 1, end: 2 })
  const perGroup = {
    keys: g.op("Concat", [G, ints(-1)], { axis: 0 }),
    mask: g.op("Concat", [G, ints(1, chunkNodes, -1)], { axis: 0 }),
    maskRows: g.op("Mul", [G, ints(chunkNodes)])
  }

  /** Attention of all nodes, [N, H E]. */
  const attendAll = (rows: Rows, l: number): Value => {
    const [q, k, v] = (["q", "k", "v"] as const).map((name) => headsOf(rows, l, name)) as [Value, Value, Value]
    const mask = masks.get(windowOf(decoder, l))!
    const body = g.subgraph(`attention.${l}`)
    const own = body.input(`attention.${l}.queries`, "int32", ["G", H, chunkNodes])
    const [start, end] = ["start", "end"].map((name) => body.input(`attention.${l}.${name}`, "int64", [1])) as [
      Value,
      Value
    ]
    const part = (values: Value, size: Value, shape: Value) =>
      body.op("Reshape", [
        body.op("Slice", [values, body.op("Mul", [start, size]), body.op("Mul", [end, size])]),
        shape
      ])
    const seen = headRows(body, part(keys, G, perGroup.keys))
    const [ks, vs] = [k, v].map((heads) => body.op("Gather", [heads, seen], { axis: 0 })) as [Value, Value]
    const qs = body.op("Reshape", [
      body.op("Gather", [q, own], { axis: 0 }),
      body.constant("int64", [0, K, (H / K) * chunkNodes, E])
    ])
    body.output(attend(body, qs, ks, vs, part(mask, perGroup.maskRows, perGroup.mask), chunkNodes))
    const mixed = g.op("Scan", [queries, from, to], { body, num_scan_inputs: 3 })
    return reshape(gather(reshape(mixed, -1, E), returns), -1, H * E)
  }

  /** Attention of the ends of rows, [B, H E]. */
  const attendEnds = (rows: Rows, l: number): Value => {
    const q = reshape(headsOf({ x: gather(rows.x, ends), at: endPositions }, l, "q"), -1, K, H / K, E)
    const seen = headRows(g, paths)
    const [k, v] = (["k", "v"] as const).map((name) => gather(headsOf(rows, l, name), seen)) as [Value, Value]
    return reshape(attend(g, q, k, v, pathMask, 1), -1, H * E)
  }

  const embedded = gather(weight(embeddingName), vocabulary)
  let x = gather(embedded, tokens)
  for (let l = 0; l < L; l++) {
    const prefix = layerPrefix(l)
    const input = (of: Value) => norm(of, `${prefix}input_layernorm.weight`)
    // Before the first attention a token is the same wherever it stands.
    const alike = l === 0 && L > 1
    const rows: Rows = alike ? { x: input(embedded), at: positions, spread: tokens } : { x: input(x), at: positions }
    const mixed = l < L - 1 ? attendAll(rows, l) : attendEnds(rows, l)
    if (l === L - 1) x = gather(x, ends)
    x = g.op("Add", [x, projection(g, mixed, `${prefix}self_attn.o`, decoder.outputBias, { weight, lora: undefined })])
    const widened = norm(x, `${prefix}post_attention_layernorm.weight`)
    x = g.op("Add", [x, mlp(g, widened, l, { config: decoder, weight, lora: undefined })])
  }
  g.output(linear(g, norm(x, normName), weight(scoreName)), "logits")
  return g
}
