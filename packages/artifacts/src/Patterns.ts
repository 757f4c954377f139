/** Groups of nodes whose gradient is cheaper together than by the rules of each. Whoever wrote them need not know. */
import type { Graph, Node, Value } from "@ifrl/onnx"
import type { Region } from "./CustomGradient.ts"
import { Emit } from "./Emit.ts"

type Pattern = (graph: Graph, node: Node) => Region | undefined

/** y = x s, s = sigmoid(x): dx = dy (s + y (1 - s)), which needs neither x nor two gradients of it to be added. */
const silu: Pattern = (graph, node) => {
  if (node.opType !== "Mul" || node.domain !== "") return undefined
  const [a, b] = node.inputs as [Value, Value]
  for (const [x, s] of [[a, b], [b, a]] as const) {
    const sigmoid = graph.producer(s)
    const paired = sigmoid?.opType === "Sigmoid" && sigmoid.inputs[0] === x && graph.owner(s) === graph
    if (!paired || graph.consumers(s).length !== 1) continue
    const [y] = node.outputs as [Value]
    return {
      name: "silu",
      nodes: new Set([sigmoid, node]),
      inputs: [x],
      outputs: [y],
      backward: (target, { gradients: [dy] }) => {
        const g = new Emit(target)
        return [g.mul(dy!, g.add(s, g.mul(y, g.from(1, s))))]
      }
    }
  }
  return undefined
}

const patterns: ReadonlyArray<Pattern> = [silu]

/** The groups that end in a node, if any. */
export const patternAt = (graph: Graph, node: Node): Region | undefined => {
  for (const pattern of patterns) {
    const found = pattern(graph, node)
    if (found !== undefined) return found
  }
  return undefined
}
