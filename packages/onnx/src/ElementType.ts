import { OnnxError } from "./OnnxError.ts"

/**
 * The element types of tensors. `code` is TensorProto.DataType of onnx.proto; `size` is bytes per element (0:
 * variable).
 */
const table = {
  float32: { code: 1, size: 4 },
  uint8: { code: 2, size: 1 },
  int8: { code: 3, size: 1 },
  uint16: { code: 4, size: 2 },
  int16: { code: 5, size: 2 },
  int32: { code: 6, size: 4 },
  int64: { code: 7, size: 8 },
  string: { code: 8, size: 0 },
  bool: { code: 9, size: 1 },
  float16: { code: 10, size: 2 },
  float64: { code: 11, size: 8 },
  uint32: { code: 12, size: 4 },
  uint64: { code: 13, size: 8 },
  bfloat16: { code: 16, size: 2 }
} as const

export type ElementType = keyof typeof table

export const elementTypes = Object.keys(table) as ReadonlyArray<ElementType>

const byCode = new Map<number, ElementType>(elementTypes.map((type) => [table[type].code, type]))

/** The ONNX number (TensorProto.DataType) of an element type, as `Cast` takes it. */
export const elementTypeCode = (type: ElementType): number => table[type].code

/** Bytes per element; 0 for "string". */
export const elementSize = (type: ElementType): number => table[type].size

export const isElementType = (name: unknown): name is ElementType => typeof name === "string" && name in table

/** The element type of an ONNX number; `owner` names the tensor in the error. */
export const elementTypeOf = (code: number, owner: string): ElementType => {
  const type = byCode.get(code)
  if (type === undefined) {
    throw new OnnxError({
      problem: `${owner} has ONNX data type ${code}, which a Graph can't hold`,
      remedy: `Use one of ${elementTypes.join(", ")}; decodeModel and encodeModel carry any type`,
      tensor: owner
    })
  }
  return type
}

export const floatTypes: ReadonlyArray<ElementType> = ["float32", "float64", "float16", "bfloat16"]
export const integerTypes: ReadonlyArray<ElementType> = [
  "int64",
  "int32",
  "int16",
  "int8",
  "uint64",
  "uint32",
  "uint16",
  "uint8"
]
export const numericTypes: ReadonlyArray<ElementType> = [...floatTypes, ...integerTypes]
