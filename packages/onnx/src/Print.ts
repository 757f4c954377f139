import { type AttributeValue, isGraph } from "./Attribute.ts"
import { type ElementType, elementTypeOf } from "./ElementType.ts"
import { ExternalTensor } from "./ExternalData.ts"
import type { Graph, Node, Value } from "./Graph.ts"
import { findOperator } from "./operators/index.ts"
import { formatShape, type Shape } from "./Shape.ts"
import { type TensorData, tensorValues } from "./TensorData.ts"

/** Tensors of more elements are shown by type, shape and size. */
const longest = 8

/** Names that `Graph.constant` gives. */
const unnamed = /^constant_\d+$/

const typed = (type: ElementType, shape: Shape | undefined): string =>
  type + (shape?.length === 0 ? "" : formatShape(shape))

const declaration = (value: Value): string => `${value.name}: ${typed(value.type, value.shape)}`

const element = (value: number | bigint | string): string =>
  typeof value === "string" ? JSON.stringify(value) : String(value)

const isShort = (data: TensorData): boolean =>
  !(data instanceof ExternalTensor) && data.dims.length <= 1 && (data.dims[0] ?? 1) <= longest

const literal = (data: TensorData): string => {
  const values = Array.from(tensorValues(data) as ArrayLike<number | bigint | string>, element)
  return data.dims.length === 0 ? `${data.type} ${values[0]}` : `${data.type}[${values.join(", ")}]`
}

const tensor = (data: TensorData): string => {
  if (isShort(data)) return literal(data)
  if (data instanceof ExternalTensor) return `${typed(data.type, data.dims)} (${data.byteLength} bytes, external)`
  return `${typed(data.type, data.dims)} (${data.bytes.byteLength} bytes)`
}

const attribute = (node: Node, name: string, value: AttributeValue): string => {
  const kind = findOperator(node.opType, node.domain)?.operator.attributes[name]
  if (kind === "elementType" && typeof value === "number") return elementTypeOf(value, name)
  if (typeof value === "number") return String(value)
  if (typeof value === "string") return JSON.stringify(value)
  if (isGraph(value)) return value.name
  if ("bytes" in value) return tensor(value)
  if (!("float" in value)) return `[${value.map(element).join(", ")}]`
  return typeof value.float === "number" ? `float ${value.float}` : `floats [${value.float.join(", ")}]`
}

class Printer {
  readonly lines: Array<string> = []
  readonly #literals = new Map<Value, string>()

  graph(graph: Graph, indent: string, title: string): void {
    for (const [value, data] of graph.initializers) {
      if (isShort(data) && unnamed.test(value.name) && !graph.outputs.includes(value)) {
        this.#literals.set(value, literal(data))
      }
    }
    this.lines.push(`${indent}${title}(${graph.inputs.map(declaration).join(", ")})`)
    const inner = `${indent}  `
    for (const [value, data] of graph.initializers) {
      if (!this.#literals.has(value)) this.lines.push(`${inner}${value.name} = ${tensor(data)}`)
    }
    for (const node of graph.nodes) this.#node(node, inner)
    this.lines.push(`${inner}return ${graph.outputs.map((value) => value.name).join(", ")}`)
  }

  #node(node: Node, indent: string): void {
    const operator = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`
    const inputs = node.inputs.map((value) => value === undefined ? "-" : this.#literals.get(value) ?? value.name)
    const attributes = Object.entries(node.attributes).map(([name, value]) => `${name}=${attribute(node, name, value)}`)
    const outputs = node.outputs.map(declaration).join(", ")
    this.lines.push(`${indent}${outputs} = ${operator}(${[...inputs, ...attributes].join(", ")})`)
    for (const [name, value] of Object.entries(node.attributes)) {
      if (isGraph(value)) this.graph(value, `${indent}  `, `${name} ${value.name}`)
    }
  }
}

/**
 * A graph as text, one line a node: outputs with types and shapes, operator, inputs, attributes. Bodies are indented
 * below their node, short unnamed constants stand where they are used, "-" is an absent input, "?1" a size that
 * nobody named.
 */
export const printGraph = (graph: Graph): string => {
  const printer = new Printer()
  printer.graph(graph, "", `graph ${graph.name}`)
  return `${printer.lines.join("\n")}\n`
}
