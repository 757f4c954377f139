import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { type AttributeValue, isGraph } from "./Attribute.ts"
import { elementTypeCode } from "./ElementType.ts"
import { Graph, type Node, type Value } from "./Graph.ts"
import {
  type AttributeProto,
  AttributeProto_AttributeType as Kind,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema
} from "./onnx_pb.ts"
import { OnnxError } from "./OnnxError.ts"
import { findOperator } from "./operators/index.ts"
import { allNodes, topologicalOrder } from "./Order.ts"
import { namedShape } from "./Shape.ts"
import { tensorProto } from "./TensorCodec.ts"
import type { TensorData } from "./TensorData.ts"

export interface ModelOptions {
  /** Opset of the ONNX operators. Default 21, or higher where a node needs it. */
  readonly opset?: number
  /** Default 10. */
  readonly irVersion?: number
  readonly producer?: { readonly name: string; readonly version?: string }
  /** Entries of metadata_props, besides those of `graph.metadata`. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** How initializers become messages. */
type TensorEncoder = (data: TensorData, name: string) => TensorProto

const utf8 = new TextEncoder()
const int64Max = 2n ** 63n - 1n

/** 2^63 is how a JavaScript number holds INT64_MAX, "to the end". */
const toInt64 = (x: number): bigint => x >= 2 ** 63 ? int64Max : BigInt(x)

const attributeProto = (name: string, value: AttributeValue, encode: TensorEncoder): AttributeProto => {
  const make = (init: object) => create(AttributeProtoSchema, { name, ...init })
  if (typeof value === "number") return make({ type: Kind.INT, i: toInt64(value) })
  if (typeof value === "string") return make({ type: Kind.STRING, s: utf8.encode(value) })
  if (isGraph(value)) return make({ type: Kind.GRAPH, g: graphProto(value, encode) })
  if ("bytes" in value) return make({ type: Kind.TENSOR, t: tensorProto(value) })
  if ("float" in value) {
    return typeof value.float === "number"
      ? make({ type: Kind.FLOAT, f: value.float })
      : make({ type: Kind.FLOATS, floats: [...value.float] })
  }
  return typeof value[0] === "string"
    ? make({ type: Kind.STRINGS, strings: (value as ReadonlyArray<string>).map((item) => utf8.encode(item)) })
    : make({ type: Kind.INTS, ints: (value as ReadonlyArray<number>).map(toInt64) })
}

const dimension = (dim: number | string) =>
  create(
    TensorShapeProto_DimensionSchema,
    dim === "" ? {} : {
      value: typeof dim === "number" ? { case: "dimValue", value: BigInt(dim) } : { case: "dimParam", value: dim }
    }
  )

const valueInfo = ({ name, shape, type }: Value): ValueInfoProto => {
  const tensor = create(TypeProto_TensorSchema, { elemType: elementTypeCode(type) })
  if (shape !== undefined) tensor.shape = create(TensorShapeProtoSchema, { dim: namedShape(shape).map(dimension) })
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value: tensor } })
  })
}

const nodeProto = (node: Node, encode: TensorEncoder): NodeProto =>
  create(NodeProtoSchema, {
    name: node.name,
    opType: node.opType,
    ...(node.domain === "" ? {} : { domain: node.domain }),
    input: node.inputs.map((value) => value?.name ?? ""),
    output: node.outputs.map((value) => value.name),
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value, encode))
  })

const graphProto = (graph: Graph, encode: TensorEncoder): GraphProto => {
  const nodes = topologicalOrder(graph)
  const declared = new Set([...graph.inputs, ...graph.outputs])
  return create(GraphProtoSchema, {
    name: graph.name,
    node: nodes.map((node) => nodeProto(node, encode)),
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
    initializer: [...graph.initializers].map(([value, data]) => encode(data, value.name)),
    valueInfo: nodes.flatMap((node) => node.outputs).filter((value) => !declared.has(value)).map(valueInfo)
  })
}

/** Opsets by domain: what the nodes need, at least 21 for ONNX unless `opset` says otherwise. */
const opsetsOf = (graph: Graph, opset: number | undefined): Map<string, number> => {
  const versions = new Map<string, number>([["", opset ?? Math.max(21, graph.opsets.get("") ?? 0)]])
  for (const { domain } of graph.functions) versions.set(domain, graph.opsets.get(domain) ?? 1)
  for (const { domain, name, opType } of allNodes(graph)) {
    if (domain !== "") versions.set(domain, graph.opsets.get(domain) ?? 1)
    const since = domain === "" ? findOperator(opType, "")?.operator.since ?? 1 : 1
    if (since <= versions.get("")!) continue
    if (opset !== undefined) {
      throw new OnnxError({
        operator: opType,
        node: name,
        problem: `it came with opset ${since}, the model is to have ${opset}`,
        remedy: `Ask for opset ${since}, or for none`
      })
    }
    versions.set("", since)
  }
  return versions
}

/** `toModel` with a say in how initializers are stored. */
export const buildModel = (graph: Graph, options: ModelOptions, encode: TensorEncoder): ModelProto => {
  const { irVersion = 10, producer = { name: "@ifrl/onnx" } } = options
  if (options.opset !== undefined && options.opset < 21) {
    throw new OnnxError({
      problem: `Graphs hold operators in the form of opset 21; opset ${options.opset} is older`,
      remedy: "Ask for opset 21 or later"
    })
  }
  const metadata = { ...Object.fromEntries(graph.metadata), ...options.metadata }
  return create(ModelProtoSchema, {
    irVersion: BigInt(irVersion),
    producerName: producer.name,
    ...(producer.version === undefined ? {} : { producerVersion: producer.version }),
    opsetImport: [...opsetsOf(graph, options.opset)].map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })
    ),
    graph: graphProto(graph, encode),
    functions: graph.functions,
    metadataProps: Object.entries(metadata).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))
  })
}

/** The protobuf message of a graph, all tensors inline. */
export const toModel = (graph: Graph, options: ModelOptions = {}): ModelProto => buildModel(graph, options, tensorProto)

/** Protobuf's limit on a message, less room for all that isn't tensors. */
const inlineLimit = 2 ** 31 - 2 ** 24

/** Bytes of tensor data inside a graph's message. */
export const inlineBytes = (graph: GraphProto | undefined): number => {
  if (graph === undefined) return 0
  const own = graph.initializer.reduce((sum, tensor) => sum + tensor.rawData.byteLength, 0)
  return graph.node.flatMap((node) => node.attribute).reduce(
    (sum, attribute) => sum + inlineBytes(attribute.g) + (attribute.t?.rawData.byteLength ?? 0),
    own
  )
}

export const exceedsProtobuf = (bytes: number): boolean => bytes > inlineLimit

/** A model's bytes, as ONNX Runtime loads them. External tensors of a message stay external. */
export const encodeModel = (model: ModelProto | Graph): Uint8Array => {
  const message = model instanceof Graph ? toModel(model) : model
  const size = inlineBytes(message.graph)
  if (exceedsProtobuf(size)) {
    throw new OnnxError({
      problem: `The model holds ${size} bytes of tensors, protobuf's limit is 2 GiB`,
      remedy: "Write it with writeModel, which puts large tensors into a file of their own"
    })
  }
  return toBinary(ModelProtoSchema, message)
}

/** The message of a model file's bytes, nothing lost: encodeModel gives back an equal file. */
export const decodeModel = (bytes: Uint8Array): ModelProto => {
  try {
    return fromBinary(ModelProtoSchema, bytes)
  } catch (cause) {
    throw new OnnxError({
      problem: `${bytes.byteLength} bytes are no ONNX model (${
        cause instanceof Error ? cause.message : String(cause)
      })`,
      remedy: "Check that the file is an .onnx file and complete",
      cause
    })
  }
}
