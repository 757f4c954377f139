import { Effect, Exit, Semaphore } from "effect"
import { Calls, whenFree } from "./Calls.ts"
import { elementTypeOf, storage, type TensorType } from "./ElementType.ts"
import { type Environment, quiet, refusals } from "./Environment.ts"
import { type Pointer, StatusError } from "./OrtApi.ts"
import { type OrtStatus, RuntimeError } from "./RuntimeError.ts"
import { checkTensors, type OutputTarget, type Signature } from "./Signature.ts"
import { isAttached, Tensor } from "./Tensor.ts"

/** Tensors by the names of the model. Outputs that are not mentioned are allocated. */
export interface Io {
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly outputs?: Readonly<Record<string, OutputTarget>>
}

/** A session with tensors attached to it, to be run again and again while the host changes their contents. */
export interface Binding {
  /**
   * Runs off the main thread (but see `SessionOptions.inline`) and returns the outputs: the bound tensors, and copies of
   * those that ONNX Runtime allocated. Runs of one binding take turns. Interruption ends the run and waits until it has
   * ended.
   */
  readonly run: Effect.Effect<Record<string, Tensor>, RuntimeError>
  /** Replaces the tensors that are given and keeps the others; changes nothing if it fails. */
  readonly rebind: (io: Partial<Io>) => Effect.Effect<void, RuntimeError>
}

/** What a binding needs of its session. */
export interface BindingContext {
  readonly environment: Environment
  readonly session: Pointer
  readonly name: string
  readonly signature: Signature
  /** Inputs are copied to the device when they are bound, so there they are bound anew for every run. */
  readonly copiesInputs: boolean
  readonly arenaShrinkage: string | undefined
  /** Whether runs that are known to be quick happen on the main thread. */
  readonly inline: boolean
}

/** What a run may take on the main thread, in milliseconds. */
const quickRun = 25

/** Shapes of the inputs that vary from run to run, for messages. */
const describeInputs = (signature: Signature, inputs: ReadonlyMap<string, Tensor>) => {
  const varying = signature.inputs.filter(({ shape }) => shape === undefined || shape.some((d) => typeof d === "string"))
  return varying.slice(0, 8).map(({ name }) => `${name} ${inputs.get(name)}`).join(", ")
}

/** An OrtIoBinding and the tensors that it points to. */
export class NativeBinding implements Binding {
  readonly #context: BindingContext
  readonly #pointer: Pointer
  readonly #calls: Calls
  /** Names of inputs that are outputs too. */
  readonly #passed: ReadonlyArray<string>
  readonly #turn = Semaphore.makeUnsafe(1)
  #released = false
  #freed = false
  #inputs: ReadonlyMap<string, Tensor> = new Map()
  #outputs: ReadonlyMap<string, OutputTarget> = new Map()
  /** Milliseconds that the last run took on the present shapes. */
  #took = Infinity

  /** Throws RuntimeError. */
  constructor(context: BindingContext, io: Io) {
    const { api } = context.environment
    this.#context = context
    this.#calls = new Calls(api)
    const { inputs, outputs } = context.signature
    this.#passed = outputs.map(({ name }) => name).filter((name) => inputs.some((input) => input.name === name))
    const next = this.#merge("bind", io)
    this.#pointer = refusals(context.name, "bind", () => api.get("CreateIoBinding", context.session))
    try {
      this.#apply("bind", next)
    } catch (error) {
      api.functions.ReleaseIoBinding(this.#pointer)
      throw error
    }
  }

  readonly run: Effect.Effect<Record<string, Tensor>, RuntimeError> = Effect.suspend(() =>
    this.#turn.withPermit(whenFree(Effect.suspend(() => this.#start())))
  )

  readonly rebind = (io: Partial<Io>): Effect.Effect<void, RuntimeError> =>
    this.#turn.withPermit(Effect.try({
      try: () => {
        this.#checkLive("rebind")
        this.#apply("rebind", this.#merge("rebind", io))
      },
      catch: asRuntimeError
    }))

  /** Ends what runs and then frees the native binding; any later use fails with a RuntimeError. May be run repeatedly. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    this.#released = true
    return this.#calls.end
  }).pipe(Effect.andThen(Effect.sync(() => {
    if (this.#freed) return
    this.#freed = true
    this.#context.environment.api.functions.ReleaseIoBinding(this.#pointer)
  })))

  #checkLive(operation: string) {
    if (this.#released) throw released(this.#context.name, operation)
  }

  #merge(operation: string, io: Partial<Io>) {
    const { name, signature } = this.#context
    const inputs = new Map([...this.#inputs, ...Object.entries(io.inputs ?? {})])
    const outputs = new Map([...this.#outputs, ...Object.entries(io.outputs ?? {})])
    checkTensors({ session: name, operation }, signature, inputs, outputs)
    for (const output of signature.outputs) if (!outputs.has(output.name)) outputs.set(output.name, "allocate")
    return { inputs, outputs }
  }

  #apply(operation: string, next: {
    readonly inputs: ReadonlyMap<string, Tensor>
    readonly outputs: ReadonlyMap<string, OutputTarget>
  }) {
    const { environment, name: session } = this.#context
    const asked = (outputs: ReadonlyMap<string, OutputTarget>) => this.#asked(outputs).join("\n")
    refusals(session, operation, () => {
      for (const [name, tensor] of next.inputs) {
        const bound = this.#inputs.get(name)
        if (bound === tensor) continue
        this.#bindInput(name, tensor)
        if (bound?.dims.join() !== tensor.dims.join()) this.#took = Infinity
      }
      const all = asked(next.outputs) !== asked(this.#outputs)
      if (all) environment.api.functions.ClearBoundOutputs(this.#pointer)
      for (const name of this.#asked(next.outputs)) {
        const target = next.outputs.get(name)!
        if (all || this.#outputs.get(name) !== target) this.#bindOutput(name, target)
      }
    })
    this.#inputs = next.inputs
    this.#outputs = next.outputs
  }

  /** The outputs that are computed, in the model's order, which is the order in which they are bound. */
  #asked(outputs: ReadonlyMap<string, OutputTarget>): Array<string> {
    return this.#context.signature.outputs.map(({ name }) => name).filter((name) =>
      outputs.has(name) && outputs.get(name) !== "skip"
    )
  }

  /** Calls `use` with an OrtValue over the tensor's memory. A binding keeps its own reference to the value. */
  #withValue(tensor: Tensor, use: (value: Pointer) => void) {
    const { api, cpu } = this.#context.environment
    const value = api.get(
      "CreateTensorWithDataAsOrtValue",
      cpu,
      tensor.address,
      tensor.data.byteLength,
      api.array(tensor.dims),
      tensor.dims.length,
      storage[tensor.type].code
    )
    try {
      use(value)
    } finally {
      api.functions.ReleaseValue(value)
    }
  }

  #bindInput(name: string, tensor: Tensor) {
    this.#withValue(tensor, (value) => this.#context.environment.api.call("BindInput", this.#pointer, name, value))
  }

  #bindOutput(name: string, target: OutputTarget) {
    const { api, cpu } = this.#context.environment
    if (typeof target === "string") api.call("BindOutputToDevice", this.#pointer, name, cpu)
    else this.#withValue(target, (value) => api.call("BindOutput", this.#pointer, name, value))
  }

  #start(): Effect.Effect<Record<string, Tensor>, RuntimeError> {
    const { arenaShrinkage, copiesInputs, environment: { api }, inline, name, session } = this.#context
    try {
      this.#checkLive("run")
      this.#checkAttached()
      return refusals(name, "run", () => {
        if (copiesInputs) for (const [input, tensor] of this.#inputs) this.#bindInput(input, tensor)
        const options = api.get("CreateRunOptions")
        api.call("RunOptionsSetRunLogSeverityLevel", options, quiet)
        if (arenaShrinkage !== undefined) {
          api.call("AddRunConfigEntry", options, "memory.enable_memory_arena_shrinkage", arenaShrinkage)
        }
        const start = performance.now()
        return this.#calls.run({
          function: api.functions.RunWithBinding,
          inline: inline && this.#took < quickRun,
          args: [session, options, this.#pointer],
          keeps: [this.#inputs, this.#outputs],
          terminate: () => api.call("RunOptionsSetTerminate", options),
          finish: (status) => {
            api.functions.ReleaseRunOptions(options)
            this.#took = performance.now() - start
            return this.#finish(status)
          }
        })
      })
    } catch (error) {
      return Effect.fail(asRuntimeError(error))
    }
  }

  #checkAttached() {
    for (const bound of [this.#inputs, this.#outputs]) {
      for (const [name, tensor] of bound) {
        if (typeof tensor === "string" || isAttached(tensor)) continue
        throw RuntimeError.of({
          session: this.#context.name,
          operation: "run",
          reason: `the ArrayBuffer of "${name}" was transferred away`,
          remedy: "Keep tensors on this thread while they are bound"
        })
      }
    }
  }

  #finish(status: OrtStatus | undefined): Exit.Exit<Record<string, Tensor>, RuntimeError> {
    const { name, signature } = this.#context
    try {
      return Exit.succeed(this.#collect(status))
    } catch (error) {
      if (error instanceof StatusError && this.#released) return Exit.fail(released(name, "run"))
      if (error instanceof StatusError) {
        const inputs = describeInputs(signature, this.#inputs)
        return Exit.fail(RuntimeError.ofStatus(name, inputs === "" ? "run" : `run with ${inputs}`, error.status))
      }
      return Exit.fail(asRuntimeError(error))
    }
  }

  /** The outputs of a run that has returned. What ONNX Runtime allocated is copied and given back at once. */
  #collect(status: OrtStatus | undefined): Record<string, Tensor> {
    const names = this.#asked(this.#outputs)
    const allocated = names.some((name) => this.#outputs.get(name) === "allocate")
    try {
      if (status !== undefined) throw new StatusError(status)
      const copies = allocated ? this.#copies(names) : new Map<string, Tensor>()
      this.#passThrough()
      return Object.fromEntries(names.map((name) => [name, copies.get(name) ?? this.#outputs.get(name) as Tensor]))
    } finally {
      // Otherwise the next run would write into these values, and refuse another shape.
      for (const name of names) {
        if (this.#outputs.get(name) === "allocate") this.#bindOutput(name, "allocate")
      }
    }
  }

  /** Where an input of the model is an output as it is, ONNX Runtime leaves the tensor that is bound for the output alone. */
  #passThrough() {
    for (const name of this.#passed) {
      const [input, target] = [this.#inputs.get(name)!, this.#outputs.get(name)!]
      if (typeof target === "string") continue
      if (input.dims.join() !== target.dims.join()) {
        throw RuntimeError.of({
          session: this.#context.name,
          operation: "run",
          reason: `output "${name}" is the input as it is, ${input}, and the tensor given for it ${target}`,
          remedy: "Bind a tensor of the input's shape, or let the output be allocated",
          output: name
        })
      }
      target.bytes.set(input.bytes)
    }
  }

  #copies(names: ReadonlyArray<string>): Map<string, Tensor> {
    const { allocator, api } = this.#context.environment
    const [array, count] = api.getAll("GetBoundOutputValues", 2, this.#pointer, allocator) as [Pointer, bigint]
    const slots = new BigUint64Array(Number(count))
    api.copy(array, new Uint8Array(slots.buffer))
    api.call("AllocatorFree", allocator, array)
    const copies = new Map<string, Tensor>()
    try {
      names.forEach((name, i) => {
        if (this.#outputs.get(name) === "allocate") copies.set(name, this.#copy(slots[i]!))
      })
      return copies
    } finally {
      for (const value of slots) api.functions.ReleaseValue(value)
    }
  }

  #copy(value: Pointer): Tensor {
    const { api } = this.#context.environment
    const info = api.get("GetTensorTypeAndShape", value)
    try {
      const type = elementTypeOf(Number(api.get("GetTensorElementType", info))) as TensorType
      const dims = new BigInt64Array(Number(api.get("GetDimensionsCount", info)))
      api.call("GetDimensions", info, api.addressOf(dims.buffer), dims.length)
      const tensor = Tensor.zeros(type, Array.from(dims, Number))
      api.copy(api.get("GetTensorMutableData", value), tensor.bytes)
      return tensor
    } finally {
      api.functions.ReleaseTensorTypeAndShapeInfo(info)
    }
  }
}

export const released = (session: string, operation: string): RuntimeError =>
  RuntimeError.of({
    session,
    operation,
    reason: "the session was released",
    remedy: "Use it within the scope that made it"
  })

export const asRuntimeError = (error: unknown): RuntimeError => {
  if (error instanceof RuntimeError) return error
  throw error
}

