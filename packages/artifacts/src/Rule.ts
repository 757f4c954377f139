import type { FloatAttribute, Node, TensorData, Value } from "@ifrl/onnx"
import { Emit } from "./Emit.ts"

/** A gradient that can add itself to a running total in the node that computes it (Gemm's C, a scatter's data). */
export interface Into {
  /** Emits the gradient in exactly the input's shape, plus `total` where given. */
  readonly into: (total: Value | undefined) => Value
  /** Takes a total of a wider element type than the input's, and then returns that type. */
  readonly widens?: boolean
}

/** A gradient that is emitted only when somebody needs it. Broadcasting is undone where gradients are added up, not by rules. */
export type Lazy = (() => Value) | Into

export const into = (emit: Into["into"], widens = false): Into => ({ into: emit, widens })

/** Where a rule is applied: a node, the gradients of its outputs, and the graph that receives the new nodes. */
export class Site {
  readonly g: Emit
  readonly node: Node
  /** Inputs by position. The type promises presence; ask `input(i)` for those that an operator may lack. */
  readonly x: readonly [Value, Value, Value, Value, Value, ...Array<Value>]
  readonly y: readonly [Value, Value, Value, Value, ...Array<Value>]
  readonly gradients: ReadonlyArray<Value | undefined>
  constructor(g: Emit, node: Node, gradients: ReadonlyArray<Value | undefined>) {
    this.g = g
    this.node = node
    this.x = node.inputs as unknown as Site["x"]
    this.y = node.outputs as unknown as Site["y"]
    this.gradients = gradients
  }

  /** The gradient of the first output. */
  get dy(): Value {
    return this.gradient(0)
  }
  /** The gradient of an output; zeros where the loss doesn't depend on it. */
  gradient(index: number): Value {
    return this.gradients[index] ?? this.g.full(0, this.node.outputs[index]!)
  }
  input(index: number): Value | undefined {
    return this.node.inputs[index]
  }
  int(name: string, fallback: number): number {
    return (this.node.attributes[name] as number | undefined) ?? fallback
  }
  ints(name: string): ReadonlyArray<number> | undefined {
    return this.node.attributes[name] as ReadonlyArray<number> | undefined
  }
  float(name: string, fallback: number): number {
    return (this.node.attributes[name] as FloatAttribute | undefined)?.float as number | undefined ?? fallback
  }
  string(name: string, fallback: string): string {
    return (this.node.attributes[name] as string | undefined) ?? fallback
  }
  /** The contents of an input that is an initializer or a Constant, here or in an outer graph. */
  constant(index: number): TensorData | undefined {
    const value = this.node.inputs[index]
    return value === undefined ? undefined : this.g.contents(value)
  }
}

/**
 * Gradients of a node's inputs, by position; undefined where there is none (indices, shapes, conditions), null where a float input
 * lends its type or shape only.
 */
export type Rule = (site: Site) => ReadonlyArray<Lazy | null | undefined>

/** Operators by name; those of other domains as "domain.Name". */
export type Rules = Readonly<Record<string, Rule>>

export const ruleKey = (node: Pick<Node, "domain" | "opType">): string =>
  node.domain === "" || node.domain === "ai.onnx" ? node.opType : `${node.domain}.${node.opType}`

/** The same rules for operators of com.microsoft. */
export const microsoft = (rules: Rules): Rules =>
  Object.fromEntries(Object.entries(rules).map(([name, rule]) => [`com.microsoft.${name}`, rule]))

/** Emits once, however many gradients share it. */
export const once = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
