import { type TensorData, tensorData } from "@ifrl/onnx"
import { Runtime, type RuntimeOptions, type Session, type SessionOptions, Tensor } from "@ifrl/runtime"
import { Exit, ManagedRuntime, Scope } from "effect"
import type { Runner } from "../src/index.ts"

export const toTensor = (data: TensorData): Tensor => {
  const tensor = Tensor.zeros(data.type as Tensor["type"], data.dims)
  tensor.bytes.set(data.bytes)
  return tensor
}

export const toData = (tensor: Tensor): TensorData =>
  tensorData(tensor.type, tensor.dims, tensor.data as unknown as ArrayLike<number>)

export const f32 = (dims: ReadonlyArray<number>, values: ArrayLike<number>): TensorData => tensorData("float32", dims, values)
export const f64 = (dims: ReadonlyArray<number>, values: ArrayLike<number>): TensorData => tensorData("float64", dims, values)
export const i64 = (dims: ReadonlyArray<number>, values: ArrayLike<number>): TensorData => tensorData("int64", dims, values)

/** Sessions of one test file, released by `close`. */
export const ortRunner = (options: SessionOptions = {}, layer: RuntimeOptions = {}) => {
  const scope = Scope.makeUnsafe()
  const managed = ManagedRuntime.make(Runtime.layer({ threads: 1, ...layer }))
  const session = (model: Uint8Array): Promise<Session> =>
    managed.runPromise(Runtime.use((runtime) => runtime.session(model, options)).pipe(Scope.provide(scope)))
  const runner: Runner = async (model) => {
    const opened = await session(model)
    return async (inputs) => {
      const tensors = Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, toTensor(data)]))
      const outputs = await managed.runPromise(opened.run(tensors))
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, toData(tensor)]))
    }
  }
  const close = async () => {
    await managed.runPromise(Scope.close(scope, Exit.void))
    await managed.dispose()
  }
  return { runner, session, close, scope, run: managed.runPromise }
}

/** Deterministic numbers in [-1, 1). */
export const noise = (seed: number) => {
  let state = seed >>> 0
  return (count: number, scale = 1, shift = 0): Array<number> =>
    Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state / 2 ** 31 - 1) * scale + shift
    })
}
