// What a node must fulfil before it joins a graph.
import { attributeKind, type AttributeValue, isGraph } from "./Attribute.ts"
import { elementTypeCode, isElementType } from "./ElementType.ts"
import type { Graph, OpOptions, Value } from "./Graph.ts"
import type { Inference, ValueType } from "./Inference.ts"
import { OnnxError } from "./OnnxError.ts"
import { type Operator, variadic } from "./Operator.ts"
import { formatShape, mergeShapes } from "./Shape.ts"

/** Whom an error is about. */
export interface Where {
  readonly operator: string
  readonly node: string
}

const range = (low: number, high: number): string =>
  low === high ? String(low) : high === variadic ? `${low} or more` : `${low} to ${high}`

export const checkArity = (
  { inputs: [fewest, most], optional = [], outputs: [fewestOut, mostOut] }: Operator,
  inputs: ReadonlyArray<Value | undefined>,
  outputs: number,
  where: Where
): void => {
  if (inputs.length < fewest || inputs.length > most) {
    throw new OnnxError({ ...where, problem: `${inputs.length} inputs`, remedy: `It takes ${range(fewest, most)}` })
  }
  if (outputs < fewestOut || outputs > mostOut) {
    throw new OnnxError({ ...where, problem: `${outputs} outputs`, remedy: `It gives ${range(fewestOut, mostOut)}` })
  }
  const required = most === variadic ? inputs.length : fewest
  const absent = inputs.findIndex((value, i) => value === undefined && i < required && !optional.includes(i))
  if (absent >= 0) {
    throw new OnnxError({ ...where, problem: `input ${absent} is absent`, remedy: "It is required: give it" })
  }
}

/** The attributes of a node of `graph`, element types by number. `operator` is undefined when the table lacks it. */
export const checkAttributes = (
  attributes: Readonly<Record<string, AttributeValue>>,
  operator: Operator | undefined,
  graph: Graph,
  options: OpOptions,
  where: Where
): Readonly<Record<string, AttributeValue>> => {
  const checked: Record<string, AttributeValue> = {}
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue
    const wanted = operator?.attributes[key]
    if (operator !== undefined && wanted === undefined && options.foreign !== true) {
      const names = Object.keys(operator.attributes)
      throw new OnnxError({
        ...where,
        problem: `unknown attribute ${key}`,
        remedy: names.length === 0 ? "It takes no attributes" : `It takes ${names.join(", ")}`
      })
    }
    const actual = wanted === "elementType" && isElementType(value) ? elementTypeCode(value) : value
    checkKind(key, actual, wanted === "elementType" ? "int" : wanted, where)
    if (isGraph(actual) && actual.parent !== graph) {
      throw new OnnxError({
        ...where,
        problem: `attribute ${key} is graph ${actual.name}, no subgraph of ${graph.name}`,
        remedy: "Make bodies with subgraph(name) of the graph that holds the node"
      })
    }
    checked[key] = actual
  }
  return checked
}

const checkKind = (key: string, value: AttributeValue, expected: string | undefined, where: Where): void => {
  const kind = attributeKind(value)
  // An empty array is both INTS and STRINGS.
  const empty = Array.isArray(value) && value.length === 0 && (expected === "strings" || expected === "ints")
  if (kind !== undefined && (expected === undefined || kind === expected || empty)) return
  throw new OnnxError({
    ...where,
    problem: `attribute ${key} is ${kind ?? "no attribute value"}${expected === undefined ? "" : `, not ${expected}`}`,
    remedy: "A number is INT, an integer; write float(x) and floats([...]) for FLOAT and FLOATS, tensorData for TENSOR"
  })
}

/** The types of a node's outputs: inferred where the table has the operator, joined with what the caller says. */
export const outputTypes = (
  inference: Inference,
  operator: Operator | undefined,
  { foreign, types }: OpOptions
): ReadonlyArray<ValueType> => {
  if (operator === undefined) {
    return types?.length === inference.outputs
      ? types.map(({ shape, type }) => ({ type, shape }))
      : inference.fail(
        "this operator is not in the table",
        `Give options.types, one for each of the ${inference.outputs} outputs (and options.domain)`
      )
  }
  const inferred = operator.infer(inference)
  return Array.from({ length: inference.outputs }, (_, i) => {
    const found = inferred[i]
      ?? inference.fail(`output ${i} doesn't exist`, `Ask for at most ${inferred.length} outputs`)
    const given = types?.[i]
    if (given === undefined) return found
    const shape = mergeShapes(found.shape, given.shape)
    if (shape === "conflict" && foreign === true && given.type === found.type) return found
    return given.type !== found.type || shape === "conflict"
      ? inference.fail(
        `output ${i} is ${found.type}${formatShape(found.shape)}, not ${given.type}${formatShape(given.shape)}`,
        "Correct options.types"
      )
      : { type: found.type, shape }
  })
}
