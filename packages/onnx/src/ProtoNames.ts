// The names in the messages of a file: what defines them, and the order that they ask for.
import type { GraphProto, NodeProto } from "./onnx_pb.ts"

/** Every name that nodes and their subgraphs define. */
export const namesOf = (nodes: ReadonlyArray<NodeProto>): ReadonlyArray<string> =>
  nodes.flatMap((
    node
  ) => [...node.output, ...node.attribute.flatMap(({ g }) => g === undefined ? [] : definedNames(g))])

export const definedNames = (proto: GraphProto): ReadonlyArray<string> => [
  ...proto.input.map(({ name }) => name),
  ...proto.initializer.map(({ name }) => name),
  ...proto.sparseInitializer.map(({ values }) => values?.name ?? ""),
  ...namesOf(proto.node)
]

/** The nodes of a file in an order in which they can be read; ONNX asks for it, files don't always keep to it. */
export const orderedNodes = (proto: GraphProto): ReadonlyArray<NodeProto> => {
  const producers = new Map(proto.node.flatMap((node) => node.output.map((name) => [name, node] as const)))
  const reads = (node: NodeProto): Array<string> => [
    ...node.input,
    ...node.attribute.flatMap(({ g }) => g === undefined ? [] : g.node.flatMap(reads))
  ]
  const seen = new Set<NodeProto>()
  const ordered: Array<NodeProto> = []
  for (const first of proto.node) {
    const stack = seen.has(first) ? [] : [{ node: first, pending: reads(first) }]
    seen.add(first)
    while (stack.length > 0) {
      const { node, pending } = stack.at(-1)!
      const name = pending.shift()
      if (name === undefined) {
        ordered.push(node)
        stack.pop()
        continue
      }
      const source = name === "" ? undefined : producers.get(name)
      if (source === undefined || seen.has(source)) continue
      seen.add(source)
      stack.push({ node: source, pending: reads(source) })
    }
  }
  return ordered
}
