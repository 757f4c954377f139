/**
 * What stands for the policy's improvement on each token, to be maximised. r = exp(log p - old log p) of a token, s the
 * geometric mean of r over its row, A the advantage, sg(x) x without gradient, low = 1 - clip_low, high = 1 +
 * clip_high.
 */
import type { Value } from "@ifrl/onnx"
import { detach } from "./Detach.ts"
import type { Emit } from "./Emit.ts"
import { bounded, rowMean, rowSum } from "./Rows.ts"

export interface SurrogateSite {
  readonly g: Emit
  /** [B, T] each; `change` = log p - old log p; `mask` is 1 where a token counts. */
  readonly logProbs: Value
  readonly oldLogProbs: Value
  readonly change: Value
  readonly advantages: Value
  readonly mask: Value
  /** Scalars. */
  readonly clipLow: Value
  readonly clipHigh: Value
  readonly dualClip?: number | undefined
  readonly ratioCap?: number | undefined
  readonly positiveTemperature?: number | undefined
  readonly negativeTemperature?: number | undefined
}

export interface SurrogateResult {
  /** [B, T], or [B, 1] for one value a row. */
  readonly objective: Value
  /** The ratio that the surrogate works on, the same shapes. */
  readonly ratio: Value
  /** Conditions that hold together where the lower or the upper bound took a token's gradient away. */
  readonly low?: ReadonlyArray<Value>
  readonly high?: ReadonlyArray<Value>
}

type Surrogate = (site: SurrogateSite) => SurrogateResult

/** min(min(r, cap) A, clip(r, low, high) A); for A < 0 at least c A (dual clip, arXiv 1912.09729). */
const clippedProduct = (site: SurrogateSite, ratio: Value): SurrogateResult => {
  const { advantages, clipHigh, clipLow, dualClip, g, ratioCap } = site
  const low = g.from(1, clipLow)
  const high = g.shift(clipHigh, 1)
  const clipped = g.op("Min", [g.op("Max", [ratio, low]), high])
  const free = ratioCap === undefined ? ratio : g.op("Min", [ratio, g.scalar(ratioCap, ratio)])
  const single = g.op("Min", [g.mul(free, advantages), g.mul(clipped, advantages)])
  const negative = g.compare("Less", advantages, 0)
  const objective = dualClip === undefined
    ? single
    : g.where(negative, g.op("Max", [single, g.scale(advantages, dualClip)]), single)
  return {
    objective,
    ratio,
    low: [g.compare("Less", ratio, low), negative],
    high: [g.compare("Greater", ratio, high), g.compare("Greater", advantages, 0)]
  }
}

const ratioOf = ({ change, g }: SurrogateSite): Value => g.exp(bounded(g, change))

/** PPO (arXiv 1707.06347) and GRPO (2402.03300), the two bounds apart as in DAPO (2503.14476). */
const clip: Surrogate = (site) => clippedProduct(site, ratioOf(site))

/** GSPO (arXiv 2507.18071): the same with s, one ratio for a whole row. */
const sequence: Surrogate = (site) => {
  const { change, g, mask } = site
  return clippedProduct(site, g.exp(bounded(g, rowMean(g, change, mask))))
}

/**
 * GSPO-token: sg(s) p / sg(p), the value of s with a gradient for each token, for advantages or weights that differ
 * along a row.
 */
const sequenceToken: Surrogate = (site) => {
  const { change, g, logProbs, mask } = site
  const own = g.sub(logProbs, detach(g, logProbs))
  return clippedProduct(site, g.exp(g.add(detach(g, bounded(g, rowMean(g, change, mask))), own)))
}

/**
 * CISPO (arXiv 2506.13585): sg(clip(r, low, high)) A log p. No token loses its gradient; the metrics count bounded
 * weights.
 */
const cispo: Surrogate = (site) => {
  const { advantages, clipHigh, clipLow, g, logProbs } = site
  const ratio = ratioOf(site)
  const low = g.from(1, clipLow)
  const high = g.shift(clipHigh, 1)
  const weight = detach(g, g.op("Min", [g.op("Max", [ratio, low]), high]))
  return {
    objective: g.mul(g.mul(weight, advantages), logProbs),
    ratio,
    low: [g.compare("Less", ratio, low)],
    high: [g.compare("Greater", ratio, high)]
  }
}

/** SAPO (arXiv 2511.20347): A sigmoid(tau (r - 1)) 4 / tau, tau by the sign of A: a soft gate in place of the clip. */
const sapo: Surrogate = (site) => {
  const { advantages, g, negativeTemperature = 1.05, positiveTemperature = 1 } = site
  const ratio = ratioOf(site)
  const gate = (tau: number) => g.scale(g.op("Sigmoid", [g.scale(g.shift(ratio, -1), tau)]), 4 / tau)
  const chosen = g.where(g.compare("Greater", advantages, 0), gate(positiveTemperature), gate(negativeTemperature))
  return { objective: g.mul(chosen, advantages), ratio }
}

/**
 * GMPO (arXiv 2507.20673): A times the geometric mean over a row of r, each bounded from the side that the sign of A
 * favours. The bounds are log-ratios: -clip_low and clip_high.
 */
const geometric: Surrogate = (site) => {
  const { advantages, change, clipHigh, clipLow, g, mask } = site
  const sign = g.sign(advantages)
  const floor = g.neg(clipLow)
  const clamped = g.op("Min", [g.op("Max", [change, floor]), clipHigh])
  const least = g.mul(sign, g.op("Min", [g.mul(sign, change), g.mul(sign, clamped)]))
  const ratio = g.exp(bounded(g, rowMean(g, least, mask)))
  return {
    objective: g.mul(ratio, advantages),
    ratio,
    low: [g.compare("Less", change, floor), g.compare("Less", advantages, 0)],
    high: [g.compare("Greater", change, clipHigh), g.compare("Greater", advantages, 0)]
  }
}

/**
 * VESPO's shape of a row's weight w = prod r: phi(w) = w^k exp(lambda (1 - w)), by the sign of A (constants of TRL
 * 1.10).
 */
const vespoShapes = { positive: { k: 2, lambda: 3 }, negative: { k: 3, lambda: 2 } } as const

/** VESPO: sg(phi(w)) A log p. */
const vespo: Surrogate = (site) => {
  const { advantages, change, g, logProbs, mask } = site
  const logWeight = bounded(g, rowSum(g, change, mask))
  const weight = g.exp(logWeight)
  const shape = ({ k, lambda }: { readonly k: number; readonly lambda: number }) =>
    g.exp(g.add(g.scale(logWeight, k), g.scale(g.from(1, weight), lambda)))
  const positive = g.compare("GreaterOrEqual", advantages, 0)
  const phi = detach(g, g.where(positive, shape(vespoShapes.positive), shape(vespoShapes.negative)))
  return { objective: g.mul(g.mul(phi, advantages), logProbs), ratio: weight }
}

/**
 * DPPO with total variation (prime-rl): r A, without tokens whose probability has moved further than clip_high up (A >
 * 0) or clip_low down (A <= 0). The bounds are differences of probabilities.
 */
const totalVariation: Surrogate = (site) => {
  const { advantages, clipHigh, clipLow, g, logProbs, oldLogProbs } = site
  const moved = g.sub(g.exp(logProbs), g.exp(oldLogProbs))
  const rising = g.compare("Greater", advantages, 0)
  const high = [rising, g.compare("Greater", moved, clipHigh)]
  const low = [g.op("Not", [rising]), g.compare("Less", moved, g.neg(clipLow))]
  const kept = g.op("Not", [g.op("Or", [g.op("And", high), g.op("And", low)])])
  const ratio = ratioOf(site)
  return { objective: g.keep(kept, g.mul(ratio, advantages)), ratio, low, high }
}

/**
 * Every surrogate; whether it has bounds (the inputs clip_low and clip_high), and whether a token's value depends on that
 * token alone.
 */
export const surrogates = {
  clip: { clips: true, perToken: true, build: clip },
  sequence: { clips: true, perToken: false, build: sequence },
  "sequence-token": { clips: true, perToken: false, build: sequenceToken },
  cispo: { clips: true, perToken: true, build: cispo },
  sapo: { clips: false, perToken: true, build: sapo },
  geometric: { clips: true, perToken: false, build: geometric },
  vespo: { clips: false, perToken: false, build: vespo },
  "total-variation": { clips: true, perToken: true, build: totalVariation }
} satisfies Record<string, { readonly clips: boolean; readonly perToken: boolean; readonly build: Surrogate }>

export type SurrogateName = keyof typeof surrogates
