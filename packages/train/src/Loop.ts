// The loop that every training shares: prepare (interruptible), update (not), evaluate, record, checkpoint.
// Weights change only inside `update`, so an interruption always finds them at the end of a completed step.
import { Clock, Effect } from "effect"
import type { Stop } from "./Guards.ts"
import { type MetricRecord, Metrics } from "./Metrics.ts"

export interface LoopOptions<
  A, PrepareE, PrepareR, UpdateE, UpdateR, SaveE, SaveR, EvaluateE = never, EvaluateR = never
> {
  /** Steps already done: 0, or the step of the checkpoint that is resumed. */
  readonly completed: number
  /** Steps of the whole run. */
  readonly steps: number
  /** What the update of step `step` needs: batches, rollouts, rewards. May be interrupted. */
  readonly prepare: (step: number) => Effect.Effect<A, PrepareE, PrepareR>
  /** Change the weights. Runs to its end even when the loop is interrupted. */
  readonly update: (step: number, prepared: A) => Effect.Effect<MetricRecord, UpdateE, UpdateR>
  /** Write a checkpoint of the state after `step`; with the score of its evaluation, where it had one. */
  readonly checkpoint: (step: number, score: number | undefined) => Effect.Effect<void, SaveE, SaveR>
  /** Steps between checkpoints; 0 for one at the end only. */
  readonly checkpointEvery: number
  /** Metrics of an evaluation after `step`, prefixed by the caller. */
  readonly evaluate?: (step: number) => Effect.Effect<MetricRecord, EvaluateE, EvaluateR>
  /** Steps between evaluations; 0 for none. */
  readonly evaluateEvery?: number
  /** What an evaluation is worth, the greater the better. A step worth more than any before gets a checkpoint. */
  readonly scoreOf?: (evaluation: MetricRecord) => number | undefined
  /** The best score before `completed`, when resumed. */
  readonly bestScore?: number | undefined
  /** Called after every step, for a display. */
  readonly onStep?: (step: number, metrics: MetricRecord) => Effect.Effect<void>
  /** Ends the run after a completed step when it gives a reason: budgets, guards. A failure is raised after the checkpoint. */
  readonly stopAfter?: (step: number, metrics: MetricRecord, seconds: number) => Stop | undefined
}

/** How a loop ended. */
export interface LoopResult {
  readonly completed: number
  readonly seconds: number
  /** Why it ended before its last step. */
  readonly stopped?: string
}

/** Seconds of a step without its evaluation, and its tokens per second where it says how many; under verl's names too. */
const speed = ({ num_tokens }: MetricRecord, seconds: number): MetricRecord => {
  const rate = num_tokens !== undefined && seconds > 0 ? num_tokens / seconds : undefined
  return {
    step_time: seconds,
    "timing_s/step": seconds,
    "perf/time_per_step": seconds,
    ...(rate !== undefined && { tokens_per_second: rate, "perf/throughput": rate })
  }
}

/**
 * Run steps `completed + 1 .. steps`. An interruption waits for an update in progress, writes a checkpoint of the last
 * completed step, and goes on as an interruption.
 */
export const runLoop = Effect.fnUntraced(function*<
  A, PrepareE, PrepareR, UpdateE, UpdateR, SaveE, SaveR, EvaluateE = never, EvaluateR = never
>(options: LoopOptions<A, PrepareE, PrepareR, UpdateE, UpdateR, SaveE, SaveR, EvaluateE, EvaluateR>) {
  const metrics = yield* Metrics
  const began = yield* Clock.currentTimeMillis
  let completed = options.completed
  let saved = options.completed
  let best = options.bestScore ?? -Infinity
  let stopped: Stop | undefined
  /** Seconds that the last checkpoint took; told with the step after it. */
  let saving: number | undefined
  const timed = <B, E, R>(effect: Effect.Effect<B, E, R>) =>
    Effect.gen(function*() {
      const from = yield* Clock.currentTimeMillis
      const value = yield* effect
      return { value, seconds: ((yield* Clock.currentTimeMillis) - from) / 1000 }
    })
  const save = (score?: number) =>
    Effect.suspend(() =>
      completed === saved ? Effect.void : timed(options.checkpoint(completed, score)).pipe(
        Effect.andThen(({ seconds }) =>
          Effect.sync(() => {
            saved = completed
            saving = seconds
          })
        )
      )
    )
  const due = (step: number, every: number | undefined) => every !== undefined && every > 0 && step % every === 0
  const steps = Effect.gen(function*() {
    while (completed < options.steps) {
      const step = completed + 1
      const started = yield* Clock.currentTimeMillis
      const prepared = yield* options.prepare(step)
      const record = yield* Effect.uninterruptible(
        options.update(step, prepared).pipe(Effect.tap(() =>
          Effect.sync(() => {
            completed = step
          })
        ))
      )
      const updated = yield* Clock.currentTimeMillis
      const evaluation = due(step, options.evaluateEvery) && options.evaluate !== undefined
        ? yield* timed(options.evaluate(step))
        : undefined
      const all = {
        ...record,
        ...evaluation?.value,
        ...speed(record, (updated - started) / 1000),
        ...(evaluation !== undefined && { "timing_s/evaluate": evaluation.seconds }),
        ...(saving !== undefined && { "timing_s/checkpoint": saving })
      }
      saving = undefined
      yield* metrics.log(step, all)
      if (options.onStep !== undefined) yield* options.onStep(step, all)
      const score = evaluation === undefined ? undefined : options.scoreOf?.(evaluation.value)
      const better = score !== undefined && score > best
      if (better) best = score
      if (better || due(step, options.checkpointEvery)) yield* save(score)
      stopped = options.stopAfter?.(step, all, (updated - began) / 1000)
      if (stopped !== undefined) break
    }
  })
  yield* steps.pipe(Effect.onInterrupt(() => save().pipe(Effect.ignore)))
  yield* save()
  const ended = stopped as Stop | undefined
  if (ended?.failure !== undefined) return yield* ended.failure
  const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
  const early = ended !== undefined && completed < options.steps
  return { completed, seconds, ...(early && { stopped: ended.reason }) } satisfies LoopResult
})
