/** Native calls off the main thread: capped, interruptible, and never outlived by what they use. */
import { Effect, Exit, Semaphore } from "effect"
import type { NativeFunction, OrtApi, Pointer } from "./OrtApi.ts"
import type { OrtStatus } from "./RuntimeError.ts"

/** Calls at once in the process. They run on libuv's pool, whose four threads also serve files and name look-ups. */
export const concurrentCalls = 3

const gate = Semaphore.makeUnsafe(concurrentCalls)

/** Waits, interruptibly, until another native call may start. */
export const whenFree = gate.withPermit

export interface NativeCall<A, E> {
  readonly function: NativeFunction
  readonly args: ReadonlyArray<bigint | number | string>
  /** Whatever the arguments point to: referenced until the call has returned. */
  readonly keeps: unknown
  /** On the main thread, as soon as the call has returned, also when nobody waits for the result any more. */
  readonly finish: (status: OrtStatus | undefined) => Exit.Exit<A, E>
  /** Asks a running call to end early. */
  readonly terminate: () => void
  /** Calls on the main thread, which does nothing else until the call returns: it can't be ended early. */
  readonly inline?: boolean
}

interface Active {
  readonly call: { readonly keeps: unknown; readonly terminate: () => void }
  readonly waiting: Array<() => void>
}

/** Every call that has not returned. */
const everywhere = new Set<Active>()

/** A process that exits waits for libuv's pool, so calls in flight are asked to end. */
const endAll = () => everywhere.forEach(({ call }) => call.terminate())

const began = (active: Active) => {
  if (everywhere.size === 0) process.on("exit", endAll)
  everywhere.add(active)
}

const ended = (active: Active) => {
  everywhere.delete(active)
  if (everywhere.size === 0) process.off("exit", endAll)
}

/** The calls that use one native object. */
export class Calls {
  readonly #api: OrtApi
  readonly #active = new Set<Active>()

  constructor(api: OrtApi) {
    this.#api = api
  }

  /** Runs a call. Interruption asks it to end and waits until it has. */
  run<A, E>(call: NativeCall<A, E>): Effect.Effect<A, E> {
    return call.inline === true ? this.#runInline(call) : this.#runAside(call)
  }

  /** Timers, signals and files get their turn after every call. */
  #runInline<A, E>(call: NativeCall<A, E>): Effect.Effect<A, E> {
    return Effect.callback<A, E>((resume) => {
      const exit = finished(call, this.#now(call))
      const turn = setImmediate(() => resume(exit))
      return Effect.sync(() => clearImmediate(turn))
    })
  }

  #now<A, E>(call: NativeCall<A, E>): OrtStatus | undefined {
    try {
      return this.#api.take(call.function(...call.args))
    } catch (error) {
      return refusal(error)
    }
  }

  #runAside<A, E>(call: NativeCall<A, E>): Effect.Effect<A, E> {
    return Effect.callback<A, E>((resume) => {
      const active: Active = { call, waiting: [] }
      const settle = (error: Error | null, status: Pointer | null) => {
        this.#active.delete(active)
        ended(active)
        resume(finished(call, error === null ? this.#api.take(status) : refusal(error)))
        for (const wake of active.waiting) wake()
      }
      this.#active.add(active)
      began(active)
      try {
        call.function.async(...call.args, settle)
      } catch (error) {
        settle(error instanceof Error ? error : new Error(String(error)), null)
      }
      return this.#end(active)
    })
  }

  /** Ends every call and waits until all have returned. */
  readonly end: Effect.Effect<void> = Effect.suspend(() =>
    Effect.forEach([...this.#active], (active) => this.#end(active), { discard: true, concurrency: "unbounded" })
  )

  #end(active: Active): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (!this.#active.has(active)) return resume(Effect.void)
      active.waiting.push(() => resume(Effect.void))
      active.call.terminate()
    })
  }
}

/** Of koffi, which could not make the call. */
const refusal = (error: unknown): OrtStatus => ({ code: "FAIL", message: error instanceof Error ? error.message : String(error) })

/** A defect in `finish` ends the fiber that waits, not the process. */
const finished = <A, E>(call: NativeCall<A, E>, status: OrtStatus | undefined): Exit.Exit<A, E> => {
  try {
    return call.finish(status)
  } catch (defect) {
    return Exit.die(defect)
  }
}
