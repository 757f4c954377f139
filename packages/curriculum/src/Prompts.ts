import { Context, Effect, Layer, Ref } from "effect"
import type { PromptError } from "./PromptError.ts"
import type { PromptRow } from "./PromptRow.ts"
import { type Cursor, makeSchedule, type Outcome, type ScheduleConfig } from "./Schedule.ts"

/** The source of a run's prompts: an endless stream of rows whose place can be saved. */
export class Prompts extends Context.Service<Prompts, {
  /** The next `count` rows. */
  readonly next: (count: number) => Effect.Effect<ReadonlyArray<PromptRow>>
  /** Tells how prompts were answered; an adaptive schedule goes by it. */
  readonly report: (outcomes: ReadonlyArray<Outcome>) => Effect.Effect<void>
  /** The place after everything that `next` has given and `report` was told; plain JSON for a checkpoint. */
  readonly cursor: Effect.Effect<Cursor>
}>()("@ifrl/curriculum/Prompts") {
  /** Rows under a schedule, from its start or from a saved cursor. */
  static readonly layer = (
    rows: ReadonlyArray<PromptRow>,
    config: ScheduleConfig,
    saved?: unknown
  ): Layer.Layer<Prompts, PromptError> =>
    Layer.effect(
      Prompts,
      Effect.gen(function*() {
        const schedule = yield* Effect.fromResult(makeSchedule(rows, config))
        const from = saved === undefined ? schedule.start : yield* Effect.fromResult(schedule.resume(saved))
        const place = yield* Ref.make(from)
        return Prompts.of({
          next: (count) =>
            Ref.modify(place, (cursor) => {
              const taken = schedule.take(cursor, count)
              return [taken.rows, taken.cursor] as const
            }),
          report: (outcomes) => Ref.update(place, (cursor) => schedule.observe(cursor, outcomes)),
          cursor: Ref.get(place)
        })
      })
    )
}
