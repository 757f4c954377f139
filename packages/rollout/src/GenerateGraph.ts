/**
 * The decode step, `generate_model.onnx`: T new tokens of B rows go in, keys and values go to their places in a cache,
 * and the token after one of the T comes out, sampled. T > 1 is the prefill of right-padded prompts (or of a slice of
 * long ones), T = 1 is decoding, for which there is a form with fewer nodes. Rows stand at positions of their own, so
 * ragged batches need no padding mask: a position sees the cache up to itself, and what padding wrote further on is
 * overwritten before anything can see it.
 *
 * Past and present of a layer are meant to be one buffer, bound as input and as output: ScatterND then writes the new
 * entries in place. Attention is two batched products with the query heads of a group side by side. ONNX Runtime's
 * GroupQueryAttention walks heads one by one, took about twice as long on CPU, and has no fp32 kernel on CUDA.
 */
import {
  type DecoderConfig, decoderParameters, isRotary, jointParameters, loraInputs, type LoraShape, ropeTables, ropeValues, softmax,
  swiGlu, windowOf
} from "@ifrl/models"
import { type ElementType, float, Graph, type Value } from "@ifrl/onnx"
import { type Projection, projections } from "./Projection.ts"
import { sample, type Sampled, samplingScalars } from "./Sampling.ts"

export interface GenerateGraphOptions {
  /** S, positions that the graph can address: the most that a cache may hold. */
  readonly maxLength: number
  /** Type of weights, activations and cache; sampling is float32 whatever this is. Default float32. */
  readonly elementType?: "float32" | "float16" | "bfloat16"
  /** Default `rows`. */
  readonly projection?: Projection
  /** The graph is for T = 1 alone: smaller, and without the input `last_token`. Default false. */
  readonly single?: boolean
  /** See `SamplingOptions`. */
  readonly candidates?: number
  /**
   * The projections of queries, keys and values are one weight, as `jointParameters` has them. Not along with adapters, which
   * belong to one each. Default false.
   */
  readonly joint?: boolean
  /** Adds adapters, whose tensors are further inputs. */
  readonly lora?: LoraShape | undefined
}

/** Names of the graph's inputs and outputs that aren't parameters. */
export const cacheNames = (layers: number): ReadonlyArray<{ readonly past: string; readonly present: string }> =>
  Array.from({ length: layers }, (_, l) => ["key", "value"].map((kind) => ({
    past: `past_key_values.${l}.${kind}`,
    present: `present.${l}.${kind}`
  }))).flat()

/**
 * Inputs: `input_ids` [B, T] int64; `past_lengths` [B] int64, tokens already in a row's cache; `last_token` [B] int64,
 * which of the T to sample after; `uniforms` [B, G, 2]; the scalars of sampling; parameters by their Hugging Face
 * names; `past_key_values.{l}.key|value` [B, K, S, E]. Outputs: `tokens` [B, G] int64, `log_probs` and
 * `sampling_log_probs` [B, G] float32, `present.{l}.key|value` [B, K, S, E]. S may be any length up to `maxLength` that
 * holds every position in use.
 */
export const generateGraph = (config: DecoderConfig, options: GenerateGraphOptions): Graph => {
  const { headDim: E, heads: H, hiddenSize: D, kvHeads: K, layers: L, vocabSize: V } = config
  const { elementType = "float32", joint = false, single = false } = options
  const g = new Graph("generate")
  const { bias, features, fromRows, project, projectOn, toRows } = projections(g, options.projection ?? "rows")
  const ints = (...values: ReadonlyArray<number>) => g.constant("int64", values)
  const reshape = (x: Value, shape: Value) => g.op("Reshape", [x, shape])
  const concat = (values: ReadonlyArray<Value>, axis = 0) => g.op("Concat", values, { axis })
  const cast = (x: Value, to: ElementType) => x.type === to ? x : g.op("Cast", [x], { to })

  const ids = g.input("input_ids", "int64", ["B", single ? 1 : "T"])
  const pastLengths = g.input("past_lengths", "int64", ["B"])
  const lastToken = single ? undefined : g.input("last_token", "int64", ["B"])
  const uniforms = g.input("uniforms", "float32", ["B", "G", 2])
  const [temperature, topK, topP, minP] = samplingScalars.map(({ name, type }) => g.input(name, type, []))
  const parameters = new Map(
    (joint ? jointParameters : decoderParameters)(config).map(({ name, shape }) => [name, g.input(name, elementType, shape)])
  )
  const weight = (name: string) => parameters.get(name)!
  const embedding = weight("model.embed_tokens.weight")
  const lora = options.lora === undefined ? undefined : loraInputs(g, config, options.lora, elementType)
  /** A module's product y, in the layout of the projections, with what its adapter makes of rows [N, in]. */
  const adapted = (module: string, rows: () => Value, y: Value): Value => {
    const factors = lora?.factors(module)
    if (factors === undefined) return y
    const low = g.op("Mul", [project(factors.a, rows()), g.constant(elementType, options.lora!.scale)])
    return projectOn(factors.b, low, y)
  }

  // Positions [B, T], which are also where new entries go. A dimension that is 0 in a shape for Reshape stays as it is.
  const range = (length: Value) =>
    g.op("Range", [g.constant("int64", 0), g.op("Squeeze", [length, ints(0)]), g.constant("int64", 1)])
  const [b, t] = [0, 1].map((axis) => g.op("Shape", [ids], { start: axis, end: axis + 1 })) as [Value, Value]
  const since = g.op("Unsqueeze", [pastLengths, ints(1)])
  const positions = single ? since : g.op("Add", [since, range(t)])
  const caches = cacheNames(L).map(({ past }) => g.input(past, elementType, ["B", K, "S", E]))
  const places = concat([b, ints(K), t, ints(1)])
  const slots = concat([
    g.op("Expand", [reshape(range(b), ints(-1, 1, 1, 1)), places]),
    g.op("Expand", [g.constant("int64", Array.from({ length: K }, (_, k) => k), [1, K, 1, 1]), places]),
    g.op("Expand", [g.op("Unsqueeze", [positions, ints(1, 3)]), places])
  ], 3)
  const group = H / K
  const all = H + 2 * K
  const apartByToken = concat([b, ints(-1, all, E)])
  /** Rows [B T, (H + 2K) E] as [B, H + 2K, T, E]: the same order of elements where T is 1. */
  const byHead = (rows: Value) =>
    single
      ? reshape(rows, ints(-1, all, 1, E))
      : g.op("Transpose", [reshape(rows, apartByToken)], { perm: [0, 2, 1, 3] })
  /** [B, K, G T, E] as rows [B T, H E]. */
  const byToken = (context: Value) =>
    reshape(
      single ? context : g.op("Transpose", [reshape(context, ints(0, H, -1, E))], { perm: [0, 2, 1, 3] }),
      ints(-1, H * E)
    )
  /**
   * What each position may see, [B, 1, 1, T, S], or [B, 1, 1, S] where T is 1. S is read off what ScatterND wrote: a past
   * has no other consumer.
   */
  const sight = (keys: Value, window: number | undefined) => {
    const capacity = g.op("Shape", [keys], { start: 2, end: 3 })
    const [slots, own] = [range(capacity), g.op("Unsqueeze", [positions, single ? ints(1, 2) : ints(1, 2, 4)])]
    const past = g.op("LessOrEqual", [slots, own])
    const visible = window === undefined
      ? past
      : g.op("And", [past, g.op("Greater", [slots, g.op("Sub", [own, ints(window)])])])
    const mask = g.op("Where", [visible, g.constant("float32", 0), g.constant("float32", -1e30)])
    // Scores [B, K, G T, S] are reshaped to one over which the mask broadcasts, and back, where T isn't 1.
    if (single) return { mask, apart: (scores: Value) => scores, together: (weights: Value) => weights }
    const [scores, flat] = [concat([b, ints(K, group), t, capacity]), concat([b, ints(K, -1), capacity])]
    return { mask, apart: (x: Value) => reshape(x, scores), together: (x: Value) => reshape(x, flat) }
  }
  const sights = new Map<number | undefined, ReturnType<typeof sight>>()
  const { cos, sin } = ropeValues(g, ropeTables(config, options.maxLength), elementType)

  const normalize = (x: Value, weight: Value) =>
    g.op("SimplifiedLayerNormalization", [x, weight], { axis: -1, epsilon: float(config.normEpsilon) })

  const presents: Array<Value> = []
  const attend = (h: Value, l: number): Value => {
    const layer = `model.layers.${l}.self_attn`
    const window = windowOf(config, l)
    const projected = (joint ? ["qkv"] : ["q", "k", "v"]).map((kind) => {
      const name = `${layer}.${kind}_proj`
      const y = project(weight(`${name}.weight`), h, config.attentionBias ? bias(weight(`${name}.bias`)) : undefined)
      return adapted(name, () => h, y)
    })
    const whole = projected.length === 1 ? projected[0]! : concat(projected, features)
    const heads = g.ops("Split", [byHead(toRows(whole)), ints(H, K, K)], 3, { axis: 1 })
    const turned = ["q", "k"].map((kind, i) => {
      const x = config.qkNorm === true ? normalize(heads[i]!, weight(`${layer}.${kind}_norm.weight`)) : heads[i]!
      return isRotary(config, l) ? g.op("RotaryEmbedding", [x, positions, cos, sin], {}, { domain: "com.microsoft" }) : x
    })
    const [allKeys, allValues] = [turned[1]!, heads[2]!].map((entries, i) =>
      g.op("ScatterND", [caches[2 * l + i]!, slots, entries])) as [Value, Value]
    presents.push(allKeys, allValues)
    const seen = sights.get(window) ?? sight(allKeys, window)
    sights.set(window, seen)
    const scores = g.op("FusedMatMul", [reshape(turned[0]!, ints(0, K, -1, E)), allKeys], {
      transB: 1,
      alpha: float(E ** -0.5)
    })
    const masked = g.op("Add", [cast(seen.apart(scores), "float32"), seen.mask])
    const weights = seen.together(cast(softmax(g, masked), elementType))
    return byToken(g.op("MatMul", [weights, allValues]))
  }

  /** An addend with the bias of a projection, where there is one. */
  const withBias = (x: Value, name: string, has: boolean | undefined) =>
    has === true ? g.op("Add", [x, bias(weight(`${name}.bias`))]) : x

  /** Of rows [B T, width] those of the tokens `at` [B], [B, width]. */
  const rowsAt = (at: Value, rows: Value, width: number) =>
    g.op("GatherND", [reshape(rows, concat([b, ints(-1, width)])), g.op("Unsqueeze", [at, ints(1)])], { batch_dims: 1 })

  // The residual stream keeps the layout of the projections, so that adding to it is part of the product.
  let x = fromRows(reshape(g.op("Gather", [embedding, ids], { axis: 0 }), ints(-1, D)))
  for (let l = 0; l < L; l++) {
    const layer = `model.layers.${l}`
    const everywhere = attend(normalize(toRows(x), weight(`${layer}.input_layernorm.weight`)), l)
    // Past the last layer's keys and values nothing reads what would become of the tokens that aren't sampled after.
    const ends = l === L - 1 ? lastToken : undefined
    const attended = ends === undefined ? everywhere : rowsAt(ends, everywhere, H * E)
    if (ends !== undefined) x = fromRows(rowsAt(ends, toRows(x), D))
    const output = `${layer}.self_attn.o_proj`
    x = adapted(
      output,
      () => attended,
      project(weight(`${output}.weight`), attended, withBias(x, output, config.outputBias))
    )
    const h = normalize(toRows(x), weight(`${layer}.post_attention_layernorm.weight`))
    const widen = (kind: string) => {
      const name = `${layer}.mlp.${kind}_proj`
      const y = project(
        weight(`${name}.weight`),
        h,
        config.mlpBias === true ? bias(weight(`${name}.bias`)) : undefined
      )
      return adapted(name, () => h, y)
    }
    const gated = swiGlu(g, widen("gate"), widen("up"))
    const down = `${layer}.mlp.down_proj`
    x = adapted(
      down,
      () => toRows(gated),
      projectOn(weight(`${down}.weight`), gated, withBias(x, down, config.mlpBias))
    )
  }

  const hidden = normalize(toRows(x), weight("model.norm.weight"))
  const head = config.tiedEmbeddings ? embedding : weight("lm_head.weight")
  const logits = cast(toRows(project(head, hidden)), "float32")
  const sampled: Sampled = sample(g, {
    logits,
    uniforms,
    temperature: temperature!,
    topK: topK!,
    topP: topP!,
    minP: minP!
  }, { vocabSize: V, ...(options.candidates === undefined ? {} : { candidates: options.candidates }) })
  g.output(sampled.tokens, "tokens")
  g.output(sampled.logProbs, "log_probs")
  g.output(sampled.samplingLogProbs, "sampling_log_probs")
  for (const [i, { present }] of cacheNames(L).entries()) g.output(presents[i]!, present)
  return g
}
