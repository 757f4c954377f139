// The loop that every training shares: prepare (interruptible), update (not), record, checkpoint, evaluate.
// Weights change only inside `update`, so an interruption always finds them at the end of a completed step.
import { Clock, Effect } from "effect"
import { type MetricRecord, Metrics } from "./Metrics.ts"

export interface LoopOptions<A, PrepareE, PrepareR, UpdateE, UpdateR, SaveE, SaveR, EvaluateE = never, EvaluateR = never> {
  /** Steps already done: 0, or the step of the checkpoint that is resumed. */
  readonly completed: number
  /** Steps of the whole run. */
  readonly steps: number
  /** What the update of step `step` needs: batches, rollouts, rewards. May be interrupted. */
  readonly prepare: (step: number) => Effect.Effect<A, PrepareE, PrepareR>
  /** Change the weights. Runs to its end even when the loop is interrupted. */
  readonly update: (step: number, prepared: A) => Effect.Effect<MetricRecord, UpdateE, UpdateR>
  /** Write a checkpoint of the state after `step`. */
  readonly checkpoint: (step: number) => Effect.Effect<void, SaveE, SaveR>
  /** Steps between checkpoints; 0 for one at the end only. */
  readonly checkpointEvery: number
  /** Metrics of an evaluation after `step`, prefixed by the caller. */
  readonly evaluate?: (step: number) => Effect.Effect<MetricRecord, EvaluateE, EvaluateR>
  /** Steps between evaluations; 0 for none. */
  readonly evaluateEvery?: number
  /** Called after every step, for a display. */
  readonly onStep?: (step: number, metrics: MetricRecord) => Effect.Effect<void>
  /** Ends the run after a completed step when it says so, for time budgets and early stops. */
  readonly stopAfter?: (step: number, metrics: MetricRecord, seconds: number) => boolean
}

/** How a loop ended. */
export interface LoopResult {
  readonly completed: number
  readonly seconds: number
}

/** Seconds of a step without its evaluation, and tokens per second of it where the step says how many there were. */
const speed = ({ num_tokens }: MetricRecord, seconds: number): MetricRecord => ({
  step_time: seconds,
  ...(num_tokens !== undefined && seconds > 0 && { tokens_per_second: num_tokens / seconds })
})

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
  const save = Effect.suspend(() =>
    completed === saved ? Effect.void : options.checkpoint(completed).pipe(
      Effect.andThen(Effect.sync(() => {
        saved = completed
      }))
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
        ? yield* options.evaluate(step)
        : {}
      const all = { ...record, ...evaluation, ...speed(record, (updated - started) / 1000) }
      yield* metrics.log(step, all)
      if (options.onStep !== undefined) yield* options.onStep(step, all)
      if (due(step, options.checkpointEvery)) yield* save
      if (options.stopAfter?.(step, all, (updated - began) / 1000) === true) break
    }
  })
  yield* steps.pipe(Effect.onInterrupt(() => save.pipe(Effect.ignore)))
  yield* save
  return { completed, seconds: ((yield* Clock.currentTimeMillis) - began) / 1000 } satisfies LoopResult
})
