// Learning-rate schedules. Steps count from 1, and the rate of step 1 is never 0: a warm-up of n steps gives
// base * step / n, so that the first update already moves (a rate of 0 at step 1 is a fault that logs hide).
import { Effect, Schema } from "effect"

/** Shapes a learning rate can take after the warm-up. */
export const LearningRateShape = Schema.Literals(["constant", "linear", "cosine", "late-linear"])
export type LearningRateShape = typeof LearningRateShape.Type

export const LearningRateSchedule = Schema.Struct({
  name: LearningRateShape.pipe(Schema.withDecodingDefaultKey(Effect.succeed("constant" as const))).annotate({
    description:
      "Shape after the warm-up: constant; linear or cosine decay, which would come to minimumRatio one update after the last; " +
      "late-linear is constant, then linear over the last fifth."
  }),
  warmupSteps: Schema.Int.pipe(
    Schema.check(Schema.isGreaterThanOrEqualTo(0)),
    Schema.withDecodingDefaultKey(Effect.succeed(0))
  ).annotate({
    description: "Updates over which the rate rises linearly to its base, the first of them already above 0; 0 for none.",
    unit: "updates"
  }),
  minimumRatio: Schema.Finite.pipe(
    Schema.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
    Schema.withDecodingDefaultKey(Effect.succeed(0))
  ).annotate({ description: "Share of the base rate that a decay would come to one update after the last.", unit: "share" })
})
export type LearningRateSchedule = typeof LearningRateSchedule.Type

const decays: Record<LearningRateShape, (progress: number) => number> = {
  constant: () => 1,
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
  "late-linear": (progress) => Math.min(1, 5 * (1 - progress))
}

/**
 * The learning rate of optimizer update `step`, counted from 1 to `totalSteps`.
 * Warm-up: base * step / warmupSteps. Afterwards base * (m + (1 - m) * decay(progress)), progress from 0 at the end
 * of the warm-up to 1 after the last step (so the last step still moves).
 */
export const learningRate = (
  base: number,
  schedule: LearningRateSchedule,
  step: number,
  totalSteps: number
): number => {
  if (step < schedule.warmupSteps) return (base * step) / schedule.warmupSteps
  const progress = Math.min(1, Math.max(0, step - 1 - schedule.warmupSteps) / Math.max(1, totalSteps - schedule.warmupSteps))
  const m = schedule.minimumRatio
  return base * (m + (1 - m) * decays[schedule.name](progress))
}
