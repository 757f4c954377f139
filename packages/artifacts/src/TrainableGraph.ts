import type { Graph, Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"

/** A model as a graph whose parameters are inputs: what @ifrl/models emits, or a foreign ONNX file (`foreignModel`). */
export interface TrainableGraph {
  readonly graph: Graph
  /** Graph inputs, under the names of the checkpoint. */
  readonly parameters: ReadonlyArray<Value>
  /** The model's own inputs by name, `input_ids` [B, T] int64 among them where it is a language model. */
  readonly inputs: Readonly<Record<string, Value>>
  /** [B, T, D], after the final norm. Token losses and the classification loss start from it. */
  readonly hidden?: Value
  /** [V, D], or [classes, D] for classification. */
  readonly head?: Value
}

/** Every value of a graph, without its subgraphs, by name. */
export const valuesByName = (graph: Graph): ReadonlyMap<string, Value> => {
  const values = new Map<string, Value>()
  for (const value of [...graph.inputs, ...graph.initializers.keys()]) values.set(value.name, value)
  for (const node of graph.nodes) for (const value of node.outputs) values.set(value.name, value)
  return values
}

/** The named values of a graph, or an error that lists what there is. */
export const findValues = (graph: Graph, names: ReadonlyArray<string>, among: Iterable<Value>, what: string): Array<Value> => {
  const known = new Map([...among].map((value) => [value.name, value]))
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    throw artifactError("BadOption", `"${twice}" is given twice as ${what}`, "Name it once", { tensor: twice })
  }
  return names.map((name) => {
    const value = known.get(name)
    if (value !== undefined) return value
    const some = [...known.keys()].slice(0, 12).join(", ")
    throw artifactError(
      "BadOption",
      `Graph "${graph.name}" has no ${what} "${name}"`,
      known.size === 0 ? "It has none at all" : `It has ${some}${known.size > 12 ? `, ... (${known.size})` : ""}`,
      { tensor: name }
    )
  })
}

/**
 * A foreign ONNX graph, as read by `readModel` and `fromModel`, made trainable: the initializers named in `parameters` become inputs of
 * the same names, to be fed from now on; their contents are returned by name. Changes the graph.
 */
export const foreignModel = (
  graph: Graph,
  parameters: ReadonlyArray<string>
): TrainableGraph & { readonly initial: ReadonlyMap<string, NonNullable<ReturnType<Graph["initializers"]["get"]>>> } => {
  const candidates = [...graph.initializers.keys()].filter((value) => value.type.startsWith("float") || value.type === "bfloat16")
  const inputs = Object.fromEntries(graph.inputs.filter((value) => !graph.initializers.has(value)).map((value) => [value.name, value]))
  const chosen = findValues(graph, parameters, candidates, "float initializer")
  const initial = new Map(chosen.map((value) => [value.name, graph.initializers.get(value)!]))
  for (const value of chosen) {
    graph.initializers.delete(value)
    if (!graph.inputs.includes(value)) graph.inputs.push(value)
  }
  return { graph, parameters: chosen, inputs, initial }
}
