import { isGraph } from "../Attribute.ts"
import type { Graph } from "../Graph.ts"
import { describe, type Inference, type ValueType } from "../Inference.ts"
import type { OperatorTable } from "../Operator.ts"
import { formatShape, joinShapes, mergeShapes } from "../Shape.ts"
import { variadic } from "../Operator.ts"

const body = (node: Inference, name: string): Graph => {
  const value = node.attributes[name]
  return value !== undefined && isGraph(value) ? value : node.fail(`attribute ${name} is missing`, `Give the subgraph ${name}`)
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

/** What a loop-carried value is after any number of iterations: the dims that the body keeps. */
const carried = (node: Inference, graph: Graph, index: number, outIndex: number, initial: ValueType): ValueType => {
  const formal = graph.inputs[index]!
  const out = graph.outputs[outIndex]!
  accepts(node, graph, index, initial)
  if (out.type !== formal.type) {
    node.fail(`body ${graph.name} takes ${describe(formal)} and gives back ${describe(out)}`, "Keep the element type")
  }
  return { type: out.type, shape: joinShapes(initial.shape, out.shape, node.fresh) }
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
      return graph.outputs.slice(1).map((out, i) =>
        i < state
          ? carried(node, graph, 2 + i, 1 + i, node.input(2 + i))
          : { type: out.type, shape: out.shape === undefined ? undefined : [node.fresh(), ...out.shape] }
      )
    }
  },
  Scan: {
    inputs: [1, variadic],
    outputs: [1, variadic],
    attributes: {
      body: "graph", num_scan_inputs: "int", scan_input_axes: "ints", scan_input_directions: "ints", scan_output_axes: "ints",
      scan_output_directions: "ints"
    },
    infer: (node) => {
      const graph = body(node, "body")
      const scanned = node.requiredInt("num_scan_inputs")
      const state = node.inputs.length - scanned
      count(node, `inputs of body ${graph.name}`, graph.inputs.length, node.inputs.length)
      count(node, `outputs of body ${graph.name}`, graph.outputs.length, node.outputs)
      const lengths = Array.from({ length: scanned }, (_, i) => {
        const { shape, type } = node.input(state + i)
        if (shape === undefined) return node.fresh()
        const axis = node.axis(node.ints("scan_input_axes")?.[i] ?? 0, shape.length)
        accepts(node, graph, state + i, { type, shape: shape.filter((_, at) => at !== axis) })
        return shape[axis]!
      })
      const length = node.unify(lengths, "the scanned dimensions")
      return graph.outputs.map((out, i) => {
        if (i < state) return carried(node, graph, i, i, node.input(i))
        if (out.shape === undefined) return { type: out.type, shape: undefined }
        const axis = node.axis(node.ints("scan_output_axes")?.[i - state] ?? 0, out.shape.length + 1)
        return { type: out.type, shape: [...out.shape.slice(0, axis), length, ...out.shape.slice(axis)] }
      })
    }
  }
}
