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
  /**
   * Write a checkpoint of the state after `step`; with the score of its evaluation, where it had one, and with what it
   * is to be resumed with as `pending`, where it was cut off before its evaluation was over.
   */
  readonly checkpoint: (
    step: number,
    score: number | undefined,
    pending: MetricRecord | undefined
  ) => Effect.Effect<void, SaveE, SaveR>
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
  /** Of the checkpoint that is resumed: its step is evaluated and recorded before another begins. */
  readonly pending?: MetricRecord | undefined
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
 * completed step, and goes on as an interruption. So does a failure, unless it is the update's: that one may have left
 * the weights in between.
 */
export const runLoop = Effect.fnUntraced(function*<
  A, PrepareE, PrepareR, UpdateE, UpdateR, SaveE, SaveR, EvaluateE = never, EvaluateR = never
>(options: LoopOptions<A, PrepareE, PrepareR, UpdateE, UpdateR, SaveE, SaveR, EvaluateE, EvaluateR>) {
  const metrics = yield* Metrics
  const began = yield* Clock.currentTimeMillis
  let completed = options.completed
  /** The record of step `completed` until it is logged. */
  let pending = options.pending
  /** What the evaluation of step `completed` came to. */
  let score: number | undefined
  let saved = pending === undefined ? options.completed : undefined
  let updating = false
  let best = options.bestScore ?? -Infinity
  /** Seconds that the last checkpoint took; told with the step after it. */
  let saving: number | undefined
  const timed = <B, E, R>(effect: Effect.Effect<B, E, R>) =>
    Effect.gen(function*() {
      const from = yield* Clock.currentTimeMillis
      const value = yield* effect
      return { value, seconds: ((yield* Clock.currentTimeMillis) - from) / 1000 }
    })
  const save = Effect.suspend(() =>
    completed === saved ? Effect.void : timed(options.checkpoint(completed, score, pending)).pipe(
      Effect.andThen(({ seconds }) =>
        Effect.sync(() => {
          saved = completed
          saving = seconds
        })
      )
    )
  )
  const due = (step: number, every: number | undefined) => every !== undefined && every > 0 && step % every === 0
  const evaluationAfter = (step: number) => due(step, options.evaluateEvery) ? options.evaluate : undefined
  const log = Effect.fnUntraced(function*(evaluation: { readonly value: MetricRecord; readonly seconds: number } | undefined) {
    const all = {
      ...pending,
      ...evaluation?.value,
      ...(evaluation !== undefined && { "timing_s/evaluate": evaluation.seconds }),
      ...(saving !== undefined && { "timing_s/checkpoint": saving })
    }
    yield* metrics.log(completed, all)
    saving = undefined
    pending = undefined
    score = evaluation === undefined ? undefined : options.scoreOf?.(evaluation.value)
    return all
  }, Effect.uninterruptible)
  const update = Effect.fnUntraced(function*(step: number, prepared: A, started: number) {
    updating = true
    const record = yield* options.update(step, prepared)
    updating = false
    completed = step
    score = undefined
    pending = { ...record, ...speed(record, ((yield* Clock.currentTimeMillis) - started) / 1000) }
    return evaluationAfter(step) === undefined ? yield* log(undefined) : undefined
  }, Effect.uninterruptible)
  /** What follows the update of step `completed`; a reason to end the run, if there is one. */
  const conclude = Effect.fnUntraced(function*(logged: MetricRecord | undefined) {
    const evaluate = evaluationAfter(completed)
    const all = logged ?? (yield* log(evaluate === undefined ? undefined : yield* timed(evaluate(completed))))
    if (options.onStep !== undefined) yield* options.onStep(completed, all)
    const better = score !== undefined && score > best
    if (better) best = score!
    if (better || due(completed, options.checkpointEvery)) yield* save
    return options.stopAfter?.(completed, all, ((yield* Clock.currentTimeMillis) - began) / 1000)
  })
  const steps = Effect.gen(function*() {
    let stop = pending === undefined ? undefined : yield* conclude(undefined)
    while (completed < options.steps && stop === undefined) {
      const started = yield* Clock.currentTimeMillis
      const prepared = yield* options.prepare(completed + 1)
      stop = yield* conclude(yield* update(completed + 1, prepared, started))
    }
    yield* save
    return stop
  })
  const ended = yield* steps.pipe(Effect.onError(() => updating ? Effect.void : Effect.ignore(save)))
  if (ended?.failure !== undefined) return yield* ended.failure
  const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
  const early = ended !== undefined && completed < options.steps
  return { completed, seconds, ...(early && { stopped: ended.reason }) } satisfies LoopResult
})
