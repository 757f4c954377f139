import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { type AttributeValue, isGraph } from "./Attribute.ts"
import { elementTypeCode } from "./ElementType.ts"
import { Graph, namedShape, type Node, type Value } from "./Graph.ts"
import {
  type AttributeProto, AttributeProto_AttributeType as Kind, AttributeProtoSchema, type GraphProto, GraphProtoSchema,
  type ModelProto, ModelProtoSchema, type NodeProto, NodeProtoSchema, OperatorSetIdProtoSchema, StringStringEntryProtoSchema,
  type TensorProto, TensorProtoSchema, TensorShapeProto_DimensionSchema, TensorShapeProtoSchema, TypeProto_TensorSchema,
  TypeProtoSchema, type ValueInfoProto, ValueInfoProtoSchema
} from "./onnx_pb.ts"
import { OnnxError } from "./OnnxError.ts"
import { findOperator } from "./operators/index.ts"
import { type TensorData, unpackStrings } from "./TensorData.ts"

export interface ModelOptions {
  /** Opset of the ONNX operators. Default 21, or higher where a node needs it. */
  readonly opset?: number
  /** Default 10. */
  readonly irVersion?: number
  readonly producer?: { readonly name: string; readonly version?: string }
  readonly metadata?: Readonly<Record<string, string>>
}

const utf8 = new TextEncoder()

export const tensorProto = (data: TensorData, name?: string): TensorProto =>
  create(TensorProtoSchema, {
    dims: data.dims.map(BigInt),
    dataType: elementTypeCode(data.type),
    ...(name === undefined ? {} : { name }),
    ...(data.type === "string" ? { stringData: unpackStrings(data.bytes) } : { rawData: data.bytes })
  })

const int64Max = 2n ** 63n - 1n

/** 2^63 is how a JavaScript number holds "to the end" (INT64_MAX), which older Slice nodes carry. */
const toInt64 = (x: number): bigint => x >= 2 ** 63 ? int64Max : BigInt(x)

const attributeProto = (name: string, value: AttributeValue): AttributeProto => {
  const make = (init: object) => create(AttributeProtoSchema, { name, ...init })
  if (typeof value === "number") return make({ type: Kind.INT, i: toInt64(value) })
  if (typeof value === "string") return make({ type: Kind.STRING, s: utf8.encode(value) })
  if (isGraph(value)) return make({ type: Kind.GRAPH, g: graphProto(value) })
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

const valueInfo = ({ name, shape, type }: Value): ValueInfoProto =>
  create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: "tensorType",
        value: create(TypeProto_TensorSchema, {
          elemType: elementTypeCode(type),
          ...(shape === undefined ? {} : {
            shape: create(TensorShapeProtoSchema, {
              dim: namedShape(shape).map((dim) =>
                create(
                  TensorShapeProto_DimensionSchema,
                  dim === ""
                    ? {}
                    : typeof dim === "number"
                    ? { value: { case: "dimValue", value: BigInt(dim) } }
                    : { value: { case: "dimParam", value: dim } }
                )
              )
            })
          })
        })
      }
    })
  })

const nodeProto = (node: Node): NodeProto =>
  create(NodeProtoSchema, {
    name: node.name,
    opType: node.opType,
    ...(node.domain === "" ? {} : { domain: node.domain }),
    input: node.inputs.map((value) => value?.name ?? ""),
    output: node.outputs.map((value) => value.name),
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value))
  })

const graphProto = (graph: Graph): GraphProto => {
  const declared = new Set([...graph.inputs, ...graph.outputs])
  return create(GraphProtoSchema, {
    name: graph.name,
    node: graph.nodes.map(nodeProto),
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
    initializer: [...graph.initializers].map(([value, data]) => tensorProto(data, value.name)),
    valueInfo: graph.nodes.flatMap((node) => node.outputs).filter((value) => !declared.has(value)).map(valueInfo)
  })
}

/** The nodes of a graph and of all its subgraphs. */
export function* allNodes(graph: Graph): Generator<Node> {
  for (const node of graph.nodes) {
    yield node
    for (const value of Object.values(node.attributes)) {
      if (isGraph(value)) yield* allNodes(value)
    }
  }
}

/** Opsets by domain: what the nodes need, at least 21 for ONNX unless `opset` says otherwise. */
const opsets = (graph: Graph, opset: number | undefined): Map<string, number> => {
  const versions = new Map<string, number>([["", opset ?? graph.opsets.get("") ?? 21]])
  for (const { domain, name, opType } of allNodes(graph)) {
    const since = findOperator(opType, domain)?.operator.since ?? 1
    if (domain !== "") {
      versions.set(domain, graph.opsets.get(domain) ?? 1)
    } else if (since > versions.get("")!) {
      if (opset !== undefined) {
        throw new OnnxError({
          operator: opType,
          node: name,
          problem: `it came with opset ${since}, the model is to have ${opset}`,
          remedy: `Ask for opset ${since}, or leave it out`
        })
      }
      versions.set("", since)
    }
  }
  return versions
}

/** The protobuf message of a graph. */
export const toModel = (graph: Graph, options: ModelOptions = {}): ModelProto => {
  const { irVersion = 10, metadata = {}, producer = { name: "@ifrl/onnx" } } = options
  return create(ModelProtoSchema, {
    irVersion: BigInt(irVersion),
    producerName: producer.name,
    ...(producer.version === undefined ? {} : { producerVersion: producer.version }),
    opsetImport: [...opsets(graph, options.opset)].map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })
    ),
    graph: graphProto(graph),
    functions: graph.functions,
    metadataProps: Object.entries(metadata).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))
  })
}

/** A model's bytes, as ONNX Runtime loads them. */
export const encodeModel = (model: ModelProto | Graph): Uint8Array =>
  toBinary(ModelProtoSchema, model instanceof Graph ? toModel(model) : model)

export const decodeModel = (bytes: Uint8Array): ModelProto => fromBinary(ModelProtoSchema, bytes)
