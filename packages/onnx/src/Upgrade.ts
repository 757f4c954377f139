import type { AttributeValue } from "./Attribute.ts"
import type { Graph, Value } from "./Graph.ts"
import { OnnxError } from "./OnnxError.ts"

/** A node of a file, on its way into a graph. */
export interface Draft {
  readonly opType: string
  readonly name: string
  readonly inputs: ReadonlyArray<Value | undefined>
  readonly outputs: number
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

/** The form that opset 21 gives the same node. `graph` may take constants and helper nodes. */
type Rewrite = (draft: Draft, graph: Graph) => Draft

/** Moves attributes into inputs, in the order given from input `first` on. */
const toInputs = (
  first: number,
  names: ReadonlyArray<string>,
  constant: (graph: Graph, value: AttributeValue, draft: Draft) => Value
): Rewrite =>
(draft, graph) => {
  const attributes = { ...draft.attributes }
  const inputs = Array.from({ length: Math.max(first, draft.inputs.length) }, (_, i) => draft.inputs[i])
  for (const [i, name] of names.entries()) {
    const value = attributes[name]
    if (value !== undefined) inputs[first + i] = constant(graph, value, draft)
    delete attributes[name]
  }
  return { ...draft, attributes, inputs: Array.from(inputs) }
}

const integers = (graph: Graph, value: AttributeValue): Value =>
  graph.constant("int64", typeof value === "number" ? [value] : (value as ReadonlyArray<number>).map(toEnd))

/** 2^63 stands for INT64_MAX. */
const toEnd = (x: number): bigint => x >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(x)

const scalarLike = (graph: Graph, value: AttributeValue, { inputs }: Draft): Value =>
  graph.constant(inputs[0]?.type ?? "float32", (value as { readonly float: number }).float)

const axesToInput = toInputs(1, ["axes"], integers)

const clip: Rewrite = (draft, graph) => toInputs(1, ["min", "max"], scalarLike)(draft, graph)

const pad: Rewrite = (draft, graph) =>
  toInputs(2, ["value"], scalarLike)(toInputs(1, ["pads"], integers)(draft, graph), graph)

const slice: Rewrite = (draft, graph) => toInputs(1, ["starts", "ends", "axes"], integers)(draft, graph)

const split: Rewrite = (draft, graph) => {
  const moved = toInputs(1, ["split"], integers)(draft, graph)
  return moved.inputs[1] === undefined
    ? { ...moved, inputs: moved.inputs.slice(0, 1), attributes: { ...moved.attributes, num_outputs: moved.outputs } }
    : moved
}

/** Softmax of old flattened its input to two dimensions at `axis`; that is today's only for the last axis. */
const flattening: Rewrite = (draft) => {
  const axis = draft.attributes["axis"] ?? 1
  const rank = draft.inputs[0]?.shape?.length
  if (axis === -1 || rank !== undefined && axis === rank - 1) return { ...draft, attributes: { axis: -1 } }
  throw new OnnxError({
    operator: draft.opType,
    node: draft.name,
    problem: `axis ${String(axis)} of rank ${rank ?? "unknown"} flattens the axes after it in opsets before 13`,
    remedy: "Convert the model to opset 13 or later first"
  })
}

const reductions = ["Max", "Min", "Mean", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"].map((name) =>
  `Reduce${name}`
)

/** Operators whose form changed: the first opset with today's form, and the way there. */
const upgrades: Readonly<Record<string, { readonly since: number; readonly rewrite: Rewrite }>> = {
  ...Object.fromEntries(reductions.map((name) => [name, { since: 18, rewrite: axesToInput }])),
  ReduceSum: { since: 13, rewrite: axesToInput },
  Squeeze: { since: 13, rewrite: axesToInput },
  Unsqueeze: { since: 13, rewrite: axesToInput },
  Split: { since: 18, rewrite: split },
  Scatter: { since: 11, rewrite: (draft) => ({ ...draft, opType: "ScatterElements" }) },
  Slice: { since: 10, rewrite: slice },
  TopK: { since: 10, rewrite: toInputs(1, ["k"], integers) },
  Pad: { since: 11, rewrite: pad },
  Clip: { since: 11, rewrite: clip },
  Dropout: {
    since: 12,
    rewrite: toInputs(1, ["ratio"], (graph, value) => graph.constant("float32", (value as { float: number }).float))
  },
  Softmax: { since: 13, rewrite: flattening },
  LogSoftmax: { since: 13, rewrite: flattening },
  Hardmax: { since: 13, rewrite: flattening }
}

/** Brings a node of the ONNX domain at `opset` to the form that graphs hold, that of opset 21. */
export const upgrade = (draft: Draft, opset: number, graph: Graph): Draft => {
  const entry = upgrades[draft.opType]
  return entry === undefined || opset >= entry.since ? draft : entry.rewrite(draft, graph)
}

/** Older opsets differ in more than a table can mend. */
export const oldestOpset = 9
