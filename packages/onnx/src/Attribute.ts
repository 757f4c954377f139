import type { Graph } from "./Graph.ts"
import type { TensorData } from "./TensorData.ts"

/**
 * An attribute of kind FLOAT or FLOATS. JavaScript numbers alone are INT, so that the kind never depends on a value.
 */
export interface FloatAttribute {
  readonly float: number | ReadonlyArray<number>
}

export const float = (x: number): FloatAttribute => ({ float: x })
export const floats = (xs: ReadonlyArray<number>): FloatAttribute => ({ float: [...xs] })

/**
 * number: INT; string: STRING; arrays: INTS or STRINGS; Graph: a subgraph; TensorData: TENSOR; float(...): FLOAT or
 * FLOATS.
 */
export type AttributeValue =
  | number
  | string
  | ReadonlyArray<number>
  | ReadonlyArray<string>
  | Graph
  | TensorData
  | FloatAttribute

export type AttributeKind = "int" | "ints" | "float" | "floats" | "string" | "strings" | "tensor" | "graph"

export const isGraph = (value: unknown): value is Graph =>
  typeof value === "object" && value !== null && "nodes" in value

/** The kind of a value, or undefined when it is none (a fraction without `float`, a mixed array, ...). */
export const attributeKind = (value: unknown): AttributeKind | undefined => {
  if (typeof value === "number") return Number.isInteger(value) ? "int" : undefined
  if (typeof value === "string") return "string"
  if (Array.isArray(value)) {
    if (value.every((item) => Number.isInteger(item))) return "ints"
    return value.every((item) => typeof item === "string") ? "strings" : undefined
  }
  if (typeof value !== "object" || value === null) return undefined
  if ("float" in value) return Array.isArray(value.float) ? "floats" : "float"
  if ("bytes" in value) return "tensor"
  return isGraph(value) ? "graph" : undefined
}

export const isTensor = (value: AttributeValue): value is TensorData => typeof value === "object" && "bytes" in value
