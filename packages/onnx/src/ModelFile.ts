import { create } from "@bufbuild/protobuf"
import { randomUUID } from "node:crypto"
import { type FileHandle, open, readFile, rename, rm, writeFile } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { elementTypeCode } from "./ElementType.ts"
import { type ExternalSource, ExternalTensor, readChunks, registerSource, sourceOf } from "./ExternalData.ts"
import { Graph } from "./Graph.ts"
import { buildModel, decodeModel, encodeModel, exceedsProtobuf, inlineBytes, type ModelOptions } from "./Model.ts"
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation as Location,
  TensorProtoSchema
} from "./onnx_pb.ts"
import { OnnxError } from "./OnnxError.ts"
import { tensorProto } from "./TensorCodec.ts"
import { byteLengthOf, type TensorData } from "./TensorData.ts"

export interface WriteOptions extends ModelOptions {
  /**
   * Initializers of at least this many bytes go to a file beside the model. By default none do, unless the model
   * wouldn't fit into protobuf's 2 GiB: then those of 1 KiB or more. Integer vectors (shapes, axes) always stay
   * inline: ONNX Runtime reads them while it infers shapes, before it opens external files. Of a message, as opposed to
   * a graph, only tensors in raw_data are moved.
   */
  readonly externalDataThreshold?: number
  /** Name of that file. Default: the model's name with "_data" after it. */
  readonly externalDataName?: string
}

/** ONNX asks for offsets at multiples of the page size, so that the file can be mapped. */
const alignment = 4096
const longestInlineVector = 1024

/** Bytes at hand or made when they are written, or a stretch of another file. */
type Bytes = { readonly data: Pick<TensorData, "bytes">; readonly length: number } | {
  readonly source: ExternalSource
  readonly length: number
}

/** The layout of the external file: what lies at which offset. */
class Plan {
  readonly entries: Array<{ readonly offset: number; readonly data: Bytes }> = []
  readonly location: string
  size = 0

  constructor(location: string) {
    this.location = location
  }

  /** Reserves room for the bytes and returns the external_data entries that say where. */
  add(data: Bytes) {
    const offset = Math.ceil(this.size / alignment) * alignment
    this.entries.push({ offset, data })
    this.size = offset + data.length
    return Object.entries({ location: this.location, offset: String(offset), length: String(data.length) })
      .map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))
  }
}

const isShapeLike = (dataType: number, dims: ReadonlyArray<number | bigint>): boolean =>
  [elementTypeCode("int64"), elementTypeCode("int32")].includes(dataType) && dims.length <= 1 &&
  Number(dims[0] ?? 1) <= longestInlineVector

/** Bytes that a tensor takes in a file; known from its type and dims, so that `bytes` may be made when it is written. */
const storedBytes = (data: TensorData): number => byteLengthOf(data.type, data.dims) ?? data.bytes.byteLength

const graphEncoder = (plan: Plan, threshold: number) => (data: TensorData, name: string): TensorProto => {
  const code = elementTypeCode(data.type)
  const length = storedBytes(data)
  if (data.type === "string" || length < threshold || isShapeLike(code, data.dims)) return tensorProto(data, name)
  return create(TensorProtoSchema, {
    name,
    dims: data.dims.map(BigInt),
    dataType: code,
    dataLocation: Location.EXTERNAL,
    externalData: plan.add(data instanceof ExternalTensor ? { source: data.source, length } : { data, length })
  })
}

/** A message with some fields replaced; what it is made of is shared, not copied. */
const replaced = <M extends object>(message: M, fields: Partial<M>): M =>
  Object.assign(Object.create(Object.getPrototypeOf(message)), message, fields)

const externalize = (tensor: TensorProto, plan: Plan, threshold: number): TensorProto => {
  if (tensor.dataLocation === Location.EXTERNAL) {
    const source = sourceOf(tensor)
    if (source.length === undefined) {
      throw new OnnxError({
        problem: `Tensor ${tensor.name} doesn't say how many external bytes it has`,
        remedy: "Convert the model with fromModel, which derives it from type and dims",
        tensor: tensor.name
      })
    }
    return replaced(tensor, { externalData: plan.add({ source, length: source.length }) })
  }
  // Elements outside raw_data (float_data and the like, strings) have no bytes here: moved, they would be lost.
  const length = tensor.rawData.byteLength
  if (length === 0 || length < threshold || isShapeLike(tensor.dataType, tensor.dims)) return tensor
  const { rawData, ...rest } = tensor
  return Object.assign(Object.create(Object.getPrototypeOf(tensor)), rest, {
    dataLocation: Location.EXTERNAL,
    externalData: plan.add({ data: { bytes: rawData }, length: rawData.byteLength })
  })
}

const externalizeNodes = (nodes: ReadonlyArray<NodeProto>, plan: Plan, threshold: number): Array<NodeProto> => {
  // Tensors of attributes that are inline stay so.
  const tensor = (proto: TensorProto) => externalize(proto, plan, Infinity)
  const graph = (proto: GraphProto) => externalizeGraph(proto, plan, threshold)
  const attribute = (proto: AttributeProto): AttributeProto => {
    const { g, graphs, t, tensors } = proto
    return g === undefined && t === undefined && graphs.length + tensors.length === 0 ? proto : replaced(proto, {
      ...(g === undefined ? {} : { g: graph(g) }),
      ...(t === undefined ? {} : { t: tensor(t) }),
      graphs: graphs.map(graph),
      tensors: tensors.map(tensor)
    })
  }
  return nodes.map((proto) =>
    proto.attribute.length === 0 ? proto : replaced(proto, { attribute: proto.attribute.map(attribute) })
  )
}

const externalizeGraph = (graph: GraphProto, plan: Plan, threshold: number): GraphProto =>
  replaced(graph, {
    initializer: graph.initializer.map((tensor) => externalize(tensor, plan, threshold)),
    sparseInitializer: graph.sparseInitializer.map((sparse) => {
      const { indices, values } = sparse
      return replaced(sparse, {
        ...(values === undefined ? {} : { values: externalize(values, plan, Infinity) }),
        ...(indices === undefined ? {} : { indices: externalize(indices, plan, Infinity) })
      })
    }),
    node: externalizeNodes(graph.node, plan, threshold)
  })

/** The same message with its tensors where the plan puts them: all that are external, and initializers of some size. */
const externalizeModel = (model: ModelProto, plan: Plan, threshold: number): ModelProto =>
  replaced(model, {
    ...(model.graph === undefined ? {} : { graph: externalizeGraph(model.graph, plan, threshold) }),
    functions: model.functions.map((definition) =>
      replaced(definition, { node: externalizeNodes(definition.node, plan, threshold) })
    ),
    trainingInfo: model.trainingInfo.map((info) => {
      const { algorithm, initialization } = info
      return replaced(info, {
        ...(initialization === undefined ? {} : { initialization: externalizeGraph(initialization, plan, threshold) }),
        ...(algorithm === undefined ? {} : { algorithm: externalizeGraph(algorithm, plan, threshold) })
      })
    })
  })

const zeros = Buffer.alloc(2 ** 22)

/** Blocks of zeros are skipped, so that sparse files stay sparse. */
const writeChunk = async (file: FileHandle, chunk: Uint8Array, position: number): Promise<void> => {
  for (let at = 0; at < chunk.byteLength; at += zeros.byteLength) {
    const block = chunk.subarray(at, at + zeros.byteLength)
    if (zeros.compare(block, 0, block.byteLength, 0, block.byteLength) === 0) continue
    for (let written = 0; written < block.byteLength;) {
      written += (await file.write(block, written, block.byteLength - written, position + at + written)).bytesWritten
    }
  }
}

const writePlan = async (path: string, plan: Plan): Promise<void> => {
  const file = await open(path, "w")
  try {
    await file.truncate(plan.size)
    for (const { data, offset } of plan.entries) {
      if ("data" in data) {
        await writeChunk(file, data.data.bytes, offset)
        continue
      }
      let at = offset
      for (const chunk of readChunks(data.source, data.length)) {
        await writeChunk(file, chunk, at)
        at += chunk.byteLength
      }
    }
  } finally {
    await file.close()
  }
}

const planned = (model: ModelProto | Graph, options: WriteOptions, location: string) => {
  const plan = new Plan(location)
  const write = (threshold: number): ModelProto =>
    model instanceof Graph
      ? buildModel(model, options, graphEncoder(plan, threshold))
      : externalizeModel(model, plan, threshold)
  const inline = options.externalDataThreshold === undefined && !exceedsProtobuf(bytesOf(model))
  return { plan, message: write(inline ? Infinity : options.externalDataThreshold ?? 1024) }
}

const bytesOf = (model: ModelProto | Graph): number => {
  if (!(model instanceof Graph)) return inlineBytes(model.graph)
  let sum = 0
  for (const data of model.initializers.values()) sum += storedBytes(data)
  return sum
}

/**
 * Writes a model file, and a second file with its large tensors when `externalDataThreshold` or the size of the model
 * asks for one. Each file appears complete or not at all. Tensors are streamed; external ones of a model that was
 * read go from file to file.
 */
export const writeModel = async (
  path: string,
  model: ModelProto | Graph,
  options: WriteOptions = {}
): Promise<void> => {
  const location = options.externalDataName ?? `${basename(path)}_data`
  if (location !== basename(location) || location === basename(path)) {
    throw new OnnxError({
      problem: `External data can't be called ${location}`,
      remedy: "Give the bare name of a file beside the model",
      file: path
    })
  }
  const { message, plan } = planned(model, options, location)
  const dataPath = join(dirname(path), location)
  const suffix = `.${randomUUID()}.tmp`
  const temporary = path + suffix
  const dataTemporary = dataPath + suffix
  try {
    await writeFile(temporary, encodeModel(message))
    if (plan.entries.length > 0) {
      await writePlan(dataTemporary, plan)
      await rename(dataTemporary, dataPath)
    }
    await rename(temporary, path)
  } catch (cause) {
    await Promise.all([rm(temporary, { force: true }), rm(dataTemporary, { force: true })])
    throw cause instanceof OnnxError
      ? cause
      : new OnnxError({
        problem: `${path} can't be written (${String(cause)})`,
        remedy: "Check folder and free space",
        file: path,
        cause
      })
  }
}

function* tensorsOf(graph: GraphProto | undefined): Generator<TensorProto> {
  if (graph === undefined) return
  yield* graph.initializer
  for (const { indices, values } of graph.sparseInitializer) {
    yield* [indices, values].filter((tensor) => tensor !== undefined)
  }
  yield* tensorsOfNodes(graph.node)
}

function* tensorsOfNodes(nodes: ReadonlyArray<NodeProto>): Generator<TensorProto> {
  for (const { attribute } of nodes) {
    for (const { g, graphs, t, tensors } of attribute) {
      if (t !== undefined) yield t
      yield* tensors
      yield* tensorsOf(g)
      for (const graph of graphs) yield* tensorsOf(graph)
    }
  }
}

/**
 * Reads a model file. External tensors stay in their files until somebody asks for their bytes; that these files lie
 * inside the model's folder is checked now.
 */
export const readModel = async (path: string): Promise<ModelProto> => {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (cause) {
    throw new OnnxError({
      problem: `${path} can't be read (${String(cause)})`,
      remedy: "Check the path",
      file: path,
      cause
    })
  }
  const model = decodeModel(bytes)
  const tensors = [model.graph, ...model.trainingInfo.flatMap((info) => [info.initialization, info.algorithm])]
    .flatMap((graph) => [...tensorsOf(graph)])
  for (const { node } of model.functions) tensors.push(...tensorsOfNodes(node))
  for (const tensor of tensors) {
    if (tensor.dataLocation === Location.EXTERNAL) registerSource(tensor, path)
  }
  return model
}
