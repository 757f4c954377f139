// One record a step, under the names that TRL and verl users know. A sink is a layer: another tracker is another layer.
import { Context, Effect, FileSystem, Layer, Path } from "effect"
import { TrainError } from "./TrainError.ts"

/** Metric names to values. A metric that has no value at a step is left out: NaN is never written for "nothing". */
export type MetricRecord = Readonly<Record<string, number>>

/** Where the metrics of a run go. */
export class Metrics extends Context.Service<Metrics, {
  /** Record the metrics of one step. */
  readonly log: (step: number, metrics: MetricRecord) => Effect.Effect<void, TrainError>
  /** Forget what was recorded after `step`: a resumed run writes those steps again. */
  readonly rewind: (step: number) => Effect.Effect<void, TrainError>
}>()("@ifrl/train/Metrics") {
  /** Lines of JSON `{ step, ...metrics }` in `file`. Non-finite values are written as the strings NaN and Infinity. */
  static readonly layerJsonl = (file: string): Layer.Layer<Metrics, never, FileSystem.FileSystem | Path.Path> =>
    Layer.effect(
      Metrics,
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const guard = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          effect.pipe(Effect.mapError((cause) =>
            new TrainError({
              operation: "metrics",
              subject: file,
              reason: String(cause),
              remedy: "make the run folder writable and free disk space, then resume",
              cause
            })
          ))
        const log = (step: number, metrics: MetricRecord) =>
          fs.makeDirectory(path.dirname(file), { recursive: true }).pipe(
            Effect.andThen(fs.writeFileString(file, `${JSON.stringify({ step, ...printable(metrics) })}\n`, { flag: "a" })),
            guard
          )
        const rewind = Effect.fnUntraced(function*(step: number) {
          if (!(yield* fs.exists(file))) return
          const kept = (yield* fs.readFileString(file)).split("\n").filter((line) => stepOf(line) <= step)
          yield* fs.writeFileString(`${file}.tmp`, kept.map((line) => `${line}\n`).join(""))
          yield* fs.rename(`${file}.tmp`, file)
        }, guard)
        return Metrics.of({ log, rewind })
      })
    )

  /** Metrics kept in an array, for tests and for programs that look at them afterwards. */
  static readonly layerMemory = (records: Array<{ step: number } & MetricRecord>): Layer.Layer<Metrics> =>
    Layer.succeed(
      Metrics,
      Metrics.of({
        log: (step, metrics) => Effect.sync(() => void records.push({ ...metrics, step })),
        rewind: (step) => Effect.sync(() => void records.splice(0, records.length, ...records.filter((r) => r.step <= step)))
      })
    )
}

const printable = (metrics: MetricRecord): Record<string, number | string> =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : String(value)]))

/** A line cut short by a crash belongs to no step and is dropped by a rewind. */
const stepOf = (line: string): number => {
  try {
    return (JSON.parse(line) as { step: number }).step
  } catch {
    return Infinity
  }
}
