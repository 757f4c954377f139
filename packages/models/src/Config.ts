/**
 * `config.json` of a Hugging Face causal LM to the few numbers that decide the computation. Families differ by a row of
 * a table (Families.ts) over the same decoder. Three kinds of keys: those read here and there; those in `refusals`,
 * which transformers reads and which change the computation in a way that is not supported; and all others, which
 * transformers' model code for the family never reads, so they cannot change it (names, dtypes, cache and generation
 * defaults, notes of other tools) and are ignored.
 */
import { Result } from "effect"
import { ConfigReader, type Json, type Refusal, refuse, show } from "./ConfigReader.ts"
import { families, type Family, type FamilyName, type SlidingWindow } from "./Families.ts"
import { isRecord } from "./Files.ts"
import { ModelError } from "./ModelError.ts"
import { parseRope, ropeJson, type RopeScaling } from "./RopeScaling.ts"

/**
 * Everything that decides a decoder's computation. Letters are the project's dimension legend. Optional fields are
 * absent where the decoder is plain.
 */
export interface DecoderConfig {
  /** Row of the family table. */
  readonly family: FamilyName
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
  /** E, width of a head; even, and not necessarily D / H. */
  readonly headDim: number
  /** F, width of the MLP. */
  readonly intermediateSize: number
  /** Added to the mean square in RMSNorm. */
  readonly normEpsilon: number
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number
  /** Longest sequence that the model was made for, in tokens; where rope scaling stretches it, the stretched one. */
  readonly maxPositions: number
  /** The language model head is the embedding. */
  readonly tiedEmbeddings: boolean
  /** Biases on the query, key and value projections. */
  readonly attentionBias: boolean
  /** A bias on the output projection of attention. */
  readonly outputBias?: boolean | undefined
  /** Biases on the three projections of the MLP. */
  readonly mlpBias?: boolean | undefined
  /** RMS norm of every query and key head before it is rotated, with one weight [E] for queries and one for keys. */
  readonly qkNorm?: boolean | undefined
  /** Stretches rotary positions. */
  readonly ropeScaling?: RopeScaling | undefined
  /** Layers with attention to the last tokens only. */
  readonly slidingWindow?: SlidingWindow | undefined
  /** Layers without rotary positions. */
  readonly positionless?: ReadonlyArray<number> | undefined
  /** Standard deviation of freshly initialised weights. */
  readonly initializerRange: number
}

/** Tokens that a layer sees, the current one included; undefined for all. */
export const windowOf = ({ slidingWindow }: DecoderConfig, layer: number): number | undefined =>
  slidingWindow?.layers.includes(layer) === true ? slidingWindow.size : undefined

/** Whether a layer turns queries and keys by their positions. */
export const isRotary = ({ positionless }: DecoderConfig, layer: number): boolean =>
  positionless?.includes(layer) !== true

const mustBe =
  (allowed: ReadonlyArray<unknown>, remedy: string) =>
  (value: unknown): Refusal | undefined =>
    allowed.includes(value) ? undefined : [`${show(value)} is not supported`, remedy]

const absent =
  (what: string, remedy: string) =>
  (value: unknown): Refusal | undefined =>
    value === undefined || value === null ? undefined : [`${what} is not supported`, remedy]

/** Keys that transformers reads for these families and that change the computation: what of each is supported. */
const refusals: Readonly<Record<string, (value: unknown) => Refusal | undefined>> = {
  hidden_act: mustBe([undefined, "silu", "swish"], "Use a checkpoint whose MLP is gated by silu"),
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

/** Without the fields that are undefined, false or empty. */
const onlyPresent = <A extends object>(fields: A): Partial<A> =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== undefined && value !== false && (value as Array<unknown>).length !== 0
    )
  ) as Partial<A>

const shapes = (family: Family, json: Json): DecoderConfig => {
  const read = new ConfigReader(json)
  const { defaults } = family
  const hiddenSize = read.integer("hidden_size")
  const heads = read.integer("num_attention_heads")
  const layers = read.integer("num_hidden_layers")
  const positions = read.integer("max_position_embeddings", defaults.maxPositions)
  const { maxPositions, ropeScaling, ropeTheta } = parseRope(read, positions, defaults.ropeTheta)
  const on = (part: Family["mlpBias"]) => (typeof part === "boolean" ? part : read.boolean(part, false))
  const positionless = family.positionless(read, layers)
  return {
    family: family.family,
    vocabSize: read.integer("vocab_size"),
    hiddenSize,
    layers,
    heads,
    kvHeads:
      json["num_key_value_heads"] === null ? heads : read.integer("num_key_value_heads", defaults.kvHeads ?? heads),
    headDim: read.integer("head_dim", defaults.headDim ?? Math.floor(hiddenSize / heads)),
    intermediateSize: read.integer("intermediate_size"),
    normEpsilon: read.number("rms_norm_eps", 1e-6),
    ropeTheta,
    maxPositions,
    tiedEmbeddings: read.boolean("tie_word_embeddings", defaults.tiedEmbeddings),
    attentionBias: on(family.attentionBias),
    ...onlyPresent({
      outputBias: on(family.outputBias),
      mlpBias: on(family.mlpBias),
      qkNorm: family.qkNorm,
      ropeScaling,
      slidingWindow: family.window(read, layers, positionless),
      positionless
    }),
    initializerRange: read.number("initializer_range", 0.02)
  }
}

const parse = (json: unknown): DecoderConfig => {
  if (!isRecord(json))
    throw new ModelError({ problem: "is not a JSON object", remedy: "Give a Hugging Face config.json" })
  const family = familyOf(json)
  for (const [key, check] of Object.entries(refusals)) {
    const refusal = check(json[key])
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

/** Keys of what only some families have. */
const familyJson: Readonly<Record<FamilyName, (config: DecoderConfig) => Record<string, unknown>>> = (() => {
  const windows = ({ layers, slidingWindow }: DecoderConfig) =>
    slidingWindow === undefined
      ? { use_sliding_window: false }
      : {
          use_sliding_window: true,
          sliding_window: slidingWindow.size,
          layer_types: Array.from({ length: layers }, (_, l) =>
            slidingWindow.layers.includes(l) ? "sliding_attention" : "full_attention"
          )
        }
  const biases = ({ attentionBias, mlpBias }: DecoderConfig) => ({
    attention_bias: attentionBias,
    mlp_bias: mlpBias ?? false
  })
  return {
    llama: biases,
    mistral: ({ slidingWindow }) => ({ sliding_window: slidingWindow?.size ?? null }),
    qwen2: windows,
    qwen3: (config) => ({ attention_bias: config.attentionBias, ...windows(config) }),
    smollm3: (config) => ({
      ...biases(config),
      ...windows(config),
      no_rope_layers: Array.from({ length: config.layers }, (_, l) => Number(isRotary(config, l)))
    })
  }
})()

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
    ...(config.headDim === (family.defaults.headDim ?? config.hiddenSize / config.heads)
      ? {}
      : { head_dim: config.headDim }),
    hidden_act: "silu",
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    ...(config.ropeScaling === undefined ? {} : { rope_scaling: ropeJson(config.ropeScaling) }),
    max_position_embeddings:
      config.ropeScaling?.type === "dynamic" ? config.ropeScaling.originalPositions : config.maxPositions,
    tie_word_embeddings: config.tiedEmbeddings,
    attention_dropout: 0,
    ...familyJson[config.family](config),
    initializer_range: config.initializerRange,
    use_cache: true,
    // Some families' default ids lie beyond a small vocabulary, and transformers refuses to load those.
    bos_token_id: null,
    eos_token_id: null,
    pad_token_id: null
  }
}
