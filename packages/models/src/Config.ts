/**
 * `config.json` of a Hugging Face causal LM to the few numbers that decide the computation. A family is one row of a
 * table over the same decoder. Three kinds of keys: those read here; those in `refusals`, which transformers reads and
 * which change the computation in a way that is not supported; and all others, which transformers' model code for the
 * family never reads, so they cannot change it (names, dtypes, cache and generation defaults, notes of other tools) and
 * are ignored.
 */
import { Result } from "effect"
import { isRecord } from "./Files.ts"
import { ModelError } from "./ModelError.ts"

/** Everything that decides a decoder's computation. Letters are the project's dimension legend. */
export interface DecoderConfig {
  /** Row of the family table. */
  readonly family: "qwen2"
  /** V, rows of the embedding. */
  readonly vocabSize: number
  /** D, width of the residual stream. */
  readonly hiddenSize: number
  /** L, decoder layers. */
  readonly layers: number
  /** H, query heads. */
  readonly heads: number
  /** K, key and value heads; divides H. */
  readonly kvHeads: number
  /** E, width of a head; even. */
  readonly headDim: number
  /** F, width of the MLP. */
  readonly intermediateSize: number
  /** Added to the mean square in RMSNorm. */
  readonly normEpsilon: number
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number
  /** Longest sequence that the model was made for, in tokens. */
  readonly maxPositions: number
  /** The language model head is the embedding. */
  readonly tiedEmbeddings: boolean
  /** Biases on the query, key and value projections. */
  readonly attentionBias: boolean
  /** Standard deviation of freshly initialised weights. */
  readonly initializerRange: number
}

interface Family {
  readonly family: DecoderConfig["family"]
  readonly modelType: string
  readonly attentionBias: boolean
}

/** Families by the name in `architectures`. */
export const families: Readonly<Record<string, Family>> = {
  Qwen2ForCausalLM: { family: "qwen2", modelType: "qwen2", attentionBias: true }
}

type Json = Readonly<Record<string, unknown>>
type Refusal = readonly [problem: string, remedy: string]

const show = (value: unknown) => JSON.stringify(value)

const plainRope = (value: unknown): Refusal | undefined => {
  if (value === undefined || value === null) return undefined
  if (!isRecord(value)) return [`is ${show(value)} where an object or null belongs`, "Fix the value"]
  const type = value["rope_type"] ?? value["type"] ?? "default"
  if (type !== "default") {
    return [
      `rope scaling ${show(type)} is not supported`,
      'Use a checkpoint with plain rotary positions (null or "default")'
    ]
  }
  const partial = value["partial_rotary_factor"] ?? 1
  return partial === 1
    ? undefined
    : [`partial_rotary_factor ${show(partial)} is not supported`, "Use a checkpoint that rotates whole heads"]
}

const mustBe =
  (allowed: ReadonlyArray<unknown>, remedy: string) =>
  (value: unknown): Refusal | undefined =>
    allowed.includes(value) ? undefined : [`${show(value)} is not supported`, remedy]

const absent =
  (what: string, remedy: string) =>
  (value: unknown): Refusal | undefined =>
    value === undefined || value === null ? undefined : [`${what} is not supported`, remedy]

/** Keys that transformers reads for these families and that change the computation: what of each is supported. */
const refusals: Readonly<Record<string, (value: unknown, json: Json) => Refusal | undefined>> = {
  hidden_act: mustBe([undefined, "silu"], "Use a checkpoint whose MLP is gated by silu"),
  rope_scaling: plainRope,
  rope_parameters: plainRope,
  partial_rotary_factor: mustBe([undefined, null, 1], "Use a checkpoint that rotates whole heads"),
  use_sliding_window: (value, json) => {
    const layers = json["num_hidden_layers"]
    const full = json["max_window_layers"] ?? 28
    if (value !== true || json["sliding_window"] === null) return undefined
    return typeof full === "number" && typeof layers === "number" && full >= layers
      ? undefined
      : [
          "sliding-window attention is in use and not supported",
          "Set use_sliding_window to false if every prompt and answer fits into the window, or use another checkpoint"
        ]
  },
  layer_types: (value) =>
    value === undefined || value === null || (Array.isArray(value) && value.every((type) => type === "full_attention"))
      ? undefined
      : [
          `${show(value)} names layers other than "full_attention"`,
          "Use a checkpoint with full attention in every layer"
        ],
  attention_dropout: mustBe([undefined, null, 0], "Set it to 0: dropout is not applied in training"),
  quantization_config: absent(
    "quantized weights",
    "Load the unquantized checkpoint, or dequantize it in Python and save it again"
  ),
  compression_config: absent("compressed weights", "Load the uncompressed checkpoint"),
  auto_map: absent(
    "code that ships with the checkpoint",
    "Remove the key if the weights are those of a stock architecture"
  ),
  add_cross_attention: mustBe([undefined, null, false], "Use a decoder-only checkpoint"),
  is_encoder_decoder: mustBe([undefined, null, false], "Use a decoder-only checkpoint")
}

const refuse = (key: string, [problem, remedy]: Refusal) => new ModelError({ key, problem, remedy })

/** Reads positive integers, numbers and booleans out of the JSON; the first bad one is what `parseConfig` refuses. */
class Reader {
  readonly json: Json
  constructor(json: Json) {
    this.json = json
  }
  private value<A>(key: string, fallback: A | undefined, accepts: (value: unknown) => value is A, kind: string): A {
    const value = this.json[key] ?? fallback
    if (accepts(value)) return value
    throw new ModelError({
      key,
      problem: value === undefined ? "is missing" : `is ${show(value)} where ${kind} belongs`,
      remedy: "Fix config.json; it must be the one that transformers saved with the weights"
    })
  }
  integer(key: string, fallback?: number): number {
    return this.value(
      key,
      fallback,
      (v): v is number => Number.isSafeInteger(v) && (v as number) > 0,
      "a positive integer"
    )
  }
  number(key: string, fallback: number): number {
    return this.value(key, fallback, (v): v is number => Number.isFinite(v) && (v as number) > 0, "a positive number")
  }
  boolean(key: string, fallback: boolean): boolean {
    return this.value(key, fallback, (v): v is boolean => typeof v === "boolean", "true or false")
  }
}

const familyOf = (json: Json): Family => {
  const architectures = json["architectures"]
  const names: ReadonlyArray<unknown> = Array.isArray(architectures) ? architectures : []
  const supported = Object.keys(families).join(", ")
  const type = json["model_type"]
  if (names.length === 0) {
    const byType = Object.values(families).find(({ modelType }) => modelType === type)
    if (byType !== undefined) return byType
    throw refuse("architectures", ["is missing or empty", `Name the architecture; supported: ${supported}`])
  }
  const family =
    names.length === 1 && Object.hasOwn(families, String(names[0])) ? families[String(names[0])] : undefined
  if (family === undefined)
    throw refuse("architectures", [`${show(architectures)} is not supported`, `Supported: ${supported}`])
  if (type === undefined || type === family.modelType) return family
  throw refuse("model_type", [
    `${show(type)} contradicts architecture ${show(names[0])}`,
    `Set it to ${show(family.modelType)}`
  ])
}

const shapes = (family: Family, json: Json): DecoderConfig => {
  const read = new Reader(json)
  const rope = new Reader(
    isRecord(json["rope_parameters"]) && "rope_theta" in json["rope_parameters"] ? json["rope_parameters"] : json
  )
  const hiddenSize = read.integer("hidden_size")
  const heads = read.integer("num_attention_heads")
  return {
    family: family.family,
    vocabSize: read.integer("vocab_size"),
    hiddenSize,
    layers: read.integer("num_hidden_layers"),
    heads,
    kvHeads: json["num_key_value_heads"] === null ? heads : read.integer("num_key_value_heads"),
    headDim: read.integer("head_dim", hiddenSize / heads),
    intermediateSize: read.integer("intermediate_size"),
    normEpsilon: read.number("rms_norm_eps", 1e-6),
    ropeTheta: rope.number("rope_theta", 10_000),
    maxPositions: read.integer("max_position_embeddings", 32_768),
    tiedEmbeddings: read.boolean("tie_word_embeddings", false),
    attentionBias: family.attentionBias,
    initializerRange: read.number("initializer_range", 0.02)
  }
}

const parse = (json: unknown): DecoderConfig => {
  if (!isRecord(json))
    throw new ModelError({ problem: "is not a JSON object", remedy: "Give a Hugging Face config.json" })
  const family = familyOf(json)
  for (const [key, check] of Object.entries(refusals)) {
    const refusal = check(json[key], json)
    if (refusal !== undefined) throw refuse(key, refusal)
  }
  const config = shapes(family, json)
  if (config.heads % config.kvHeads !== 0) {
    throw refuse("num_key_value_heads", [
      `${config.kvHeads} does not divide ${config.heads} attention heads`,
      "Fix config.json"
    ])
  }
  if (config.headDim % 2 !== 0) {
    throw refuse("head_dim", [`${config.headDim} is odd; rotary positions pair its halves`, "Fix config.json"])
  }
  return config
}

/**
 * The config of a supported family, or a ModelError that names the key. Defaults are those of transformers' config
 * class.
 */
export const parseConfig = (json: unknown): Result.Result<DecoderConfig, ModelError> =>
  Result.try({
    try: () => parse(json),
    catch: (error) => {
      if (error instanceof ModelError) return error
      throw error
    }
  })

/** The `config.json` of a fresh model: what both transformers 4 and 5 read. */
export const configJson = (config: DecoderConfig): Record<string, unknown> => {
  const [architecture, family] = Object.entries(families).find(([, row]) => row.family === config.family)!
  return {
    architectures: [architecture],
    model_type: family.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    ...(config.headDim === config.hiddenSize / config.heads ? {} : { head_dim: config.headDim }),
    hidden_act: "silu",
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    max_position_embeddings: config.maxPositions,
    tie_word_embeddings: config.tiedEmbeddings,
    attention_dropout: 0,
    use_sliding_window: false,
    initializer_range: config.initializerRange,
    use_cache: true
  }
}
