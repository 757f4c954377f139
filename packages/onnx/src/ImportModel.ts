import type { AttributeValue } from "./Attribute.ts"
import { elementTypeOf } from "./ElementType.ts"
import { Graph, type Value } from "./Graph.ts"
import type { ValueType } from "./Inference.ts"
import {
  type AttributeProto,
  AttributeProto_AttributeType as Kind,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type ValueInfoProto
} from "./onnx_pb.ts"
import { OnnxError } from "./OnnxError.ts"
import { findOperator } from "./operators/index.ts"
import { definedNames, namesOf, orderedNodes } from "./ProtoNames.ts"
import type { Shape } from "./Shape.ts"
import { densify, tensorFromProto } from "./TensorCodec.ts"
import type { TensorData } from "./TensorData.ts"
import { type Draft, oldestOpset, upgrade } from "./Upgrade.ts"

/** Values by name, inner scopes over outer ones. */
class Scope {
  readonly values = new Map<string, Value>()
  readonly #outer: Scope | undefined

  constructor(outer?: Scope) {
    this.#outer = outer
  }

  find(name: string): Value | undefined {
    return this.values.get(name) ?? this.#outer?.find(name)
  }
}

const typeOf = (info: ValueInfoProto): ValueType => {
  const value = info.type?.value
  if (value?.case !== "tensorType") {
    throw new OnnxError({
      problem: `${info.name} is ${value?.case === undefined ? "of no type" : `a ${value.case.replace(/Type$/, "")}`}`,
      remedy: "Graphs hold tensors only; decodeModel and encodeModel carry any type",
      tensor: info.name
    })
  }
  const shape: Shape | undefined = value.value.shape?.dim.map(({ value }) =>
    value.case === "dimValue" && value.value >= 0n ? Number(value.value) : value.case === "dimParam" ? value.value : ""
  )
  return { type: elementTypeOf(value.value.elemType, info.name), shape }
}

/** INT64_MAX becomes 2^63, which `toModel` turns back; other integers must be exact. */
const integer = (value: bigint, owner: string): number => {
  const number = Number(value)
  if (Number.isSafeInteger(number) || value === 2n ** 63n - 1n || value === -(2n ** 63n)) return number
  throw new OnnxError({
    problem: `${owner} is ${value}, beyond what a number holds`,
    remedy: "Use a value within 2^53"
  })
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const text = (bytes: Uint8Array, owner: string): string => {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new OnnxError({
      problem: `${owner} is no UTF-8 text`,
      remedy: "Use decodeModel and encodeModel, which carry any bytes",
      cause
    })
  }
}

/** Where nodes are read into: the graph, the names in sight, the opsets of the file or function. */
interface Place {
  readonly graph: Graph
  readonly scope: Scope
  readonly opsets: ReadonlyMap<string, number>
  /** Inside a function: the attributes of the call. */
  readonly formal: ReadonlyMap<string, AttributeValue>
}

class Importer {
  readonly #functions: ReadonlyMap<string, FunctionProto>
  /** Every name of the file, and those that were given out. */
  readonly #names: ReadonlySet<string>
  readonly #taken = new Set<string>()
  readonly #listsInitializers: boolean

  constructor(functions: ReadonlyMap<string, FunctionProto>, names: ReadonlySet<string>, irVersion = 10n) {
    this.#listsInitializers = irVersion < 4n
    this.#functions = functions
    this.#names = names
  }

  /** Fills the graph of `place`. Subgraphs may share names with each other; those that are taken are changed. */
  graph(place: Place, proto: GraphProto): void {
    const { graph, scope } = place
    const rename = (name: string) => graph.parent === undefined ? name : this.#unique(name)
    const initializers = initializersOf(proto)
    const stored = new Set(initializers.map(([name]) => name))
    for (const info of proto.input) {
      // Up to IR version 3 every initializer is listed as an input; later one that is listed may be overridden.
      if (this.#listsInitializers && stored.has(info.name)) continue
      const { shape, type } = typeOf(info)
      scope.values.set(info.name, graph.input(rename(info.name), type, shape))
    }
    for (const [name, data] of initializers) {
      const declared = scope.values.get(name)
      if (declared === undefined) scope.values.set(name, graph.initializer(rename(name), data))
      else graph.setInitializer(declared, data)
    }
    const known = new Map([...proto.valueInfo, ...proto.output].filter(isTyped).map((info) => [info.name, info]))
    for (const node of orderedNodes(proto)) {
      const types = node.output.map((name) => {
        const info = known.get(name)
        return info === undefined ? undefined : typeOf(info)
      })
      this.node(place, node, types, rename)
    }
    for (const { name } of proto.output) {
      graph.output(scope.find(name) ?? missing(name, `output of graph ${proto.name}`))
    }
  }

  node(
    place: Place,
    proto: NodeProto,
    given: ReadonlyArray<ValueType | undefined>,
    rename: (name: string) => string
  ): void {
    const { graph, opsets, scope } = place
    const label = `${proto.opType} (node ${proto.name === "" ? proto.output[0] : proto.name})`
    const domain = domainOf(proto.domain)
    const inputs = proto.input.map((name) =>
      name === "" ? undefined : scope.find(name) ?? missing(name, `input of ${label}`)
    )
    const attributes: Record<string, AttributeValue> = {}
    for (const attribute of proto.attribute) {
      const value = attribute.refAttrName === ""
        ? this.#attribute(place, attribute, label)
        : place.formal.get(attribute.refAttrName)
      if (value !== undefined) attributes[attribute.name] = value
    }
    const draft = { opType: proto.opType, name: proto.name, inputs, outputs: proto.output.length, attributes }
    const node = domain === "" ? upgrade(draft, opsets.get("") ?? 21, graph) : draft
    const types = given.every((type) => type !== undefined)
      ? given
      : findOperator(node.opType, domain) === undefined
      ? this.#callTypes(proto, domain, node) ?? unknownTypes(label, proto, given)
      : undefined
    const values = graph.ops(node.opType, node.inputs, node.outputs, node.attributes, {
      domain,
      foreign: true,
      types,
      name: proto.name === "" ? undefined : proto.name,
      // Outputs that the file leaves out get names that nobody asks for.
      outputNames: proto.output.map((name) => name === "" ? this.#unique("unused") : rename(name))
    })
    for (const [i, name] of proto.output.entries()) {
      if (name !== "") scope.values.set(name, values[i]!)
    }
  }

  /** What a call of a model-local function gives: its body is inferred in a graph of its own. */
  #callTypes(
    call: NodeProto,
    domain: string,
    { attributes, inputs }: Draft
  ): ReadonlyArray<ValueType> | undefined {
    const definition = this.#functions.get(functionKey(domain, call.opType, call.overload))
    if (definition === undefined) return undefined
    const names = new Set([...definition.input, ...namesOf(definition.node)])
    const importer = new Importer(this.#functions, names)
    const graph = new Graph(definition.name)
    graph.reserve(names)
    const formal = new Map(Object.entries(attributes))
    const place: Place = { graph, scope: new Scope(), opsets: opsetMap(definition.opsetImport), formal }
    for (const [i, name] of definition.input.entries()) {
      const actual = inputs[i]
      if (actual !== undefined) place.scope.values.set(name, graph.input(name, actual.type, actual.shape))
    }
    for (const attribute of definition.attributeProto) {
      if (!formal.has(attribute.name)) {
        formal.set(attribute.name, importer.#attribute(place, attribute, definition.name))
      }
    }
    for (const node of definition.node) importer.node(place, node, node.output.map(() => undefined), (name) => name)
    return definition.output.map((name) =>
      place.scope.find(name) ?? missing(name, `output of function ${definition.name}`)
    )
  }

  #attribute(place: Place, proto: AttributeProto, label: string): AttributeValue {
    const owner = `attribute ${proto.name} of ${label}`
    switch (proto.type) {
      case Kind.INT:
        return integer(proto.i, owner)
      case Kind.INTS:
        return proto.ints.map((value) => integer(value, owner))
      case Kind.FLOAT:
        return { float: proto.f }
      case Kind.FLOATS:
        return { float: proto.floats }
      case Kind.STRING:
        return text(proto.s, owner)
      case Kind.STRINGS:
        return proto.strings.map((bytes) => text(bytes, owner))
      case Kind.TENSOR:
        if (proto.t !== undefined) return tensorFromProto(proto.t)
        break
      case Kind.GRAPH:
        if (proto.g !== undefined) {
          const body = place.graph.subgraph(proto.g.name)
          this.graph({ ...place, graph: body, scope: new Scope(place.scope) }, proto.g)
          return body
        }
        break
    }
    throw new OnnxError({
      problem: `${owner} has kind ${proto.type}, which a Graph can't hold`,
      remedy: "Use decodeModel and encodeModel, which carry any attribute"
    })
  }

  #unique(name: string): string {
    let unique = name
    // Names that graphs make have one underscore before the number.
    for (let n = 1; this.#taken.has(unique) || n > 1 && this.#names.has(unique); n++) unique = `${name}__${n}`
    this.#taken.add(unique)
    return unique
  }
}

const domainOf = (domain: string): string => domain === "ai.onnx" ? "" : domain

const opsetMap = (imports: ModelProto["opsetImport"]): Map<string, number> =>
  new Map(imports.map(({ domain, version }) => [domainOf(domain), Number(version)]))

const isTyped = ({ type }: ValueInfoProto): boolean => type?.value.case !== undefined

const functionKey = (domain: string, name: string, overload: string): string => `${domain}::${name}::${overload}`

const initializersOf = (proto: GraphProto): ReadonlyArray<readonly [string, TensorData]> => [
  ...proto.initializer.map((tensor) => [tensor.name, tensorFromProto(tensor)] as const),
  ...proto.sparseInitializer.flatMap(({ dims, indices, values }) =>
    values === undefined || indices === undefined
      ? []
      : [[values.name, densify(values, indices, dims.map(Number))] as const]
  )
]

const missing = (name: string, what: string): never => {
  throw new OnnxError({
    problem: `${name}, ${what}, is defined nowhere before`,
    remedy: "The file isn't a valid model: check it with onnx.checker",
    tensor: name
  })
}

const unknownTypes = (label: string, proto: NodeProto, types: ReadonlyArray<ValueType | undefined>): never => {
  const names = proto.output.filter((_, i) => types[i] === undefined)
  throw new OnnxError({
    operator: proto.opType,
    node: proto.name === "" ? proto.output[0] : proto.name,
    problem: `${label} isn't in the operator table, and the file doesn't tell the type of ${names.join(", ")}`,
    remedy: "Save the model with value_info for all values (onnx.shape_inference does it)"
  })
}

/**
 * The graph of a model: nodes in the form of opset 21 whatever opset the file has, types and shapes inferred anew and
 * joined with what the file says. Operators that the table lacks are taken as they are. Documentation strings,
 * quantization annotations and training info stay behind; functions and metadata come along.
 */
export const fromModel = (model: ModelProto): Graph => {
  const opsets = opsetMap(model.opsetImport)
  const opset = opsets.get("") ?? 21
  if (model.graph === undefined || opset < oldestOpset) {
    throw new OnnxError({
      problem: model.graph === undefined ? "The model has no graph" : `The model has opset ${opset}`,
      remedy: model.graph === undefined ? "Check the file" : `Convert it to opset ${oldestOpset} or later`
    })
  }
  const graph = new Graph(model.graph.name)
  for (const [domain, version] of opsets) graph.opsets.set(domain, version)
  graph.functions.push(...model.functions)
  for (const { key, value } of model.metadataProps) graph.metadata.set(key, value)
  const names = new Set(definedNames(model.graph))
  graph.reserve(names)
  const functions = new Map(model.functions.map((f) => [functionKey(domainOf(f.domain), f.name, f.overload), f]))
  new Importer(functions, names, model.irVersion).graph(
    { graph, scope: new Scope(), opsets, formal: new Map() },
    model.graph
  )
  return graph
}
