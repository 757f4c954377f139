/**
 * The alias rule. A graph input whose memory is also a graph output's is read by exactly one node, which either writes that output in a
 * way that reads each element before it writes it, or is over before the node that writes begins. ONNX Runtime doesn't check this, and
 * breaking it is silent.
 */
import type { Graph, Node, Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"
import { bodiesOf, readsOf } from "./Capture.ts"

/** Names of a graph input and a graph output that share memory. */
export interface AliasPair {
  readonly input: string
  readonly output: string
}

const elementwise = new Set([
  "Abs", "Add", "Cast", "Clip", "Div", "Exp", "Identity", "Max", "Min", "Mul", "Neg", "Pow", "Relu", "Sigmoid", "Sqrt", "Sub", "Sum",
  "Tanh", "Where"
])

/** Operators that may write over one of their inputs, and which. */
const overwrites: Readonly<Record<string, number>> = { Gemm: 2, ScatterElements: 0, ScatterND: 0 }

/** Operators whose output may be the memory of their input. */
const views = new Set(["Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"])

const label = (node: Node) => `${node.opType} "${node.name}"`

/** The nodes of one graph that read a value, themselves or in a body. */
const readers = (graph: Graph): ReadonlyMap<Value, ReadonlyArray<Node>> => {
  const found = new Map<Value, Array<Node>>()
  for (const node of graph.nodes) {
    for (const value of readsOf(node)) {
      const users = found.get(value)
      if (users === undefined) found.set(value, [node])
      else users.push(node)
    }
  }
  return found
}

class Checker {
  readonly #readers = new Map<Graph, ReadonlyMap<Value, ReadonlyArray<Node>>>()

  /** Fails unless `input` may share memory with `output`, both as seen in `graph`; `pair` is for the message. */
  check(graph: Graph, input: Value, output: Value, pair: AliasPair): void {
    const users = this.#usersOf(graph, input)
    const writer = graph.producer(output)
    const refuse = (why: string, node?: Node): never => {
      throw artifactError(
        "Alias",
        `"${pair.input}" and "${pair.output}" are to share memory in graph "${graph.name}", but ${why}`,
        "Let one node read the input, the one that writes the output; what else needs it belongs into another run",
        { tensor: pair.input, ...(node === undefined ? {} : { node: node.name, operator: node.opType }) }
      )
    }
    if (writer === undefined) return refuse(`no node computes "${output.name}"`)
    if (users.length === 0) return
    if (users.length > 1) return refuse(`${users.length} nodes read it: ${users.map(label).join(", ")}`, users[0])
    const user = users[0]!
    if (user !== writer) {
      if (views.has(user.opType)) return this.check(graph, user.outputs[0]!, output, pair)
      if (this.#precedes(graph, user, writer)) return
      return refuse(`${label(user)} reads it and may run after ${label(writer)} has written over it`, user)
    }
    const at = user.inputs.flatMap((value, i) => value === input ? [i] : [])
    if (user.opType === "If") {
      if (at.length > 0) return refuse(`${label(user)} takes it as its condition`, user)
      const index = user.outputs.indexOf(output)
      for (const [, body] of bodiesOf(user)) this.check(body, input, body.outputs[index]!, pair)
      return
    }
    // A Loop writes its outputs when all iterations are over.
    if (user.opType === "Loop") {
      if (bodiesOf(user).some(([, body]) => readers(body).has(input))) {
        return refuse(`the body of ${label(user)} reads it beside the loop's state`, user)
      }
      return at.length === 1 && at[0] === user.outputs.indexOf(output) + 2
        ? undefined
        : refuse(`${label(user)} doesn't carry it to that output`, user)
    }
    if (elementwise.has(user.opType)) return
    if (at.length === 1 && overwrites[user.opType] === at[0]) return
    return refuse(`${label(user)} reads other elements than the one it writes`, user)
  }

  #usersOf(graph: Graph, value: Value): ReadonlyArray<Node> {
    let found = this.#readers.get(graph)
    if (found === undefined) this.#readers.set(graph, found = readers(graph))
    return found.get(value) ?? []
  }

  /** Whether `later` depends on `earlier`. */
  #precedes(graph: Graph, earlier: Node, later: Node): boolean {
    const seen = new Set<Node>()
    const stack = [later]
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      for (const value of readsOf(node)) {
        const source = graph.producer(value)
        if (source === undefined || seen.has(source)) continue
        if (source === earlier) return true
        seen.add(source)
        stack.push(source)
      }
    }
    return false
  }
}

/** Checks that inputs and outputs of a graph may be bound to the same memory. Fails with ArtifactError Alias naming tensor and nodes. */
export const checkAliases = (graph: Graph, pairs: ReadonlyArray<AliasPair>): void => {
  const checker = new Checker()
  for (const pair of pairs) {
    const input = graph.inputs.find(({ name }) => name === pair.input)
    const output = graph.outputs.find(({ name }) => name === pair.output)
    if (input === undefined || output === undefined) {
      throw artifactError(
        "Alias",
        `Graph "${graph.name}" has no ${input === undefined ? `input "${pair.input}"` : `output "${pair.output}"`}`,
        "Name a graph input and a graph output",
        { tensor: pair.input }
      )
    }
    checker.check(graph, input, output, pair)
  }
}
