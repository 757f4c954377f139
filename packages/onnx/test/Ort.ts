// Runs graphs with ONNX Runtime's JavaScript binding.
import * as ort from "onnxruntime-node"
import {
  type ElementType,
  encodeModel,
  type Graph,
  type ModelOptions,
  type TensorData,
  tensorValues,
  toModel
} from "../src/index.ts"

export type Feeds = Readonly<Record<string, TensorData>>

/** Quiet unless something is wrong: 3 shows errors only, 2 warnings too. */
const logSeverityLevel = 3

const binding: Partial<Record<ElementType, Function>> = {
  float16: Uint16Array,
  bool: Uint8Array
}

const feed = (data: TensorData): ort.Tensor => {
  const { dims, type } = data
  if (type === "string") return new ort.Tensor("string", tensorValues(data) as Array<string>, [...dims])
  const array = binding[type] === undefined
    ? tensorValues(data)
    : new (type === "bool" ? Uint8Array : Uint16Array)(data.bytes.slice().buffer)
  return new ort.Tensor(type as ort.Tensor.Type, array as ort.Tensor["data"] & Float32Array, [...dims]) as ort.Tensor
}

export const run = async (
  model: Uint8Array | string,
  feeds: Feeds
): Promise<Record<string, ort.Tensor>> => {
  const options: ort.InferenceSession.SessionOptions = { logSeverityLevel, intraOpNumThreads: 1 }
  const session = typeof model === "string"
    ? await ort.InferenceSession.create(model, options)
    : await ort.InferenceSession.create(model, options)
  try {
    const inputs = Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, feed(data)]))
    return await session.run(inputs) as Record<string, ort.Tensor>
  } finally {
    await session.release()
  }
}

export const runGraph = (
  graph: Graph,
  feeds: Feeds = {},
  options?: ModelOptions
): Promise<Record<string, ort.Tensor>> => run(encodeModel(toModel(graph, options)), feeds)

/** The outputs of a graph as plain numbers. */
export const numbers = async (graph: Graph, feeds: Feeds = {}): Promise<Record<string, Array<number>>> =>
  Object.fromEntries(
    Object.entries(await runGraph(graph, feeds)).map((
      [name, { data }]
    ) => [name, Array.from(data as ArrayLike<number | bigint>, Number)])
  )
