/**
 * What sets one family of decoders apart from the next: the keys of its config that decide the computation, and their
 * defaults in transformers' config class. A family is one row; the decoder is the same for all.
 */
import { type ConfigReader, refuse, show } from "./ConfigReader.ts"

export type FamilyName = "llama" | "mistral" | "qwen2" | "qwen3" | "smollm3"

/** Layers whose attention sees only the last `size` tokens, the current one included. */
export interface SlidingWindow {
  readonly size: number
  readonly layers: ReadonlyArray<number>
}

/** A switch of the architecture: fixed, or a boolean key that is off by default. */
type Switch = boolean | "attention_bias" | "mlp_bias"

export interface Family {
  readonly family: FamilyName
  readonly modelType: string
  /** RMS norm of every query and key head. */
  readonly qkNorm: boolean
  /** Biases of the query, key and value projections, of the output projection, and of the MLP. */
  readonly attentionBias: Switch
  readonly outputBias: Switch
  readonly mlpBias: Switch
  readonly window: (
    config: ConfigReader,
    layers: number,
    positionless: ReadonlyArray<number>
  ) => SlidingWindow | undefined
  /** Layers without rotary positions. */
  readonly positionless: (config: ConfigReader, layers: number) => ReadonlyArray<number>
  /** Of keys that a config leaves out; undefined follows from other keys. */
  readonly defaults: {
    readonly kvHeads?: number
    readonly headDim?: number
    readonly maxPositions: number
    readonly ropeTheta: number
    readonly tiedEmbeddings: boolean
  }
}

const layersWhere = (count: number, holds: (layer: number) => boolean): Array<number> =>
  Array.from({ length: count }, (_, l) => l).filter(holds)

const isLayerType = (value: unknown): value is string => value === "full_attention" || value === "sliding_attention"
const isFlag = (value: unknown): value is number | boolean => [0, 1, true, false].includes(value as number)

// -------------------- windows --------------------

/** `layer_types`, else what the family makes of `use_sliding_window`. */
const windowByLayer =
  (
    implied: (config: ConfigReader, positionless: ReadonlyArray<number>) => (layer: number) => boolean
  ): Family["window"] =>
  (config, layers, positionless) => {
    const used = config.boolean("use_sliding_window", false) && config.json["sliding_window"] !== null
    const types = config.perLayer("layer_types", layers, isLayerType, '"full_attention" or "sliding_attention"')
    const byDefault = implied(config, positionless)
    const sliding = layersWhere(
      layers,
      types === undefined ? (l) => used && byDefault(l) : (l) => types[l] !== "full_attention"
    )
    if (sliding.length === 0) return undefined
    if (!used) {
      throw refuse("layer_types", [
        `${show(types)} names sliding layers and use_sliding_window is off`,
        'Set use_sliding_window to true and sliding_window to the window, or make every layer "full_attention"'
      ])
    }
    return { size: config.integer("sliding_window"), layers: sliding }
  }

/** Full attention: the family knows no window, and a config that asks for one means another architecture. */
const noWindow: Family["window"] = (config, layers) => {
  config.perLayer("layer_types", layers, (v): v is string => v === "full_attention", '"full_attention"')
  return undefined
}

/** One window for all layers, unless it is null. */
const windowEverywhere: Family["window"] = (config, layers, positionless) => {
  noWindow(config, layers, positionless)
  if (config.json["sliding_window"] === null) return undefined
  return { size: config.integer("sliding_window", 4096), layers: layersWhere(layers, () => true) }
}

const fromWindowLayer = windowByLayer((config) => {
  const first = config.json["max_window_layers"] === 0 ? 0 : config.integer("max_window_layers", 28)
  return (layer) => layer >= first
})

// -------------------- the table --------------------

const plain = {
  qkNorm: false,
  attentionBias: false,
  outputBias: false,
  mlpBias: false,
  window: noWindow,
  positionless: () => []
} as const satisfies Partial<Family>

/** Families by the name in `architectures`. SmolLM and SmolLM2 are Llamas. */
export const families: Readonly<Record<string, Family>> = {
  LlamaForCausalLM: {
    ...plain,
    family: "llama",
    modelType: "llama",
    attentionBias: "attention_bias",
    outputBias: "attention_bias",
    mlpBias: "mlp_bias",
    defaults: { maxPositions: 2048, ropeTheta: 1e4, tiedEmbeddings: false }
  },
  MistralForCausalLM: {
    ...plain,
    family: "mistral",
    modelType: "mistral",
    window: windowEverywhere,
    defaults: { kvHeads: 8, maxPositions: 131_072, ropeTheta: 1e4, tiedEmbeddings: false }
  },
  Qwen2ForCausalLM: {
    ...plain,
    family: "qwen2",
    modelType: "qwen2",
    attentionBias: true,
    window: fromWindowLayer,
    defaults: { kvHeads: 32, maxPositions: 32_768, ropeTheta: 1e4, tiedEmbeddings: false }
  },
  Qwen3ForCausalLM: {
    ...plain,
    family: "qwen3",
    modelType: "qwen3",
    qkNorm: true,
    attentionBias: "attention_bias",
    outputBias: "attention_bias",
    window: fromWindowLayer,
    defaults: { kvHeads: 32, headDim: 128, maxPositions: 32_768, ropeTheta: 1e4, tiedEmbeddings: false }
  },
  SmolLM3ForCausalLM: {
    ...plain,
    family: "smollm3",
    modelType: "smollm3",
    attentionBias: "attention_bias",
    outputBias: "attention_bias",
    mlpBias: "mlp_bias",
    window: windowByLayer((_, positionless) => (layer) => positionless.includes(layer)),
    positionless: (config, layers) => {
      const rotated = config.perLayer("no_rope_layers", layers, isFlag, "0 or 1")
      const interval = config.integer("no_rope_layer_interval", 4)
      // The key's name notwithstanding, 1 stands for a layer with rotary positions.
      return layersWhere(layers, (l) => (rotated === undefined ? (l + 1) % interval === 0 : !rotated[l]))
    },
    defaults: { kvHeads: 4, maxPositions: 32_768, ropeTheta: 2e6, tiedEmbeddings: true }
  }
}
