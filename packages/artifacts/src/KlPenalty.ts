/**
 * Per-token estimates of KL(policy || reference) from sampled tokens (Schulman 2020, joschu.net/blog/kl-approx.html),
 * with d = log reference - log policy: k1 = -d, k2 = d^2 / 2, k3 = exp(d) - d - 1. Large d needs a bound; which one is
 * a choice by name.
 */
import type { Value } from "@ifrl/onnx"
import { detach } from "./Detach.ts"
import type { Emit } from "./Emit.ts"

/** Where k3 goes over into its tangent unless a clamp says otherwise. */
const tangentFrom = 10

/** Below this exp stays finite in float32. */
const finiteBelow = 80

/**
 * k3 = exp(d) - d - 1, an unbiased and never negative estimate of KL(policy || reference), d = log reference - log
 * policy (Schulman 2020). For |d| <= 1/2, where the difference would cancel, its series to d^14 / 14!. From `knee` on
 * its tangent there: the value stays finite and the gradient neither vanishes, as it does under the usual clamp of the
 * result, nor becomes NaN.
 */
export const k3 = (g: Emit, d: Value, knee = tangentFrom): Value => {
  const near = g.op("Clip", [d, g.scalar(-0.5, d), g.scalar(0.5, d)])
  let series = g.full(1, near)
  for (let n = 14; n >= 3; n--) series = g.shift(g.mul(series, g.scale(near, 1 / n)), 1)
  const bounded = g.op("Min", [d, g.scalar(knee, d)])
  // Max, not d - bounded: the slopes of the two would cancel and leave float32's rounding of exp(knee) behind.
  const beyond = g.op("Max", [g.shift(d, -knee), g.scalar(0, d)])
  const tangent = g.scale(beyond, Math.exp(knee) - 1)
  const direct = g.add(g.sub(g.exp(bounded), g.shift(bounded, 1)), tangent)
  const small = g.compare("LessOrEqual", g.op("Abs", [d]), 0.5)
  return g.where(small, g.mul(g.scale(g.square(near), 0.5), series), direct)
}

const k2 = (g: Emit, d: Value): Value => g.scale(g.square(d), 0.5)

/** The estimators by name. */
const estimators = {
  k1: (g, d) => g.neg(d),
  abs: (g, d) => g.op("Abs", [d]),
  k2,
  k3
} satisfies Record<string, (g: Emit, d: Value, knee?: number) => Value>

type Plain = keyof typeof estimators
/**
 * "k1+" and "k3+" have the value of k1 or k3 and the gradient of k2, which is the gradient of the KL's expectation
 * (verl).
 */
export type KlEstimator = Plain | "k1+" | "k3+"
export const klEstimators: ReadonlyArray<KlEstimator> = ["k1", "abs", "k2", "k3", "k1+", "k3+"]

interface Clamp {
  /** Bound of |d| before the estimate. */
  readonly inner?: number
  /** Bound of the estimate's magnitude. Beyond it there is no gradient. */
  readonly outer?: number
  /** Estimators that it is applied to; others are left alone. */
  readonly only?: ReadonlyArray<Plain>
  /** Where k3 becomes linear; elsewhere only overflow is kept away. */
  readonly knee?: number
}

/**
 * What is done about large log-ratios, by name.
 * - tangent: k3 goes on along its tangent from d = 10; k1 and k2 need nothing. Finite, with a gradient everywhere.
 * - verl: |d| <= 20, then k3 <= 10 (verl, EasyR1). verl-if only does the second; values and gradients are the same, but
 *   for its NaN gradient in float32 from d = 89 on, in place of which there is 0 here.
 * - openrlhf: every estimate within -10..10.
 * - open-instruct: |d| <= 40.
 */
export const klClamps = {
  tangent: { knee: tangentFrom },
  verl: { inner: 20, outer: 10, only: ["k3"] },
  openrlhf: { outer: 10 },
  "open-instruct": { inner: 40 }
} satisfies Record<string, Clamp>
export type KlClamp = keyof typeof klClamps

const clip = (g: Emit, x: Value, bound: number) => g.op("Clip", [x, g.scalar(-bound, x), g.scalar(bound, x)])

const clamped = (g: Emit, d: Value, name: Plain, clamp: Clamp): Value => {
  const { inner, knee = finiteBelow, only, outer } = clamp
  const applies = only === undefined || only.includes(name)
  const x = applies && inner !== undefined ? clip(g, d, inner) : d
  const value = estimators[name](g, x, knee)
  return applies && outer !== undefined ? clip(g, value, outer) : value
}

/** The estimate of KL(policy || reference) for each token, in nats; `d` = log reference - log policy. */
export const klPenalty = (g: Emit, d: Value, estimator: KlEstimator = "k3", clamp: KlClamp = "tangent"): Value => {
  const straight = estimator === "k1+" ? "k1" : estimator === "k3+" ? "k3" : undefined
  if (straight === undefined) return clamped(g, d, estimator as Plain, klClamps[clamp])
  const slope = k2(g, d)
  return g.add(g.sub(slope, detach(g, slope)), detach(g, clamped(g, d, straight, klClamps[clamp])))
}
