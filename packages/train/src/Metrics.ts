// One record a step, under the names that TRL and verl users know. A sink is a layer: another tracker is another layer,
// and `layerAll` sends every record to several.
import { Clock, Context, Effect, FileSystem, Layer, Metric, Path } from "effect"
import { fileHeader, restart, scalars } from "./TensorBoard.ts"
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
        const log = (step: number, metrics: MetricRecord) =>
          fs.makeDirectory(path.dirname(file), { recursive: true }).pipe(
            Effect.andThen(
              fs.writeFileString(file, `${JSON.stringify({ step, ...printable(metrics) })}\n`, { flag: "a" })
            ),
            guard(file)
          )
        const rewind = Effect.fnUntraced(function*(step: number) {
          if (!(yield* fs.exists(file))) return
          const kept = (yield* fs.readFileString(file)).split("\n").filter((line) => stepOf(line) <= step)
          yield* fs.writeFileString(`${file}.tmp`, kept.map((line) => `${line}\n`).join(""))
          yield* fs.rename(`${file}.tmp`, file)
        }, guard(file))
        return Metrics.of({ log, rewind })
      })
    )

  /**
   * An event file for TensorBoard in `directory`. Every process writes a file of its own, so that a record which a
   * crash cut short ends its file; a resumed run tells readers to drop the steps that it makes again.
   */
  static readonly layerTensorBoard = (
    directory: string
  ): Layer.Layer<Metrics, never, FileSystem.FileSystem | Path.Path> =>
    Layer.effect(
      Metrics,
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const seconds = Effect.map(Clock.currentTimeMillis, (now) => now / 1000)
        let file: string | undefined
        const append = (bytes: (wallTime: number) => Uint8Array) =>
          Effect.gen(function*() {
            const now = yield* seconds
            if (file === undefined) {
              yield* fs.makeDirectory(directory, { recursive: true })
              // Readers take the files of a run in the order of their names.
              const number = (yield* fs.readDirectory(directory)).filter((name) => name.includes("tfevents")).length
              const name = `events.out.tfevents.${Math.floor(now)}.${String(number).padStart(4, "0")}.ifrl`
              file = path.join(directory, name)
              yield* fs.writeFile(file, fileHeader(now), { flag: "wx" })
            }
            yield* fs.writeFile(file, bytes(now), { flag: "a" })
          }).pipe(guard(directory))
        const finite = (metrics: MetricRecord) =>
          Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)))
        return Metrics.of({
          log: (step, metrics) => append((now) => scalars(now, step, finite(metrics))),
          rewind: (step) =>
            Effect.flatMap(fs.exists(directory).pipe(guard(directory)), (exists) =>
              exists ? append((now) => restart(now, step + 1)) : Effect.void)
        })
      })
    )

  /**
   * Effect's gauges `ifrl/<name>`, and the step as `ifrl/step`. An exporter in the context, `OtlpMetrics.layer` of
   * effect/observability for OpenTelemetry, sends them on. What was exported cannot be taken back by a rewind.
   */
  static readonly layerGauges: Layer.Layer<Metrics> = Layer.effect(
    Metrics,
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      const gauges = new Map<string, Metric.Gauge<number>>()
      const gauge = (name: string) => {
        const known = gauges.get(name) ?? Metric.gauge(`ifrl/${name}`)
        gauges.set(name, known)
        return known
      }
      const log = (step: number, metrics: MetricRecord) =>
        Effect.forEach(Object.entries({ ...metrics, step }), ([name, value]) => Metric.update(gauge(name), value), {
          discard: true
        }).pipe(Effect.provideContext(context))
      return Metrics.of({ log, rewind: () => Effect.void })
    })
  )

  /** Every record to each of `sinks`, in their order. */
  static readonly layerAll = <E, R>(sinks: ReadonlyArray<Layer.Layer<Metrics, E, R>>): Layer.Layer<Metrics, E, R> =>
    Layer.effect(
      Metrics,
      Effect.gen(function*() {
        const all = yield* Effect.forEach(sinks, (sink) =>
          Effect.map(Layer.build(sink), (built) => Context.get(built, Metrics)))
        return Metrics.of({
          log: (step, metrics) => Effect.forEach(all, (sink) => sink.log(step, metrics), { discard: true }),
          rewind: (step) => Effect.forEach(all, (sink) => sink.rewind(step), { discard: true })
        })
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

const guard = (subject: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.mapError((cause) =>
    new TrainError({
      operation: "metrics",
      subject,
      reason: String(cause),
      remedy: "make the run folder writable and free disk space, then resume",
      cause
    })
  ))

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
