import type { AttributeValue } from "./Attribute.ts"
import { checkArity, checkAttributes, outputTypes, type Where } from "./Checks.ts"
import type { Dim } from "./Dim.ts"
import type { ElementType } from "./ElementType.ts"
import { describe, Inference } from "./Inference.ts"
import { Names } from "./Names.ts"
import type { FunctionProto } from "./onnx_pb.ts"
import { OnnxError } from "./OnnxError.ts"
import { findOperator } from "./operators/index.ts"
import { capturedValues } from "./Order.ts"
import type { Shape } from "./Shape.ts"
import { contentsOf, maxContents, type TensorData, tensorData } from "./TensorData.ts"

/** A tensor in a graph. Values are compared by reference within one tree of graphs. */
export interface Value {
  readonly name: string
  readonly type: ElementType
  readonly shape: Shape | undefined
}

export interface Node {
  readonly opType: string
  readonly domain: string
  readonly name: string
  readonly inputs: ReadonlyArray<Value | undefined>
  readonly outputs: ReadonlyArray<Value>
  readonly attributes: Readonly<Record<string, AttributeValue>>
}

export interface OpOptions {
  /** "" for ONNX, "com.microsoft", ...; by default the domain whose table has the operator. */
  readonly domain?: string | undefined
  /** The node's name, from which its outputs are named; a number is added where it is taken. */
  readonly name?: string | undefined
  /** Types of the outputs: required for operators that the table lacks, otherwise they refine what is inferred. */
  readonly types?: ReadonlyArray<{ readonly type: ElementType; readonly shape?: Shape | undefined }> | undefined
  /** Names of the outputs; by default made from the node's. */
  readonly outputNames?: ReadonlyArray<string> | undefined
  /** True for nodes from files: attributes that the table lacks pass, and stale `types` yield to what is inferred. */
  readonly foreign?: boolean | undefined
}

/** What the graphs of one tree share. */
interface Tree {
  readonly valueNames: Names
  readonly nodeNames: Names
  readonly owners: Map<Value, Graph>
  readonly producers: Map<Value, Node>
  readonly consumers: Map<Value, Array<Node>>
  /** Elements of small integer tensors, as far as they follow from shapes and constants. */
  readonly contents: Map<Value, ReadonlyArray<Dim>>
  symbols: number
}

/** Types of tensors whose contents are followed; bool as 0 and 1. */
const canBeKnown: ReadonlySet<ElementType> = new Set(["int64", "int32", "bool"])

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/**
 * A graph under construction. Every `op` infers the types and shapes of its outputs, so a mistake is an OnnxError at
 * the line that made it. Subgraphs (bodies of Loop, If and Scan) may use the values of all their ancestors.
 */
export class Graph {
  readonly name: string
  readonly parent: Graph | undefined
  readonly nodes: Array<Node> = []
  readonly inputs: Array<Value> = []
  readonly outputs: Array<Value> = []
  readonly initializers = new Map<Value, TensorData>()
  /** Opsets by domain that a model read from a file asked for; `toModel` writes at least these. */
  readonly opsets = new Map<string, number>()
  /** Model-local functions that nodes of this graph call. */
  readonly functions: Array<FunctionProto> = []
  /** The model's metadata_props. */
  readonly metadata = new Map<string, string>()
  readonly #tree: Tree
  readonly #constants = new Map<string, Value>()

  constructor(name: string, parent?: Graph) {
    this.name = name
    this.parent = parent
    this.#tree = parent === undefined ? newTree() : parent.#tree
  }

  /** Declares a graph input. A "" in `shape` is a size of its own that nobody named. */
  input(name: string, type: ElementType, shape?: Shape): Value {
    const value = this.#value(this.#claim(name), type, shape)
    this.inputs.push(value)
    return value
  }

  /** A named tensor stored in the graph, such as a weight. */
  initializer(name: string, data: TensorData): Value {
    const value = this.#value(this.#claim(name), data.type, data.dims)
    this.setInitializer(value, data)
    return value
  }

  /** Stores data for a value of this graph; for an input that is its default. */
  setInitializer(value: Value, data: TensorData): void {
    this.initializers.set(value, data)
    // An input's default isn't known to be what the run uses.
    const contents = this.inputs.includes(value) ? undefined : contentsOf(data)
    if (contents !== undefined) this.#tree.contents.set(value, contents)
  }

  /**
   * A small constant: a number is a scalar, an array a vector unless `dims` says otherwise. One value serves all
   * equal constants of a graph.
   */
  constant(
    type: ElementType,
    value: number | bigint | ArrayLike<number | bigint>,
    dims?: ReadonlyArray<number>
  ): Value {
    const scalar = typeof value === "number" || typeof value === "bigint"
    const data = tensorData(type, dims ?? (scalar ? [] : [value.length]), scalar ? [value] : value)
    const key = `${type}[${data.dims.join()}]${Buffer.from(data.bytes).toString("latin1")}`
    const known = this.#constants.get(key)
    if (known !== undefined) return known
    const made = this.#value(this.#tree.valueNames.numbered("constant"), type, data.dims)
    // The data may share the caller's memory; a constant must not change with it.
    this.setInitializer(made, { ...data, bytes: new Uint8Array(data.bytes) })
    this.#constants.set(key, made)
    return made
  }

  /** Adds a node with one output. */
  op(
    opType: string,
    inputs: ReadonlyArray<Value | undefined>,
    attributes: Readonly<Record<string, AttributeValue>> = {},
    options: OpOptions = {}
  ): Value {
    return this.ops(opType, inputs, 1, attributes, options)[0]!
  }

  /** Adds a node with `outputs` outputs. Trailing optional outputs are left out by asking for fewer. */
  ops(
    opType: string,
    inputs: ReadonlyArray<Value | undefined>,
    outputs: number,
    attributes: Readonly<Record<string, AttributeValue>> = {},
    options: OpOptions = {}
  ): Array<Value> {
    const found = findOperator(opType, options.domain)
    const domain = found?.domain ?? options.domain ?? ""
    const nodeName = options.name === undefined
      ? this.#tree.nodeNames.numbered(opType)
      : this.#tree.nodeNames.preferred(options.name)
    const where = { operator: opType, node: nodeName }
    for (const [i, value] of inputs.entries()) this.#checkVisible(value, i, where)
    const own = found?.operator
    const checked = checkAttributes(attributes, own, this, options, where)
    if (own !== undefined) checkArity(own, inputs, outputs, where)

    const inference = new Inference({
      ...where,
      opType,
      inputs,
      attributes: checked,
      outputs,
      fresh: () => this.#symbol(),
      contents: (value) => this.#tree.contents.get(value)
    })
    const types = outputTypes(inference, own, options)
    const values = types.map(({ shape, type }, i) => {
      const given = options.outputNames?.[i]
      const name = given === undefined
        ? this.#tree.valueNames.preferred(outputs === 1 ? nodeName : `${nodeName}.${i}`)
        : this.#claim(given)
      return this.#value(name, type, shape)
    })
    const node: Node = { opType, domain, name: nodeName, inputs: [...inputs], outputs: values, attributes: checked }
    this.nodes.push(node)
    for (const value of values) this.#tree.producers.set(value, node)
    for (const value of new Set(inputs)) {
      if (value === undefined) continue
      const users = this.#tree.consumers.get(value)
      if (users === undefined) this.#tree.consumers.set(value, [node])
      else users.push(node)
    }
    const first = values[0]
    if (
      own?.contents !== undefined && first !== undefined && canBeKnown.has(first.type) &&
      (first.shape?.length ?? 2) <= 1
    ) {
      const contents = own.contents(inference)
      if (contents !== undefined && contents.length <= maxContents) this.#tree.contents.set(first, contents)
    }
    // A copy: the node keeps its own.
    return [...values]
  }

  /**
   * Declares a graph output and returns it. `name` renames a value that a node of this graph computes. Where a value
   * can't be an output itself (it belongs to an outer graph, is an output already, or is an input or initializer that
   * would need another name) an Identity carries it out. An output that is given its own name once more stays as it is.
   */
  output(value: Value, name?: string): Value {
    this.#checkVisible(value, 0, { operator: "output", node: name ?? value.name })
    if (name === value.name && this.outputs.includes(value)) return value
    const renamed = name !== undefined && name !== value.name
    const computed = this.#tree.producers.has(value)
    if (this.#tree.owners.get(value) !== this || this.outputs.includes(value) || renamed && !computed) {
      const copy = this.op("Identity", [value], {}, { outputNames: name === undefined ? undefined : [name] })
      this.outputs.push(copy)
      return copy
    }
    if (renamed) {
      this.#claim(name)
      this.#tree.valueNames.release(value.name)
      ;(value as Mutable<Value>).name = name
    }
    this.outputs.push(value)
    return value
  }

  /** A body for Loop, If or Scan, to be given as an attribute to a node of this graph. */
  subgraph(name: string): Graph {
    return new Graph(name, this)
  }

  /** The node that computes a value; undefined for inputs and initializers. */
  producer(value: Value): Node | undefined {
    return this.#tree.producers.get(value)
  }

  /** The nodes that list a value among their inputs, nodes of nested subgraphs included. */
  consumers(value: Value): ReadonlyArray<Node> {
    return this.#tree.consumers.get(value) ?? []
  }

  /** The graph of this tree that a value belongs to. */
  owner(value: Value): Graph | undefined {
    return this.#tree.owners.get(value)
  }

  /** Keeps names from being given to values that ask for none. */
  reserve(names: Iterable<string>): void {
    this.#tree.valueNames.reserve(names)
  }

  /** The values of ancestors that this subgraph uses, directly or in subgraphs of its own. */
  captured(): ReadonlyArray<Value> {
    return capturedValues(this)
  }

  /**
   * The elements of a small integer tensor, as far as constants and shapes tell: what Reshape, Slice or Expand would
   * use.
   */
  contents(value: Value): ReadonlyArray<Dim> | undefined {
    return this.#tree.contents.get(value)
  }

  #sees(owner: Graph): boolean {
    return owner === this || this.parent !== undefined && this.parent.#sees(owner)
  }

  #checkVisible(value: Value | undefined, index: number, where: Where): void {
    if (value === undefined) return
    const owner = this.#tree.owners.get(value)
    if (owner === undefined || !this.#sees(owner)) {
      throw new OnnxError({
        ...where,
        problem: `input ${index} (${describe(value)}) belongs to ${
          owner === undefined ? "another tree of graphs" : `graph ${owner.name}`
        }, out of sight of graph ${this.name}`,
        remedy: "A graph sees its own values and those of its ancestors; return a body's values as outputs"
      })
    }
  }

  #value(name: string, type: ElementType, shape: Shape | undefined): Value {
    const value: Value = { name, type, shape: shape?.map((dim) => dim === "" ? this.#symbol() : dim) }
    this.#tree.owners.set(value, this)
    return value
  }

  #symbol(): Dim {
    return `?${this.#tree.symbols++}`
  }

  #claim(name: string): string {
    if (name !== "" && this.#tree.valueNames.take(name)) return name
    throw new OnnxError({
      problem: name === "" ? "A value needs a name" : `The name ${name} is taken in this tree of graphs`,
      remedy: "Names are unique over a graph and all its subgraphs: choose another",
      tensor: name
    })
  }
}

const newTree = (): Tree => ({
  valueNames: new Names(),
  nodeNames: new Names(),
  owners: new Map(),
  producers: new Map(),
  consumers: new Map(),
  contents: new Map(),
  symbols: 0
})
