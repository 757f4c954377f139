/** Element types of ONNX tensors: their code in the C API, width in bytes and the typed array that holds them. */

/** Element types as ONNX names them in this repository. */
export type ElementType =
  | "float32" | "float64" | "float16" | "bfloat16"
  | "int64" | "int32" | "int16" | "int8"
  | "uint64" | "uint32" | "uint16" | "uint8"
  | "bool" | "string"

/** Element types that a `Tensor` can hold: everything but strings. */
export type TensorType = Exclude<ElementType, "string">

export interface TypedArrays {
  readonly float32: Float32Array<ArrayBuffer>
  readonly float64: Float64Array<ArrayBuffer>
  readonly float16: Uint16Array<ArrayBuffer>
  readonly bfloat16: Uint16Array<ArrayBuffer>
  readonly int64: BigInt64Array<ArrayBuffer>
  readonly int32: Int32Array<ArrayBuffer>
  readonly int16: Int16Array<ArrayBuffer>
  readonly int8: Int8Array<ArrayBuffer>
  readonly uint64: BigUint64Array<ArrayBuffer>
  readonly uint32: Uint32Array<ArrayBuffer>
  readonly uint16: Uint16Array<ArrayBuffer>
  readonly uint8: Uint8Array<ArrayBuffer>
  readonly bool: Uint8Array<ArrayBuffer>
}

/** The typed array of a tensor: float16 and bfloat16 are bit patterns, bool is one byte an element, 0 or 1. */
export type TypedArray = TypedArrays[TensorType]

export interface Storage<T extends TensorType = TensorType> {
  /** ONNXTensorElementDataType. */
  readonly code: number
  /** Bytes an element. */
  readonly bytes: number
  readonly array: new(buffer: ArrayBuffer, byteOffset: number, length: number) => TypedArrays[T]
}

export const storage: { readonly [T in TensorType]: Storage<T> } = {
  float32: { code: 1, bytes: 4, array: Float32Array },
  float64: { code: 11, bytes: 8, array: Float64Array },
  float16: { code: 10, bytes: 2, array: Uint16Array },
  bfloat16: { code: 16, bytes: 2, array: Uint16Array },
  int64: { code: 7, bytes: 8, array: BigInt64Array },
  int32: { code: 6, bytes: 4, array: Int32Array },
  int16: { code: 5, bytes: 2, array: Int16Array },
  int8: { code: 3, bytes: 1, array: Int8Array },
  uint64: { code: 13, bytes: 8, array: BigUint64Array },
  uint32: { code: 12, bytes: 4, array: Uint32Array },
  uint16: { code: 4, bytes: 2, array: Uint16Array },
  uint8: { code: 2, bytes: 1, array: Uint8Array },
  bool: { code: 9, bytes: 1, array: Uint8Array }
}

const byCode = new Map<number, ElementType>([
  [8, "string"],
  ...Object.entries(storage).map(([type, { code }]) => [code, type as TensorType] as const)
])

/** The element type of an ONNXTensorElementDataType, undefined for those outside this repository (int4, float8, complex). */
export const elementTypeOf = (code: number): ElementType | undefined => byCode.get(code)
