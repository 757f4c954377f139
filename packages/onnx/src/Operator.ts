import type { AttributeKind } from "./Attribute.ts"
import type { Dim } from "./Dim.ts"
import type { Inference, ValueType } from "./Inference.ts"

export type { AttributeKind }

/** What the builder knows of one operator. */
export interface Operator {
  /** Fewest and most inputs. */
  readonly inputs: readonly [number, number]
  /** Inputs before the fewest (or of a variadic operator) that may be absent; later ones all may. */
  readonly optional?: ReadonlyArray<number>
  /** Fewest and most outputs. */
  readonly outputs: readonly [number, number]
  /** Attributes by name. "elementType" is an INT that may be given as the name of an ElementType. */
  readonly attributes: Readonly<Record<string, AttributeKind | "elementType">>
  /** The opset of its domain that introduced the form described here; lower or absent means opset 21 has it. */
  readonly since?: number
  /** Types and shapes of the outputs. */
  readonly infer: (node: Inference) => ReadonlyArray<ValueType>
  /** The elements of the first output, when it is an integer tensor of rank 0 or 1 that can be computed from shapes. */
  readonly contents?: (node: Inference) => ReadonlyArray<Dim> | undefined
}

export type OperatorTable = Readonly<Record<string, Operator>>

/** An operator with one output. */
export const operator = (
  inputs: readonly [number, number],
  attributes: Operator["attributes"],
  infer: (node: Inference) => ValueType,
  more: { readonly since?: number; readonly contents?: NonNullable<Operator["contents"]> } = {}
): Operator => ({ inputs, outputs: [1, 1], attributes, infer: (node) => [infer(node)], ...more })

export const table = (names: ReadonlyArray<string>, entry: Operator): OperatorTable =>
  Object.fromEntries(names.map((name) => [name, entry]))

export const variadic = Number.MAX_SAFE_INTEGER
