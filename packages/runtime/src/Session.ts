import { Effect, Exit, type Scope } from "effect"
import { asRuntimeError, type Binding, type BindingContext, type Io, NativeBinding, released } from "./Binding.ts"
import { Calls, whenFree } from "./Calls.ts"
import { appendCuda } from "./Cuda.ts"
import { checkThreads, type Environment, type Pool, quiet, refusals } from "./Environment.ts"
import { optimizations, type RuntimeOptions, type SessionOptions } from "./Options.ts"
import type { Pointer } from "./OrtApi.ts"
import { RuntimeError } from "./RuntimeError.ts"
import { type OutputTarget, readSignature, type TensorInfo } from "./Signature.ts"
import type { Tensor } from "./Tensor.ts"

/** A model as bytes, or as a file whose external data lies beside it. */
export type Model = Uint8Array | { readonly path: string }

/** A loaded model. */
export interface Session {
  readonly name: string
  readonly inputs: ReadonlyArray<TensorInfo>
  readonly outputs: ReadonlyArray<TensorInfo>
  /** Attaches tensors for repeated runs. Every input must be given; outputs that are not are allocated at each run. */
  readonly bind: (io: Io) => Effect.Effect<Binding, RuntimeError, Scope.Scope>
  /** Runs once. Given tensors are written in place and returned; other outputs are returned as new tensors. */
  readonly run: (
    inputs: Readonly<Record<string, Tensor>>,
    outputs?: Readonly<Record<string, OutputTarget>>
  ) => Effect.Effect<Record<string, Tensor>, RuntimeError>
}

/** What sessions of a layer have in common. */
export interface SessionContext {
  readonly environment: Environment
  readonly options: RuntimeOptions
  readonly pool: Pool
  readonly sharedArena: boolean
}

/** OrtSessionOptions, to be released by the caller. Throws StatusError. */
const sessionOptions = (context: SessionContext, options: SessionOptions, pooled: boolean): Pointer => {
  const { environment: { api }, sharedArena } = context
  const pointer = api.get("CreateSessionOptions")
  try {
    api.call("SetSessionLogSeverityLevel", pointer, quiet)
    if (pooled) api.call("DisablePerSessionThreads", pointer)
    else api.call("SetIntraOpNumThreads", pointer, options.threads ?? context.pool.threads)
    api.call("SetSessionGraphOptimizationLevel", pointer, optimizations[options.optimization ?? "all"])
    api.call(options.memoryPattern === true ? "EnableMemPattern" : "DisableMemPattern", pointer)
    const config: Record<string, string> = {
      "session.intra_op.allow_spinning": context.pool.spinning ? "1" : "0",
      "session.use_env_allocators": sharedArena ? "1" : "0",
      ...options.config
    }
    for (const [key, value] of Object.entries(config)) api.call("AddSessionConfigEntry", pointer, key, value)
    if (context.options.device === "cuda") appendCuda(api, pointer, context.options.cuda ?? {})
    return pointer
  } catch (error) {
    api.functions.ReleaseSessionOptions(pointer)
    throw error
  }
}

class NativeSession {
  readonly #bindings = new Set<NativeBinding>()
  readonly #context: BindingContext
  #released = false

  constructor(context: BindingContext) {
    this.#context = context
  }

  readonly #bind = (io: Io) =>
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          if (this.#released) throw released(this.#context.name, "bind")
          const binding = new NativeBinding(this.#context, io)
          this.#bindings.add(binding)
          return binding
        },
        catch: asRuntimeError
      }),
      (binding) => Effect.andThen(binding.release, Effect.sync(() => this.#bindings.delete(binding)))
    )

  /** Ends what runs and frees the native session with all its bindings, whatever scopes those are in. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    this.#released = true
    return Effect.forEach([...this.#bindings], (binding) => binding.release, { discard: true })
  }).pipe(Effect.andThen(Effect.sync(() => {
    this.#context.environment.api.functions.ReleaseSession(this.#context.session)
  })))

  get session(): Session {
    const { name, signature } = this.#context
    return {
      name,
      inputs: signature.inputs,
      outputs: signature.outputs,
      bind: this.#bind,
      run: (inputs, outputs = {}) =>
        Effect.scoped(Effect.flatMap(this.#bind({ inputs, outputs }), (binding) => binding.run))
    }
  }
}

/** By name: buffers of another realm are no instances of this one's constructors. */
const isShared = (buffer: ArrayBufferLike) => Object.prototype.toString.call(buffer) === "[object SharedArrayBuffer]"

/** Loads off the main thread. Not interruptible: ONNX Runtime has no way to stop it. */
const loadWith = (context: SessionContext, model: Model, name: string, options: SessionOptions, pooled: boolean) =>
  Effect.flatMap(
    Effect.try({
      try: () => {
        checkThreads(name, "session", options.threads)
        return refusals(name, "session", () => sessionOptions(context, options, pooled))
      },
      catch: asRuntimeError
    }),
    (native) => {
      const { environment: { api, env } } = context
      const slot = new BigUint64Array(new ArrayBuffer(8))
      // koffi has no address for memory that threads share.
      const bytes = "path" in model || !isShared(model.buffer) ? model : new Uint8Array(model)
      const tail = [native, api.addressOf(slot.buffer)]
      // Reading `buffer` moves a small typed array off V8's heap, where a collection could move it during the call.
      const [function_, args] = "path" in bytes
        ? [api.functions.CreateSession, [env, bytes.path, ...tail]] as const
        : [
          api.functions.CreateSessionFromArray,
          [env, api.addressOf(bytes.buffer) + BigInt(bytes.byteOffset), bytes.byteLength, ...tail]
        ] as const
      return new Calls(api).run({
        function: function_,
        args,
        keeps: [bytes, slot],
        terminate: () => {},
        finish: (status): Exit.Exit<Pointer, RuntimeError> => {
          api.functions.ReleaseSessionOptions(native)
          return status === undefined
            ? Exit.succeed(slot[0]!)
            : Exit.fail(RuntimeError.ofStatus(name, "session", status))
        }
      })
    }
  )

/** Loads with the threads of the process, if these are what the session asks for, or else with its own. */
const load = (context: SessionContext, model: Model, name: string, options: SessionOptions) =>
  Effect.suspend(() => {
    const { environment, pool: { spinning, threads } } = context
    const { pool } = environment
    const attempt = (pooled: boolean) => loadWith(context, model, name, options, pooled)
    const fits = (options.threads ?? threads) === pool.threads && spinning === pool.spinning
    if (!fits || environment.pooled === "no") return attempt(false)
    if (environment.pooled === "yes") return attempt(true)
    const settle = (pooled: "yes" | "no") => Effect.sync(() => void (environment.pooled = pooled))
    return Effect.tap(attempt(true), settle("yes")).pipe(
      Effect.catch(() => Effect.tap(attempt(false), settle("no")))
    )
  })

let unnamed = 0

/** Loads a model for as long as the scope lives. */
export const makeSession = (
  context: SessionContext,
  model: Model,
  options: SessionOptions = {}
): Effect.Effect<Session, RuntimeError, Scope.Scope> => {
  const name = options.name ?? ("path" in model ? model.path : `model ${++unnamed}`)
  const { environment, options: { cuda, device } } = context
  const acquire = Effect.flatMap(load(context, model, name, options), (session) =>
    Effect.try({
      try: () => {
        try {
          return new NativeSession({
            environment,
            session,
            name,
            signature: refusals(name, "session", () => readSignature(environment, session, name)),
            copiesInputs: device === "cuda",
            inline: options.inline === true,
            arenaShrinkage: options.arenaShrinkage === true
              ? `cpu:0${device === "cuda" ? `;gpu:${cuda?.deviceId ?? 0}` : ""}`
              : undefined
          })
        } catch (error) {
          environment.api.functions.ReleaseSession(session)
          throw error
        }
      },
      catch: asRuntimeError
    }))
  return whenFree(Effect.acquireRelease(acquire, (native) => native.release)).pipe(
    Effect.map((native) => native.session)
  )
}
