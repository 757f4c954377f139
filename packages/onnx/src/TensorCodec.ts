import { create } from "@bufbuild/protobuf"
import { elementTypeCode, elementTypeOf } from "./ElementType.ts"
import { externalTensor } from "./ExternalData.ts"
import { type TensorProto, TensorProto_DataLocation as Location, TensorProtoSchema } from "./onnx_pb.ts"
import { OnnxError } from "./OnnxError.ts"
import { byteLengthOf, packStrings, type TensorData, tensorData, unpackStrings } from "./TensorData.ts"

/** The protobuf message of a tensor, its bytes inline. */
export const tensorProto = (data: TensorData, name?: string): TensorProto =>
  create(TensorProtoSchema, {
    dims: data.dims.map(BigInt),
    dataType: elementTypeCode(data.type),
    ...(name === undefined ? {} : { name }),
    ...(data.type === "string" ? { stringData: unpackStrings(data.bytes) } : { rawData: data.bytes })
  })

const halves = new Set(["float16", "bfloat16"])

/** A tensor's contents. Those of an external one are read from its file whenever `bytes` is. */
export const tensorFromProto = (proto: TensorProto): TensorData => {
  const type = elementTypeOf(proto.dataType, `tensor ${proto.name}`)
  const dims = proto.dims.map(Number)
  if (proto.dataLocation === Location.EXTERNAL) return externalTensor(proto, type, dims)
  if (type === "string") return checked({ type, dims, bytes: packStrings(proto.stringData) }, proto)
  if (Object.hasOwn(proto, "rawData")) return checked({ type, dims, bytes: proto.rawData }, proto)
  // Without raw bytes exactly one of the typed fields is filled; halves are bit patterns in int32_data.
  const typed = [proto.floatData, proto.int32Data, proto.int64Data, proto.doubleData, proto.uint64Data]
  const values = typed.find((field) => field.length > 0) ?? []
  return tensorData(type, dims, halves.has(type) ? Uint16Array.from(values as Array<number>) : values)
}

const checked = (data: TensorData, proto: TensorProto): TensorData => {
  const expected = byteLengthOf(data.type, data.dims) ?? data.bytes.byteLength
  const strings = data.type !== "string" || proto.stringData.length === data.dims.reduce((a, b) => a * b, 1)
  if (expected === data.bytes.byteLength && strings) return data
  throw new OnnxError({
    problem: `Tensor ${proto.name} (${data.type}[${
      data.dims.join(", ")
    }]) has ${data.bytes.byteLength} bytes of data, not ${expected}`,
    remedy: "The file is damaged: export the model again",
    tensor: proto.name
  })
}

/** A sparse tensor written out: `values` at flat (rank 1) or coordinate (rank 2) `indices`, zero elsewhere. */
export const densify = (values: TensorProto, indices: TensorProto, dims: ReadonlyArray<number>): TensorData => {
  const data = tensorFromProto(values)
  const at = tensorFromProto(indices)
  const length = byteLengthOf(data.type, dims)
  if (length === undefined || at.type !== "int64") {
    throw new OnnxError({
      problem: `Sparse tensor ${values.name} has ${data.type} values and ${at.type} indices`,
      remedy: "Values must be numbers, indices int64",
      tensor: values.name
    })
  }
  const bytes = new Uint8Array(length)
  const count = data.dims.reduce((a, b) => a * b, 1)
  const size = count === 0 ? 0 : data.bytes.byteLength / count
  const positions = new BigInt64Array(new Uint8Array(at.bytes).buffer)
  const refuse = (problem: string) =>
    new OnnxError({
      problem: `Sparse tensor ${values.name} has ${problem}`,
      remedy: "The file is damaged: export the model again",
      tensor: values.name
    })
  // A flat index is one along a single axis.
  const axes = at.dims.length === 1 ? [dims.reduce((a, b) => a * b, 1)] : dims
  if (positions.length !== count * axes.length) throw refuse(`${count} values and indices [${at.dims.join(", ")}]`)
  for (let i = 0; i < count; i++) {
    const flat = axes.reduce((sum, dim, axis) => {
      const index = Number(positions[i * axes.length + axis])
      if (index < 0 || index >= dim) throw refuse(`an index beyond [${dims.join(", ")}]`)
      return sum * dim + index
    }, 0)
    bytes.set(data.bytes.subarray(i * size, (i + 1) * size), flat * size)
  }
  return { type: data.type, dims: [...dims], bytes }
}
