/**
 * Weights that correct for tokens sampled from another distribution than the trainer's: w = exp(log p of the trainer
 * before the update - log p of the sampler), bounded by truncation, or by masking what lies outside. They are constants
 * of the objective.
 */
import type { Value } from "@ifrl/onnx"
import { bounded, rowMean, rowSum } from "./Rows.ts"
import type { Emit } from "./Emit.ts"

interface Ratios {
  readonly g: Emit
  /** Trainer minus sampler, [B, T]. */
  readonly gap: Value
  /** 1 where a token counts, [B, T]. */
  readonly mask: Value
  readonly low: number
  readonly high: number
}

const token = ({ g, gap }: Ratios): Value => g.exp(bounded(g, gap))
/** Product over the tokens of a row, [B, 1]. */
const sequence = ({ g, gap, mask }: Ratios): Value => g.exp(bounded(g, rowSum(g, gap, mask)))
/** Geometric mean over the tokens of a row, [B, 1]. */
const geometric = ({ g, gap, mask }: Ratios): Value => g.exp(bounded(g, rowMean(g, gap, mask)))

const truncated = ({ g, high, low }: Ratios, w: Value): Value => g.op("Clip", [w, g.scalar(low, w), g.scalar(high, w)])

const within = ({ g, high, low }: Ratios, w: Value): Value =>
  g.cast(g.op("And", [g.compare("GreaterOrEqual", w, low), g.compare("LessOrEqual", w, high)]), w.type)

/**
 * The weights by name, after the level at which the ratio is taken and what its bounds do; `perToken` where that is the token. geometric-mask
 * keeps or drops rows by the geometric mean of their ratios, and weighs the tokens of kept rows by their own.
 */
export const importanceWeights = {
  "token-truncate": { perToken: true, build: (site) => truncated(site, token(site)) },
  "token-mask": { perToken: true, build: (site) => site.g.mul(token(site), within(site, token(site))) },
  "sequence-truncate": { perToken: false, build: (site) => truncated(site, sequence(site)) },
  "sequence-mask": { perToken: false, build: (site) => site.g.mul(sequence(site), within(site, sequence(site))) },
  "geometric-mask": { perToken: false, build: (site) => site.g.mul(token(site), within(site, geometric(site))) }
} satisfies Record<string, { readonly perToken: boolean; readonly build: (site: Ratios) => Value }>

export type ImportanceName = keyof typeof importanceWeights
export const importanceNames = Object.keys(importanceWeights) as ReadonlyArray<ImportanceName>
