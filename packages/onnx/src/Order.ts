import { isGraph } from "./Attribute.ts"
import type { Graph, Node, Value } from "./Graph.ts"
import { OnnxError } from "./OnnxError.ts"

/** The subgraphs among a node's attributes. */
export const subgraphsOf = (node: Node): ReadonlyArray<Graph> => Object.values(node.attributes).filter(isGraph)

/** The nodes of a graph and of all its subgraphs. */
export function* allNodes(graph: Graph): Generator<Node> {
  for (const node of graph.nodes) {
    yield node
    for (const body of subgraphsOf(node)) yield* allNodes(body)
  }
}

/** Everything that a node reads: its inputs, and what its subgraphs read (their own values included). */
function* readsOf(node: Node): Generator<Value> {
  for (const value of node.inputs) if (value !== undefined) yield value
  for (const body of subgraphsOf(node)) {
    for (const inner of body.nodes) yield* readsOf(inner)
    yield* body.outputs
  }
}

/** The values of ancestors that a subgraph reads, in the order of their first use. */
export const capturedValues = (graph: Graph): ReadonlyArray<Value> => {
  const inside = new Set<Graph | undefined>([graph])
  const collect = (body: Graph): void => {
    for (const node of body.nodes) {
      for (const inner of subgraphsOf(node)) {
        inside.add(inner)
        collect(inner)
      }
    }
  }
  collect(graph)
  const found = new Set<Value>()
  for (const node of graph.nodes) {
    for (const value of readsOf(node)) if (!inside.has(graph.owner(value))) found.add(value)
  }
  return [...found]
}

/** The nodes of a graph so that each comes after those that it reads from; already ordered nodes keep their order. */
export const topologicalOrder = (graph: Graph): ReadonlyArray<Node> => {
  const ordered: Array<Node> = []
  const state = new Map<Node, "entered" | "done">()
  const own = new Set(graph.nodes)
  const visit = (first: Node): void => {
    // An explicit stack: graphs are deeper than the call stack.
    const stack: Array<{ readonly node: Node; readonly reads: Iterator<Value> }> = []
    const enter = (node: Node): void => {
      state.set(node, "entered")
      stack.push({ node, reads: readsOf(node) })
    }
    enter(first)
    while (stack.length > 0) {
      const { node, reads } = stack.at(-1)!
      const next = reads.next()
      if (next.done === true) {
        state.set(node, "done")
        ordered.push(node)
        stack.pop()
        continue
      }
      const source = graph.producer(next.value)
      if (source === undefined || !own.has(source) || state.get(source) === "done") continue
      if (state.get(source) === "entered") {
        throw new OnnxError({
          operator: source.opType,
          node: source.name,
          problem: `it depends on its own output ${next.value.name}`,
          remedy: "Carry values around with Loop or Scan"
        })
      }
      enter(source)
    }
  }
  for (const node of graph.nodes) if (!state.has(node)) visit(node)
  return ordered
}
