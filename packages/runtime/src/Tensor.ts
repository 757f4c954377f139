import koffi from "koffi"
import { storage, type TensorType, type TypedArray, type TypedArrays } from "./ElementType.ts"
import { bfloat16Bits, float16Bits } from "./HalfFloat.ts"
import { RuntimeError } from "./RuntimeError.ts"

/** Every tensor that owns its memory starts at a multiple of this many bytes: a cache line, and what AVX-512 loads at once. */
const alignment = 64

const fail = (reason: string, remedy: string, cause?: unknown) =>
  RuntimeError.of({ session: "", operation: "tensor", reason, remedy, ...(cause === undefined ? {} : { cause }) })

/** Element type and shape on one line: `float32[2,3]`. */
export const describeTensor = (type: string, dims: ReadonlyArray<number | string> | undefined): string =>
  `${type}[${dims === undefined ? "..." : dims.map((d) => d === "" ? "?" : d).join(",")}]`

/** Elements of a shape; 1 for a scalar. Throws RuntimeError unless every dimension is a non-negative integer. */
export const sizeOf = (dims: ReadonlyArray<number>): number => {
  let size = 1
  for (const d of dims) {
    if (!Number.isSafeInteger(d) || d < 0) {
      throw fail(`[${dims.join(",")}] is not a shape`, "Give non-negative integers")
    }
    size *= d
  }
  if (!Number.isSafeInteger(size)) throw fail(`[${dims.join(",")}] has too many elements`, "Split the tensor")
  return size
}

type Source = ArrayLike<number> | ArrayLike<bigint> | ArrayLike<boolean>

/** How a number becomes an element, for the types whose storage is not the number itself. */
const conversions: { readonly [T in TensorType]?: (x: any) => number | bigint } = {
  float16: float16Bits,
  bfloat16: bfloat16Bits,
  int64: BigInt,
  uint64: BigInt,
  bool: (x) => x ? 1 : 0
}

/**
 * A dense tensor over memory of ours, which ONNX Runtime reads and writes in place. The memory is always that of an
 * explicit ArrayBuffer: V8 keeps typed arrays of up to 64 bytes on its heap, where a collection moves them under a run.
 */
export class Tensor<T extends TensorType = TensorType> {
  readonly type: T
  /** Outermost first; empty for a scalar. */
  readonly dims: ReadonlyArray<number>
  /** Exactly this tensor's elements, row major. float16 and bfloat16 are bit patterns, bool is 0 or 1. */
  readonly data: TypedArrays[T]
  /** Where the first element lies. Stays put for the life of the tensor. */
  readonly address: bigint

  private constructor(type: T, dims: ReadonlyArray<number>, data: TypedArrays[T], address: bigint) {
    this.type = type
    this.dims = dims
    this.data = data
    this.address = address
  }

  /** A tensor of zeros. The system commits its pages as they are touched. */
  static zeros<T extends TensorType>(type: T, dims: ReadonlyArray<number>): Tensor<T> {
    if (!Object.hasOwn(storage, type)) {
      throw fail(`a tensor cannot hold ${String(type)}`, `Use one of ${Object.keys(storage).join(", ")}`)
    }
    const { array, bytes } = storage[type]
    const size = sizeOf(dims)
    const buffer = allocate(type, dims, size * bytes)
    const start = koffi.address(buffer)
    const offset = Number((BigInt(alignment) - start % BigInt(alignment)) % BigInt(alignment))
    return new Tensor(type, [...dims], new array(buffer, offset, size), start + BigInt(offset))
  }

  /**
   * A tensor with a copy of `values`. A typed array of the tensor's own storage is copied bit for bit (so a Uint16Array is
   * float16 patterns); anything else holds numbers, which are converted and, for float16 and bfloat16, rounded to nearest.
   */
  static from<T extends TensorType>(type: T, dims: ReadonlyArray<number>, values: Source): Tensor<T> {
    const tensor = Tensor.zeros(type, dims)
    if (values.length !== tensor.data.length) {
      throw fail(
        `${describeTensor(type, dims)} has ${tensor.data.length} elements and ${values.length} were given`,
        "Give as many values as the shape has elements"
      )
    }
    const convert = conversions[type]
    const data = tensor.data as { [i: number]: number | bigint; set: (values: any) => void }
    // By name: typed arrays of another realm are no instances of this one's constructors.
    const stored = Object.prototype.toString.call(values) === Object.prototype.toString.call(tensor.data)
    if (convert === undefined || (stored && type !== "bool")) data.set(values)
    else for (let i = 0; i < values.length; i++) data[i] = convert(values[i])
    return tensor
  }

  /** A scalar. */
  static scalar<T extends TensorType>(type: T, value: number | bigint | boolean): Tensor<T> {
    return Tensor.from(type, [], [value] as Source)
  }

  get size(): number {
    return this.data.length
  }

  /** The tensor's memory, little endian. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.data.buffer, this.data.byteOffset, this.data.byteLength)
  }

  /** Another shape over the same memory, from `elementOffset` on. Throws RuntimeError if it would leave the memory. */
  view(dims: ReadonlyArray<number>, elementOffset = 0): Tensor<T> {
    const size = sizeOf(dims)
    if (!Number.isSafeInteger(elementOffset) || elementOffset < 0 || elementOffset + size > this.data.length) {
      throw fail(
        `a view [${dims.join(",")}] from element ${elementOffset} leaves ${describeTensor(this.type, this.dims)}`,
        `Stay within ${this.data.length} elements`
      )
    }
    const { array, bytes } = storage[this.type]
    const offset = elementOffset * bytes
    const data = new array(this.data.buffer, this.data.byteOffset + offset, size)
    return new Tensor(this.type, [...dims], data, this.address + BigInt(offset))
  }

  /**
   * One tensor over the memory of several that lie one behind the other: [m, ...] and [n, ...] become [m + n, ...].
   * Undefined if they do not lie so, or differ in type or in the other dimensions.
   */
  static span<T extends TensorType>(tensors: ReadonlyArray<Tensor<T>>): Tensor<T> | undefined {
    const [first, ...others] = tensors
    if (first === undefined || first.dims.length === 0) return undefined
    const inner = first.dims.slice(1)
    let [rows, end] = [first.dims[0]!, first.data.byteOffset + first.data.byteLength]
    for (const { data, dims, type } of others) {
      const follows = data.buffer === first.data.buffer && data.byteOffset === end
      const alike = type === first.type && dims.length > 0 && dims.slice(1).join() === inner.join()
      if (!follows || !alike) return undefined
      rows += dims[0]!
      end += data.byteLength
    }
    const { array, bytes } = storage[first.type]
    const data = new array(first.data.buffer, first.data.byteOffset, (end - first.data.byteOffset) / bytes)
    return new Tensor(first.type, [rows, ...inner], data, first.address)
  }

  /** This tensor with its element type known to the compiler. Throws RuntimeError if it has another. */
  as<U extends TensorType>(type: U): Tensor<U> {
    if ((this.type as TensorType) !== type) {
      throw fail(`${describeTensor(this.type, this.dims)} is not ${type}`, "Ask for the type that the tensor has")
    }
    return this as unknown as Tensor<U>
  }

  toString(): string {
    return describeTensor(this.type, this.dims)
  }
}

const allocate = (type: TensorType, dims: ReadonlyArray<number>, bytes: number): ArrayBuffer => {
  try {
    return new ArrayBuffer(bytes + alignment)
  } catch (cause) {
    throw fail(`no memory for ${describeTensor(type, dims)}, ${bytes} bytes`, "Free memory or use a smaller shape", cause)
  }
}

/** False once the tensor's ArrayBuffer was transferred away: its address then belongs to somebody else. */
export const isAttached = (tensor: { readonly dims: ReadonlyArray<number>; readonly data: TypedArray }): boolean =>
  tensor.data.buffer.byteLength > 0
