import type { Value } from "@ifrl/onnx"
import type { Emit } from "./Emit.ts"

/** Log-ratios beyond this many nats count as this many: exp stays finite, also for tokens that carry no weight. */
const longestLogRatio = 20

export const bounded = (g: Emit, logRatio: Value): Value =>
  g.op("Clip", [logRatio, g.scalar(-longestLogRatio, logRatio), g.scalar(longestLogRatio, logRatio)])

/** Sum over the tokens of each row whose mask is 1: [B, T] -> [B, 1]. */
export const rowSum = (g: Emit, x: Value, mask: Value): Value => g.sum(g.mul(mask, x), [1], true)

/** Mean over the tokens of each row whose mask is 1, 0 for rows without any: [B, T] -> [B, 1]. */
export const rowMean = (g: Emit, x: Value, mask: Value): Value => {
  const tokens = g.sum(mask, [1], true)
  return g.div(rowSum(g, x, mask), g.op("Max", [tokens, g.scalar(1, tokens)]))
}
