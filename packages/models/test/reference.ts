import { lmHeadLogProbs } from "@ifrl/artifacts"
import { encodeModel, type Graph, toModel, type Value } from "@ifrl/onnx"
import { Runtime, type SessionOptions, Tensor } from "@ifrl/runtime"
import { Effect } from "effect"
import type { DecoderGraph } from "../src/Decoder.ts"
import { loadWeights, type Parameters, readSafetensors } from "../src/index.ts"
import { fixture, run } from "./support.ts"

export type Tensors = Readonly<Record<string, Tensor>>

/** A checkpoint of the fixtures and what PyTorch computed from it. */
export const reference = async (name: string) => {
  const { config, parameters } = await run(loadWeights(fixture(name)))
  const { tensors } = await run(readSafetensors(fixture(name, "expected.safetensors")))
  const expected: Tensors = Object.fromEntries(tensors)
  return { config, parameters, expected }
}

/** Runs a graph once. */
export const evaluate = (graph: Graph, inputs: Tensors, options: SessionOptions = {}): Promise<Tensors> =>
  Effect.runPromise(
    Runtime.use((runtime) => runtime.session(encodeModel(toModel(graph)), options)).pipe(
      Effect.flatMap((session) => session.run(inputs)),
      Effect.scoped,
      Effect.provide(Runtime.layer({ threads: 2 }))
    )
  )

const flatten = (graph: Graph, value: Value, last: ReadonlyArray<number>) =>
  graph.op("Reshape", [value, graph.constant("int64", [-1, ...last])])

/** Adds an output `logits` [N, V]. */
export const withLogits = ({ graph, head, hidden }: DecoderGraph): Graph => {
  const rows = flatten(graph, hidden, [head.shape![1] as number])
  graph.output(graph.op("Gemm", [rows, head], { transB: 1 }), "logits")
  return graph
}

/** Adds inputs `labels`, `weights` and the scalar sum of -weight log p(label). */
export const lossOf = ({ graph, head, hidden }: DecoderGraph): Value => {
  const labels = graph.input("labels", "int64", ["B", "T"])
  // Losses of half-precision models are computed in float32.
  const weights = graph.input("weights", hidden.type === "float64" ? "float64" : "float32", ["B", "T"])
  const { logProbs } = lmHeadLogProbs(graph, {
    hidden: flatten(graph, hidden, [head.shape![1] as number]),
    weight: head,
    labels: flatten(graph, labels, [])
  })
  return graph.op("Neg", [
    graph.op("ReduceSum", [graph.op("Mul", [logProbs, flatten(graph, weights, [])])], { keepdims: 0 })
  ])
}

export const feeds = (parameters: Parameters, expected: Tensors, names: ReadonlyArray<string>): Tensors => ({
  ...Object.fromEntries(parameters),
  ...Object.fromEntries(names.map((name) => [name, expected[name]!]))
})

const numbers = (tensor: Tensor) => tensor.data as ArrayLike<number>

const checkSizes = (a: Tensor, b: Tensor) => {
  if (a.size !== b.size) throw new Error(`${a.size} elements cannot be compared with ${b.size}`)
}

export const maxDifference = (a: Tensor, b: Tensor): number => {
  checkSizes(a, b)
  let most = 0
  for (let i = 0; i < a.size; i++) {
    const difference = Math.abs(numbers(a)[i]! - numbers(b)[i]!)
    most = difference <= most ? most : difference
  }
  return most
}

/** |a - b| / |b| over all elements. */
export const relativeDifference = (a: Tensor, b: Tensor): number => {
  checkSizes(a, b)
  let [above, below] = [0, 0]
  for (let i = 0; i < a.size; i++) {
    above += (numbers(a)[i]! - numbers(b)[i]!) ** 2
    below += numbers(b)[i]! ** 2
  }
  return Math.sqrt(above / below)
}
