import { type AttributeValue, Graph, type Node, type Value } from "@ifrl/onnx"

const isGraph = (attribute: AttributeValue): attribute is Graph => attribute instanceof Graph

/** The bodies of a Loop, If or Scan, by attribute name. */
export const bodiesOf = (node: Node): ReadonlyArray<readonly [name: string, body: Graph]> =>
  Object.entries(node.attributes).flatMap(([name, attribute]) => isGraph(attribute) ? [[name, attribute] as const] : [])

/** The values that a node reads: its inputs, and what its bodies take from the graphs around them. */
export const readsOf = (node: Node): ReadonlySet<Value> => {
  const reads = new Set<Value>()
  for (const value of node.inputs) if (value !== undefined) reads.add(value)
  for (const [, body] of bodiesOf(node)) for (const value of capturesOf(body)) reads.add(value)
  return reads
}

/** The values of outer graphs that a body uses. */
export const capturesOf = (body: Graph): ReadonlySet<Value> => externalsOf(body.nodes, [...body.inputs, ...body.initializers.keys()])

/** The values that nodes read and neither they nor `own` provide. */
export const externalsOf = (nodes: ReadonlyArray<Node>, own: Iterable<Value> = []): ReadonlySet<Value> => {
  const known = new Set(own)
  for (const node of nodes) for (const value of node.outputs) known.add(value)
  const externals = new Set<Value>()
  for (const node of nodes) for (const value of readsOf(node)) if (!known.has(value)) externals.add(value)
  return externals
}
