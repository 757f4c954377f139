/** What a model takes and gives, and whether given tensors fit: everything that can be refused before the C call is. */
import { type ElementType, elementTypeOf, storage } from "./ElementType.ts"
import type { Environment } from "./Environment.ts"
import type { Pointer } from "./OrtApi.ts"
import { RuntimeError } from "./RuntimeError.ts"
import { describeTensor, isAttached, type Tensor } from "./Tensor.ts"

/** An input or output of a model. */
export interface TensorInfo {
  readonly name: string
  readonly type: ElementType
  /** Numbers are fixed, names are symbolic, "" is unknown; undefined is unknown rank. */
  readonly shape: ReadonlyArray<number | string> | undefined
}

export interface Signature {
  readonly inputs: ReadonlyArray<TensorInfo>
  readonly outputs: ReadonlyArray<TensorInfo>
}

/** What becomes of an output: written into a tensor, allocated by ONNX Runtime and returned, or not asked for. */
export type OutputTarget = Tensor | "allocate" | "skip"

const sides = {
  input: { count: "SessionGetInputCount", name: "SessionGetInputName", info: "SessionGetInputTypeInfo" },
  output: { count: "SessionGetOutputCount", name: "SessionGetOutputName", info: "SessionGetOutputTypeInfo" }
} as const

const readShape = ({ api }: Environment, info: Pointer): TensorInfo["shape"] => {
  if (api.hasShape !== undefined && !api.hasShape(info)) return undefined
  const rank = Number(api.get("GetDimensionsCount", info))
  const slots = new BigInt64Array(new ArrayBuffer(rank * 8 + 8))
  const read = (name: "GetDimensions" | "GetSymbolicDimensions") => {
    api.call(name, info, api.addressOf(slots.buffer), rank)
    return Array.from(slots.subarray(0, rank))
  }
  const dims = read("GetDimensions")
  const names = read("GetSymbolicDimensions")
  return dims.map((dim, i) => dim >= 0n ? Number(dim) : api.text(names[i]!))
}

const readInfo = (
  environment: Environment,
  session: Pointer,
  owner: string,
  side: keyof typeof sides,
  index: number
): TensorInfo => {
  const { allocator, api } = environment
  const address = api.get(sides[side].name, session, index, allocator)
  const name = api.text(address)
  api.call("AllocatorFree", allocator, address)
  const typeInfo = api.get(sides[side].info, session, index)
  try {
    // Borrowed from typeInfo; NULL unless it describes a dense tensor.
    const info = api.get("CastTypeInfoToTensorInfo", typeInfo)
    const type = info === 0n ? undefined : elementTypeOf(Number(BigInt.asUintN(32, api.get("GetTensorElementType", info))))
    if (type === undefined) {
      throw RuntimeError.of({
        session: owner,
        operation: "session",
        reason: `${side} "${name}" is not a tensor of a type known here`,
        remedy: `Use dense tensors of ${Object.keys(storage).join(", ")}`,
        [side]: name
      })
    }
    return { name, type, shape: readShape(environment, info) }
  } finally {
    api.functions.ReleaseTypeInfo(typeInfo)
  }
}

const readSide = (environment: Environment, session: Pointer, owner: string, side: keyof typeof sides) =>
  Array.from(
    { length: Number(environment.api.get(sides[side].count, session)) },
    (_, index) => readInfo(environment, session, owner, side, index)
  )

/** Reads the inputs and outputs of a session; errors call it `owner`. Throws StatusError, RuntimeError. */
export const readSignature = (environment: Environment, session: Pointer, owner: string): Signature => ({
  inputs: readSide(environment, session, owner, "input"),
  outputs: readSide(environment, session, owner, "output")
})

type Symbols = Map<string, { readonly size: number; readonly owner: string }>

const checkTensor = (
  at: { readonly session: string; readonly operation: string },
  side: keyof typeof sides,
  info: TensorInfo,
  tensor: Tensor,
  symbols: Symbols
) => {
  const shape = { expected: describeTensor(info.type, info.shape), actual: describeTensor(tensor.type, tensor.dims) }
  const refuse = (why: string, remedy: string) =>
    RuntimeError.of({
      ...at,
      reason: `${side} "${info.name}" is ${shape.actual}, expected ${shape.expected}${why === "" ? "" : `: ${why}`}`,
      remedy,
      [side]: info.name,
      shape
    })
  if (info.type === "string") throw refuse("strings are not supported", "Encode text before it reaches the model")
  if (tensor.type !== info.type) throw refuse("", `Make it a ${info.type} tensor`)
  if (!isAttached(tensor)) throw refuse("its ArrayBuffer was transferred away", "Keep tensors on this thread")
  if (info.shape === undefined) return
  if (tensor.dims.length !== info.shape.length) {
    throw refuse(`rank ${tensor.dims.length}`, `Give it ${info.shape.length} dimensions`)
  }
  info.shape.forEach((expected, axis) => {
    const actual = tensor.dims[axis]!
    if (expected === "") return
    if (typeof expected === "number") {
      if (actual !== expected) throw refuse(`dimension ${axis} is ${actual}`, `Make dimension ${axis} ${expected}`)
      return
    }
    const known = symbols.get(expected)
    if (known === undefined) symbols.set(expected, { size: actual, owner: info.name })
    else if (known.size !== actual) {
      throw refuse(
        `dimension ${axis}, "${expected}", is ${actual} here and ${known.size} in "${known.owner}"`,
        `Give "${expected}" one size`
      )
    }
  })
}

const checkNames = (
  at: { readonly session: string; readonly operation: string },
  side: keyof typeof sides,
  infos: ReadonlyArray<TensorInfo>,
  given: ReadonlyMap<string, unknown>
) => {
  const known = new Set(infos.map(({ name }) => name))
  for (const name of given.keys()) {
    if (known.has(name)) continue
    throw RuntimeError.of({
      ...at,
      reason: `the model has no ${side} "${name}"`,
      remedy: `Its ${side}s are ${[...known].map((name) => `"${name}"`).join(", ")}`,
      [side]: name
    })
  }
}

/**
 * Whether every input is there, known, and of the right element type and shape, each symbolic dimension having one size
 * everywhere, and whether the output tensors fit too. Throws RuntimeError.
 */
export const checkTensors = (
  at: { readonly session: string; readonly operation: string },
  signature: Signature,
  inputs: ReadonlyMap<string, Tensor>,
  outputs: ReadonlyMap<string, OutputTarget>
): void => {
  checkNames(at, "input", signature.inputs, inputs)
  checkNames(at, "output", signature.outputs, outputs)
  const symbols: Symbols = new Map()
  for (const info of signature.inputs) {
    const tensor = inputs.get(info.name)
    if (tensor === undefined) {
      const expected = describeTensor(info.type, info.shape)
      throw RuntimeError.of({
        ...at,
        reason: `input "${info.name}", ${expected}, is missing`,
        remedy: "Give every input of the model",
        input: info.name,
        shape: { expected, actual: "nothing" }
      })
    }
    checkTensor(at, "input", info, tensor, symbols)
  }
  for (const info of signature.outputs) {
    const target = outputs.get(info.name)
    if (target !== undefined && typeof target !== "string") checkTensor(at, "output", info, target, symbols)
    else if (info.type === "string" && target !== "skip") {
      throw RuntimeError.of({
        ...at,
        reason: `output "${info.name}" is ${describeTensor(info.type, info.shape)}: strings are not supported`,
        remedy: 'Leave it out with "skip"',
        output: info.name
      })
    }
  }
}
