/** Groups of nodes whose gradient is cheaper together than by the rules of each. Whoever wrote them need not know. */
import type { FloatAttribute, Graph, Node, Value } from "@ifrl/onnx"
import type { Region } from "./CustomGradient.ts"
import { Emit, sameShape } from "./Emit.ts"

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

/**
 * z = silu(x) u, with silu as QuickGelu: dx = dz u (s + y (1 - s)), du = dz y, s = sigmoid(x), y = x s. Backward keeps x
 * and u and computes s and y again. In these operators, which forward doesn't use, ONNX Runtime can't merge them with it.
 */
const swiGlu: Pattern = (graph, node) => {
  if (node.opType !== "Mul" || node.domain !== "") return undefined
  const [a, b] = node.inputs as [Value, Value]
  for (const [y, u] of [[a, b], [b, a]] as const) {
    const gelu = graph.producer(y)
    const alpha = (gelu?.attributes["alpha"] as FloatAttribute | undefined)?.float
    const swish = gelu?.opType === "QuickGelu" && alpha === 1 && graph.owner(y) === graph
    if (!swish || graph.consumers(y).length !== 1 || !sameShape(y, u)) continue
    const [x] = gelu.inputs as [Value]
    return {
      name: "swiglu",
      nodes: new Set([gelu, node]),
      inputs: [x, u],
      outputs: node.outputs,
      backward: (target, { gradients: [dz], needs: [gate, up] }) => {
        const g = new Emit(target)
        const s = g.op("Sigmoid", [x])
        const again = g.mul(x, s)
        return [
          gate === true ? g.mul(g.mul(dz!, u), g.add(s, g.mul(again, g.from(1, s)))) : undefined,
          up === true ? g.mul(dz!, again) : undefined
        ]
      }
    }
  }
  return undefined
}

const patterns: ReadonlyArray<Pattern> = [silu, swiGlu]

/** The groups that end in a node, if any. */
export const patternAt = (graph: Graph, node: Node): Region | undefined => {
  for (const pattern of patterns) {
    const found = pattern(graph, node)
    if (found !== undefined) return found
  }
  return undefined
}
