import { Context, Effect, Layer, type Scope } from "effect"
import { availableParallelism } from "node:os"
import { asRuntimeError } from "./Binding.ts"
import { probeCuda } from "./Cuda.ts"
import { checkThreads, environmentOf, joinArena, leaveArena, refusals } from "./Environment.ts"
import { loadLibrary } from "./Library.ts"
import type { RuntimeOptions, SessionOptions } from "./Options.ts"
import type { RuntimeError } from "./RuntimeError.ts"
import { makeSession, type Model, type Session } from "./Session.ts"

/** ONNX Runtime: makes sessions on one device. */
export class Runtime extends Context.Service<Runtime, {
  /** ONNX Runtime's version. */
  readonly version: string
  readonly device: "cpu" | "cuda"
  /** Threads that work on an operator of a session that asks for no other number. */
  readonly threads: number
  /** Loads a model for as long as the scope lives. */
  readonly session: (model: Model, options?: SessionOptions) => Effect.Effect<Session, RuntimeError, Scope.Scope>
}>()("@ifrl/runtime/Runtime") {
  static layer(options: RuntimeOptions = {}): Layer.Layer<Runtime, RuntimeError> {
    return Layer.effect(
      Runtime,
      Effect.gen(function*() {
        const pool = { threads: options.threads ?? availableParallelism(), spinning: options.spinning ?? true }
        const environment = yield* Effect.try({
          try: () => {
            checkThreads("", "layer", options.threads)
            const api = loadLibrary(options.library)
            return refusals("", "layer", () => {
              if (options.device === "cuda") probeCuda(api, options.cuda ?? {})
              return environmentOf(api, pool)
            })
          },
          catch: asRuntimeError
        })
        const { arena } = options
        if (arena !== "session") {
          yield* Effect.acquireRelease(
            Effect.try({
              try: () => refusals("", "layer", () => joinArena(environment, arena)),
              catch: asRuntimeError
            }),
            () => Effect.sync(() => leaveArena(environment))
          )
        }
        const context = {
          environment,
          options,
          pool,
          sharedArena: arena !== "session"
        }
        return Runtime.of({
          version: environment.api.version,
          device: options.device ?? "cpu",
          threads: pool.threads,
          session: (model, sessionOptions) => makeSession(context, model, sessionOptions)
        })
      })
    )
  }
}
