// What becomes of responses that reach, or nearly reach, the longest length.
import type { Completion } from "@ifrl/rollout"
import { Effect, Schema } from "effect"

const nonNegative = Schema.Finite.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)))

export const OverlongConfig = Schema.Struct({
  mask: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(false))).annotate({
    description: "Responses cut off at the longest length teach nothing; their rewards still count in their groups."
  }),
  buffer: Schema.Int.pipe(Schema.check(Schema.isGreaterThanOrEqualTo(0)), Schema.withDecodingDefaultKey(Effect.succeed(0)))
    .annotate({ description: "Last tokens before the longest length over which the penalty grows, in tokens; 0 for no penalty." }),
  penalty: nonNegative.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))).annotate({
    description: "Penalty of a response of the longest length, in units of reward."
  })
})
export type OverlongConfig = typeof OverlongConfig.Type

/**
 * The soft punishment of length (DAPO, arXiv 2503.14476, eq. 13): 0 up to maxTokens - buffer, from there linearly to -penalty at
 * maxTokens.
 */
export const overlongPenalty = (length: number, maxTokens: number, { buffer, penalty }: OverlongConfig): number => {
  if (buffer === 0) return 0
  const over = (length - (maxTokens - buffer)) / buffer
  return over <= 0 ? 0 : -penalty * Math.min(1, over)
}

/** Cut off at the longest length, or cancelled: the response does not say how it would have ended. */
export const isTruncated = ({ stopReason }: Pick<Completion, "stopReason">): boolean => stopReason !== "stop"
