/**
 * How a model's rotary positions are stretched beyond the length that it was first trained on, as `rope_scaling`
 * (transformers 4) or `rope_parameters` (transformers 5) tells. Formulas are in Rope.ts.
 */
import { type ConfigReader, type Refusal, refuse, show } from "./ConfigReader.ts"

/** A row of the table below, as a config holds it. Positions and wavelengths are in tokens. */
export type RopeScaling =
  | { readonly type: "linear"; readonly factor: number }
  | { readonly type: "dynamic"; readonly factor: number; readonly originalPositions: number }
  | {
      readonly type: "yarn"
      readonly factor: number
      readonly originalPositions: number
      /** Multiplies cos and sin, and so, squared, the scores of attention. */
      readonly attentionFactor: number
      /** Turns over the original length above which a frequency stays and below which it is stretched in full. */
      readonly betaFast: number
      readonly betaSlow: number
      /** Round the dimensions between which the ramp lies. */
      readonly truncate: boolean
    }
  | {
      readonly type: "llama3"
      readonly factor: number
      readonly lowFrequencyFactor: number
      readonly highFrequencyFactor: number
      readonly originalPositions: number
    }

/** 0.1 m ln(s) + 1 (Peng et al. 2023, section 3.4), and 1 where nothing is stretched. */
const magnitude = (scale: number, m: number): number => (scale <= 1 ? 1 : 0.1 * m * Math.log(scale) + 1)

type Parse = (rope: ConfigReader, originalPositions: number, maxPositions: number) => RopeScaling | undefined

/** `rope_type` -> its parameters. */
const scalings: Readonly<Record<string, Parse>> = {
  default: () => undefined,
  linear: (rope) => ({ type: "linear", factor: rope.number("factor") }),
  dynamic: (rope, _, maxPositions) => ({
    type: "dynamic",
    factor: rope.number("factor"),
    originalPositions: maxPositions
  }),
  yarn: (rope, originalPositions, maxPositions) => {
    const factor = rope.number("factor", maxPositions / originalPositions)
    const [m, all] = [rope.json["mscale"], rope.json["mscale_all_dim"]]
    const implied =
      m && all
        ? magnitude(factor, rope.number("mscale")) / magnitude(factor, rope.number("mscale_all_dim"))
        : magnitude(factor, 1)
    return {
      type: "yarn",
      factor,
      originalPositions,
      attentionFactor: rope.number("attention_factor", implied),
      betaFast: rope.number("beta_fast", 32),
      betaSlow: rope.number("beta_slow", 1),
      truncate: rope.boolean("truncate", true)
    }
  },
  llama3: (rope, originalPositions) => ({
    type: "llama3",
    factor: rope.number("factor"),
    lowFrequencyFactor: rope.number("low_freq_factor"),
    highFrequencyFactor: rope.number("high_freq_factor"),
    originalPositions
  })
}

const wholeHeads = (value: unknown): Refusal | undefined =>
  value === undefined || value === null || value === 1
    ? undefined
    : [`${show(value)} is not supported`, "Use a checkpoint that rotates whole heads"]

/** The longest sequence: dynamic scaling and YaRN tell the length before them and a factor. */
const stretched = (scaling: RopeScaling | undefined, maxPositions: number): number =>
  scaling?.type === "dynamic" || scaling?.type === "yarn"
    ? Math.max(maxPositions, Math.floor(scaling.factor * scaling.originalPositions))
    : maxPositions

/**
 * The rotary parameters of a config, and the longest sequence that they allow. The object's own values win over those
 * beside it, as in transformers.
 */
export const parseRope = (config: ConfigReader, maxPositions: number, defaultTheta: number) => {
  const key = config.object("rope_scaling") === undefined ? "rope_parameters" : "rope_scaling"
  const rope = config.object(key)
  for (const [name, value] of [
    ["partial_rotary_factor", config.json["partial_rotary_factor"]],
    [`${key}.partial_rotary_factor`, rope?.json["partial_rotary_factor"]]
  ] as const) {
    const refusal = wholeHeads(value)
    if (refusal !== undefined) throw refuse(name, refusal)
  }
  const outer = config.number("rope_theta", defaultTheta)
  if (rope === undefined) return { ropeTheta: outer, ropeScaling: undefined, maxPositions }
  const nested = Object.keys(rope.json).find((name) => name.endsWith("_attention"))
  if (nested !== undefined) {
    throw refuse(`${key}.${nested}`, [
      "rotary parameters by kind of layer are not supported",
      "Use a checkpoint with one set of rotary parameters"
    ])
  }
  const type = rope.json["rope_type"] ?? rope.json["type"] ?? "default"
  if (typeof type !== "string" || !Object.hasOwn(scalings, type)) {
    throw refuse(key, [`rope scaling ${show(type)} is not supported`, `Supported: ${Object.keys(scalings).join(", ")}`])
  }
  const original = config.integer(
    "original_max_position_embeddings",
    rope.integer("original_max_position_embeddings", maxPositions)
  )
  const ropeScaling = scalings[type]!(rope, original, maxPositions)
  return {
    ropeTheta: rope.number("rope_theta", outer),
    ropeScaling,
    maxPositions: stretched(ropeScaling, maxPositions)
  }
}

/** `rope_scaling` as both transformers 4 and 5 read it. */
export const ropeJson = (scaling: RopeScaling): Record<string, unknown> => {
  const { factor, type } = scaling
  const head = { rope_type: type, factor }
  switch (type) {
    case "linear":
    case "dynamic":
      return head
    case "yarn":
      return {
        ...head,
        original_max_position_embeddings: scaling.originalPositions,
        attention_factor: scaling.attentionFactor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        ...(scaling.truncate ? {} : { truncate: false })
      }
    case "llama3":
      return {
        ...head,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalPositions
      }
  }
}
