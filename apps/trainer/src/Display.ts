// Where progress is shown: a live view on a terminal, plain lines anywhere else. With --json both go to the error
// stream, so that standard output carries the one object and nothing else.
import type { MetricRecord } from "@ifrl/train"
import { Clock, Console, Context, Effect, Layer, Ref } from "effect"
import { createLogUpdate } from "log-update"
import { type Column, renderLine, renderView, type Sample, type ViewState } from "./View.ts"

export class Display extends Context.Service<Display, {
  /** Begin a training of `steps` steps; `completed` of them lie behind when it is resumed. */
  readonly begin: (title: string, steps: number, columns: ReadonlyArray<Column>, completed?: number) => Effect.Effect<void>
  /** What the step in progress is doing, and how far it is. */
  readonly activity: (label: string, done: number, total: number) => Effect.Effect<void>
  /** A step is done. */
  readonly step: (step: number, metrics: MetricRecord) => Effect.Effect<void>
  /** A response to look at. */
  readonly sample: (sample: Sample) => Effect.Effect<void>
  /** A line that stays. */
  readonly line: (text: string) => Effect.Effect<void>
  /** The training is over; the last view stays. */
  readonly end: Effect.Effect<void>
}>()("@ifrl/trainer/Display") {
  /** The live view on `stream`. */
  static readonly layerLive = (stream: NodeJS.WriteStream): Layer.Layer<Display> =>
    Layer.effect(
      Display,
      Effect.gen(function*() {
        const update = createLogUpdate(stream, { showCursor: true })
        let latest = idle
        let drawn = -Infinity
        const draw = (state: ViewState) => {
          latest = state
          // Decoding reports every token; a screen needs ten pictures a second.
          if (state.seconds - drawn < 0.1 && state.seconds >= drawn) return
          drawn = state.seconds
          update(renderView(state, stream.columns || 80))
        }
        const display = yield* make({
          draw: (state) => Effect.sync(() => draw(state)),
          line: (text) => Effect.sync(() => update.persist(text)),
          step: () => Effect.void,
          sample: () => Effect.void,
          end: Effect.sync(() => {
            if (latest !== idle) update(renderView(latest, stream.columns || 80))
            update.done()
            latest = idle
          })
        })
        yield* Effect.addFinalizer(() => display.end)
        return display
      })
    )

  /** One line a step and a sample every `samplesEvery` of them, through `write`. */
  static readonly layerPlain = (
    write: (text: string) => Effect.Effect<void> = Console.log,
    samplesEvery: number = 10
  ): Layer.Layer<Display> =>
    Layer.effect(
      Display,
      Effect.gen(function*() {
        const seen = yield* Ref.make(0)
        return yield* make({
          draw: () => Effect.void,
          line: write,
          step: (state) => write(renderLine(state)),
          sample: ({ completion, prompt, reward }) =>
            Ref.getAndUpdate(seen, (n) => n + 1).pipe(Effect.flatMap((n) =>
              n % samplesEvery === 0
                ? write(`  prompt: ${JSON.stringify(prompt)}\n  completion${reward === undefined ? "" : ` (reward ${reward.toFixed(3)})`}: ${
                  JSON.stringify(completion)
                }`)
                : Effect.void
            )),
          end: Effect.void
        })
      })
    )

  /** Live on a terminal, plain otherwise; on the error stream when standard output is for JSON. */
  static readonly layer = (options: { readonly json: boolean }): Layer.Layer<Display> => {
    const stream = options.json ? process.stderr : process.stdout
    return stream.isTTY ? Display.layerLive(stream) : Display.layerPlain(options.json ? Console.error : Console.log)
  }
}

interface Printer {
  readonly draw: (state: ViewState) => Effect.Effect<void>
  readonly line: (text: string) => Effect.Effect<void>
  readonly step: (state: ViewState) => Effect.Effect<void>
  readonly sample: (sample: Sample) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
}

const idle: ViewState = { title: "", columns: [], steps: 0, step: 0, completed: 0, seconds: 0, history: [] }

const make = Effect.fnUntraced(function*(printer: Printer) {
  const state = yield* Ref.make(idle)
  const began = yield* Ref.make(0)
  const change = (update: (state: ViewState) => ViewState) =>
    Effect.gen(function*() {
      const seconds = ((yield* Clock.currentTimeMillis) - (yield* Ref.get(began))) / 1000
      const next = yield* Ref.updateAndGet(state, (now) => update({ ...now, seconds }))
      yield* printer.draw(next)
      return next
    })
  return Display.of({
    begin: Effect.fnUntraced(function*(title, steps, columns, completed = 0) {
      yield* Ref.set(began, yield* Clock.currentTimeMillis)
      yield* change(() => ({ ...idle, title, steps, columns, step: completed, completed }))
    }),
    activity: (label, done, total) => Effect.asVoid(change((now) => ({ ...now, activity: { label, done, total } }))),
    step: (step, metrics) =>
      change((now) => ({ ...now, activity: undefined, step, history: [...now.history, metrics] })).pipe(
        Effect.flatMap(printer.step)
      ),
    sample: (sample) => change((now) => ({ ...now, sample })).pipe(Effect.andThen(printer.sample(sample))),
    line: printer.line,
    end: printer.end
  })
})
