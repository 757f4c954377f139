import type { AttributeValue } from "./Attribute.ts"
import { type Dim, differentDims, productDims } from "./Dim.ts"
import { type ElementType, elementTypeOf } from "./ElementType.ts"
import type { Value } from "./Graph.ts"
import { OnnxError } from "./OnnxError.ts"
import { broadcast, type Fresh, formatShape, preferred, type Shape } from "./Shape.ts"

export interface ValueType {
  readonly type: ElementType
  readonly shape: Shape | undefined
}

/** What an inference rule sees of one node: its inputs, attributes and the known contents of small integer tensors. */
export class Inference {
  readonly opType: string
  readonly node: string
  readonly inputs: ReadonlyArray<Value | undefined>
  readonly attributes: Readonly<Record<string, AttributeValue>>
  /** How many outputs the node has. */
  readonly outputs: number
  /** A new symbol for a size that can't be derived. */
  readonly fresh: Fresh
  readonly #contents: (value: Value) => ReadonlyArray<Dim> | undefined

  constructor(init: {
    readonly opType: string
    readonly node: string
    readonly inputs: ReadonlyArray<Value | undefined>
    readonly attributes: Readonly<Record<string, AttributeValue>>
    readonly outputs: number
    readonly fresh: Fresh
    readonly contents: (value: Value) => ReadonlyArray<Dim> | undefined
  }) {
    this.opType = init.opType
    this.node = init.node
    this.inputs = init.inputs
    this.attributes = init.attributes
    this.outputs = init.outputs
    this.fresh = init.fresh
    this.#contents = init.contents
  }

  fail(problem: string, remedy: string): never {
    const inputs = this.inputs.map((value, i) => `#${i} ${value === undefined ? "absent" : describe(value)}`).join(", ")
    throw new OnnxError({
      operator: this.opType,
      node: this.node,
      problem: `${problem}; inputs: ${inputs === "" ? "none" : inputs}`,
      remedy
    })
  }

  has(index: number): boolean {
    return this.inputs[index] !== undefined
  }

  input(index: number): Value {
    return this.inputs[index] ?? this.fail(`input ${index} is absent`, "Give it")
  }

  type(index: number): ElementType {
    return this.input(index).type
  }

  shape(index: number): Shape | undefined {
    return this.input(index).shape
  }

  /** The shape of an input whose rank must be one of `ranks` when it is known. */
  ranked(index: number, ...ranks: ReadonlyArray<number>): Shape | undefined {
    const shape = this.shape(index)
    if (shape !== undefined && !ranks.includes(shape.length)) {
      this.fail(`input ${index} has rank ${shape.length}, not ${ranks.join(" or ")}`, "Reshape it")
    }
    return shape
  }

  /** Several dims that must be one size; returns the best known name of it. */
  unify(dims: ReadonlyArray<Dim>, what: string): Dim {
    return dims.reduce((a, b) =>
      differentDims(a, b)
        ? this.fail(`${what}: ${a} and ${b} differ`, "Make these dimensions equal")
        : preferred(a, b)
    )
  }

  /** A required element type, for inputs whose type isn't free. */
  expectType(index: number, ...types: ReadonlyArray<ElementType>): void {
    if (this.has(index) && !types.includes(this.type(index))) {
      this.fail(`input ${index} must be ${types.join(" or ")}, not ${this.type(index)}`, "Insert a Cast")
    }
  }

  /** All given inputs must have one element type, which is returned. */
  sameType(...indices: ReadonlyArray<number>): ElementType {
    const given = indices.filter((index) => this.has(index))
    const type = this.type(given[0] ?? 0)
    for (const index of given) {
      if (this.type(index) !== type) {
        this.fail(`inputs ${given[0]} and ${index} have element types ${type} and ${this.type(index)}`, "Insert a Cast")
      }
    }
    return type
  }

  broadcast(...indices: ReadonlyArray<number>): Shape | undefined {
    const shape = broadcast(indices.filter((index) => this.has(index)).map((index) => this.shape(index)), this.fresh)
    return shape === "conflict"
      ? this.fail("shapes don't broadcast", "Dimensions must be equal or 1, aligned from the last one")
      : shape
  }

  /** The known elements of an integer input of rank 0 or 1, symbols included. */
  contents(index: number): ReadonlyArray<Dim> | undefined {
    const value = this.inputs[index]
    return value === undefined ? undefined : this.#contents(value)
  }

  /** `contents`, when all of them are numbers. */
  numbers(index: number): ReadonlyArray<number> | undefined {
    const contents = this.contents(index)
    return contents?.every((dim) => typeof dim === "number") === true ? contents as ReadonlyArray<number> : undefined
  }

  int(name: string, otherwise: number): number {
    const value = this.attributes[name]
    return typeof value === "number" ? value : otherwise
  }

  optionalInt(name: string): number | undefined {
    const value = this.attributes[name]
    return typeof value === "number" ? value : undefined
  }

  requiredInt(name: string): number {
    return this.optionalInt(name) ?? this.fail(`attribute ${name} is missing`, `Give the integer attribute ${name}`)
  }

  ints(name: string): ReadonlyArray<number> | undefined {
    const value = this.attributes[name]
    return Array.isArray(value) ? value : undefined
  }

  string(name: string, otherwise: string): string {
    const value = this.attributes[name]
    return typeof value === "string" ? value : otherwise
  }

  elementType(name: string): ElementType | undefined {
    const code = this.optionalInt(name)
    return code === undefined ? undefined : elementTypeOf(code, `attribute ${name} of ${this.opType} ${this.node}`)
  }

  /** An axis in 0..rank-1; negative ones count from the end. */
  axis(axis: number, rank: number): number {
    if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
      this.fail(`axis ${axis} is outside rank ${rank}`, `Use an axis in ${-rank}..${rank - 1}`)
    }
    return axis < 0 ? axis + rank : axis
  }

  axes(axes: ReadonlyArray<number>, rank: number): ReadonlyArray<number> {
    const normalized = axes.map((axis) => this.axis(axis, rank))
    if (new Set(normalized).size !== normalized.length) {
      this.fail(`axes [${axes.join(", ")}] repeat`, "Name each axis once")
    }
    return normalized
  }

  /** The axes in an optional input: undefined when absent, "unknown" when not constant. */
  axesOf(index: number): ReadonlyArray<number> | undefined | "unknown" {
    return this.has(index) ? this.numbers(index) ?? "unknown" : undefined
  }

  /** A shape of `rank` dims about which nothing else is known. */
  unknownShape(rank: number): Shape {
    return Array.from({ length: rank }, () => this.fresh())
  }

  /** Elements of a tensor. */
  count(index: number): Dim | undefined {
    const shape = this.shape(index)
    return shape === undefined ? undefined : productDims(shape)
  }
}

export const describe = (value: Value): string => `${value.name}: ${value.type}${formatShape(value.shape)}`
