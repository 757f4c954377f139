import { isGraph } from "../Attribute.ts"
import { type Dim, sameDim, substituteDims } from "../Dim.ts"
import type { Graph } from "../Graph.ts"
import { describe, type Inference, type ValueType } from "../Inference.ts"
import { type OperatorTable, variadic } from "../Operator.ts"
import { formatShape, joinShapes, mergeShapes, type Shape } from "../Shape.ts"

const body = (node: Inference, name: string): Graph => {
  const value = node.attributes[name]
  return value !== undefined && isGraph(value)
    ? value
    : node.fail(`attribute ${name} is missing`, `Give the subgraph ${name}`)
}

const count = (node: Inference, what: string, actual: number, expected: number): void => {
  if (actual !== expected) node.fail(`${what}: ${actual}, expected ${expected}`, "Make the body and the node agree")
}

/** The value that goes into a body must be one that the body accepts. */
const accepts = (node: Inference, graph: Graph, index: number, given: ValueType): void => {
  const formal = graph.inputs[index]!
  if (formal.type !== given.type || mergeShapes(formal.shape, given.shape) === "conflict") {
    node.fail(
      `input ${index} of body ${graph.name} is ${describe(formal)}, it gets ${given.type}${formatShape(given.shape)}`,
      "Make their types and shapes agree"
    )
  }
}

/**
 * What a loop-carried value is after any number of iterations: the body keeps a size that it gives back as it took
 * it.
 */
const carried = (node: Inference, graph: Graph, index: number, outIndex: number, initial: ValueType): ValueType => {
  const formal = graph.inputs[index]!
  const out = graph.outputs[outIndex]!
  accepts(node, graph, index, initial)
  if (out.type !== formal.type) {
    node.fail(`body ${graph.name} takes ${describe(formal)} and gives back ${describe(out)}`, "Keep the element type")
  }
  if (out.shape === undefined || out.shape.length !== initial.shape?.length) return { type: out.type, shape: undefined }
  const keeps = (dim: Dim, i: number) => sameDim(dim, initial.shape![i]!) || sameDim(dim, formal.shape?.[i] ?? "")
  return { type: out.type, shape: out.shape.map((dim, i) => keeps(dim, i) ? initial.shape![i]! : node.fresh()) }
}

/**
 * The shape of a body's output seen from outside: symbols that only the body's inputs name become what was given for
 * them.
 */
const seenOutside = (graph: Graph, actual: ReadonlyArray<Shape | undefined>, shape: Shape): Shape => {
  const values = new Map<string, Dim>()
  for (const [i, formal] of graph.inputs.entries()) {
    formal.shape?.forEach((dim, axis) => {
      const given = actual[i]?.[axis]
      if (typeof dim === "string" && given !== undefined && !values.has(dim)) values.set(dim, given)
    })
  }
  return shape.map((dim) => substituteDims(dim, values))
}

export const controlFlow: OperatorTable = {
  If: {
    inputs: [1, 1],
    outputs: [1, variadic],
    attributes: { then_branch: "graph", else_branch: "graph" },
    infer: (node) => {
      node.expectType(0, "bool")
      const [yes, no] = [body(node, "then_branch"), body(node, "else_branch")]
      count(node, `inputs of ${yes.name}`, yes.inputs.length, 0)
      count(node, `inputs of ${no.name}`, no.inputs.length, 0)
      count(node, `outputs of ${yes.name}`, yes.outputs.length, node.outputs)
      count(node, `outputs of ${no.name}`, no.outputs.length, node.outputs)
      return yes.outputs.map((a, i) => {
        const b = no.outputs[i]!
        if (a.type !== b.type) node.fail(`output ${i} is ${describe(a)} or ${describe(b)}`, "Give one element type")
        return { type: a.type, shape: joinShapes(a.shape, b.shape, node.fresh) }
      })
    }
  },
  Loop: {
    inputs: [2, variadic],
    optional: [0, 1],
    outputs: [1, variadic],
    attributes: { body: "graph" },
    infer: (node) => {
      node.expectType(0, "int64")
      node.expectType(1, "bool")
      const graph = body(node, "body")
      const state = node.inputs.length - 2
      count(node, `inputs of body ${graph.name}`, graph.inputs.length, 2 + state)
      count(node, `outputs of body ${graph.name}`, graph.outputs.length, 1 + node.outputs)
      accepts(node, graph, 0, { type: "int64", shape: [] })
      accepts(node, graph, 1, { type: "bool", shape: [] })
      const finals = Array.from({ length: state }, (_, i) => carried(node, graph, 2 + i, 1 + i, node.input(2 + i)))
      const actual = [[], [], ...finals.map(({ shape }) => shape)]
      const collected = graph.outputs.slice(1 + state).map(({ shape, type }): ValueType => ({
        type,
        shape: shape === undefined ? undefined : [node.fresh(), ...seenOutside(graph, actual, shape)]
      }))
      return [...finals, ...collected]
    }
  },
  Scan: {
    inputs: [1, variadic],
    outputs: [1, variadic],
    attributes: {
      body: "graph",
      num_scan_inputs: "int",
      scan_input_axes: "ints",
      scan_input_directions: "ints",
      scan_output_axes: "ints",
      scan_output_directions: "ints"
    },
    infer: (node) => {
      const graph = body(node, "body")
      const scanned = node.requiredInt("num_scan_inputs")
      const state = node.inputs.length - scanned
      count(node, `inputs of body ${graph.name}`, graph.inputs.length, node.inputs.length)
      count(node, `outputs of body ${graph.name}`, graph.outputs.length, node.outputs)
      const finals = Array.from({ length: state }, (_, i) => carried(node, graph, i, i, node.input(i)))
      const actual: Array<Shape | undefined> = finals.map(({ shape }) => shape)
      const lengths = Array.from({ length: scanned }, (_, i) => {
        const { shape, type } = node.input(state + i)
        if (shape === undefined) return node.fresh()
        const axis = node.axis(node.ints("scan_input_axes")?.[i] ?? 0, shape.length)
        actual[state + i] = shape.filter((_, at) => at !== axis)
        accepts(node, graph, state + i, { type, shape: actual[state + i] })
        return shape[axis]!
      })
      const length = node.unify(lengths, "the scanned dimensions")
      const collected = graph.outputs.slice(state).map(({ shape, type }, i): ValueType => {
        if (shape === undefined) return { type, shape }
        const axis = node.axis(node.ints("scan_output_axes")?.[i] ?? 0, shape.length + 1)
        const slice = seenOutside(graph, actual, shape)
        return { type, shape: [...slice.slice(0, axis), length, ...slice.slice(axis)] }
      })
      return [...finals, ...collected]
    }
  }
}
