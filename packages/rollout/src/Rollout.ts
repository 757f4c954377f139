/** Generation as a service, so that a trainer can be given another engine. */
import type { DecoderConfig, LoraShape } from "@ifrl/models"
import { Runtime, RuntimeError, type SessionOptions, type Tensor } from "@ifrl/runtime"
import { Context, Deferred, Effect, Layer, Option, Semaphore, Stream } from "effect"
import { Decoder } from "./Decoder.ts"
import { Generation, runFailed } from "./Engine.ts"
import type { Completion, GenerateEvent, GenerateOptions, GenerateRequest } from "./Request.ts"
import { RolloutError } from "./RolloutError.ts"

export interface RolloutLayerOptions {
  /** The model to generate with; a trainer that updates its tensors in place updates what is generated next. */
  readonly model: {
    readonly config: DecoderConfig
    readonly parameters: ReadonlyMap<string, Tensor>
    /** The adapter whose tensors are among the parameters, where there is one. */
    readonly lora?: LoraShape | undefined
  }
  /** Completions that are decoded at once. Default 16. */
  readonly rows?: number
  /** Most tokens of prompt and completion together. Default: the model's own limit, but at most 2,048. */
  readonly maxLength?: number
  /** Most tokens, padding included, of a prefill run. Default 2,048. */
  readonly prefillTokens?: number
  /** Settings of the sessions that decode. */
  readonly session?: SessionOptions
}

/** Makes completions of prompts. Calls take turns. */
export class Rollout extends Context.Service<Rollout, {
  /** All completions, in the order of the requests and of their indices. Interruption ends the run in progress. */
  readonly generate: (
    requests: ReadonlyArray<GenerateRequest>,
    options?: GenerateOptions
  ) => Effect.Effect<ReadonlyArray<Completion>, RolloutError>
  /**
   * Tokens as they come and completions as they end. The engine works only as fast as the stream is read. When
   * `options.until` completes, all that hasn't ended is emitted with the stop reason `cancelled`.
   */
  readonly stream: (
    requests: ReadonlyArray<GenerateRequest>,
    options?: GenerateOptions
  ) => Stream.Stream<GenerateEvent, RolloutError>
}>()("@ifrl/rollout/Rollout") {
  /** The decode graph of this package on the Runtime's device. */
  static readonly layer = (options: RolloutLayerOptions): Layer.Layer<Rollout, RolloutError, Runtime> =>
    Layer.effect(
      Rollout,
      Effect.gen(function*() {
        const { config } = options.model
        const { maxPositions } = config
        const maxLength = yield* positive("maxLength", options.maxLength ?? Math.min(maxPositions, 2048), maxPositions)
        const decoder = yield* Effect.catchTag(
          Decoder.make({
            ...options.model,
            rows: yield* positive("rows", options.rows ?? 16),
            maxLength,
            prefillTokens: yield* positive("prefillTokens", options.prefillTokens ?? 2048),
            session: options.session ?? {}
          }),
          "RuntimeError",
          (error) => Effect.fail(runFailed(error))
        )
        const turn = yield* Semaphore.make(1)
        const stream = (requests: ReadonlyArray<GenerateRequest>, options: GenerateOptions = {}) =>
          Stream.unwrap(Effect.gen(function*() {
            yield* Effect.acquireRelease(turn.take(1), () => turn.release(1), { interruptible: true })
            return yield* events(decoder, requests, options)
          }))
        return Rollout.of({
          stream,
          generate: Effect.fn("Rollout.generate")(function*(requests, options) {
            const places = new Map(requests.map(({ id }, i) => [id, i]))
            const found: Array<Array<Completion>> = requests.map(() => [])
            yield* Stream.runForEach(stream(requests, options), (event) =>
              Effect.sync(() => {
                if (event._tag === "Completion") found[places.get(event.promptId)!]![event.index] = event
              }))
            return found.flat()
          })
        })
      })
    )
}

const positive = (subject: string, value: number, limit = 2 ** 31): Effect.Effect<number, RolloutError> =>
  Number.isSafeInteger(value) && value > 0 && value <= limit
    ? Effect.succeed(value)
    : Effect.fail(new RolloutError({
      operation: "layer",
      subject,
      reason: `it is ${value}`,
      remedy: `Use an integer from 1 to ${limit}`
    }))

/** The stream of one call; its scope ends what watches `until`. */
const events = Effect.fnUntraced(function*(
  decoder: Decoder,
  requests: ReadonlyArray<GenerateRequest>,
  options: GenerateOptions
) {
  const generation = yield* Generation.make(decoder, requests, options)
  const cancelled = yield* Deferred.make<void>()
  if (options.until !== undefined) {
    yield* Effect.forkScoped(Effect.andThen(options.until, Deferred.succeed(cancelled, undefined)))
  }
  const step = Effect.suspend(() => generation.step()).pipe(
    Effect.catchTag("RuntimeError", (error: RuntimeError) => Effect.fail(runFailed(error))),
    // A cache that isn't finite would outlive the failure.
    Effect.tapError(() => Effect.sync(() => decoder.clear()))
  )
  return Stream.paginate(undefined, () =>
    Effect.gen(function*() {
      const page = (yield* Deferred.isDone(cancelled)) ? generation.cancel() : generation.done ? [] : yield* step
      return [page, generation.done ? Option.none<undefined>() : Option.some(undefined)] as const
    }))
})
