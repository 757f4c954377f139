/**
 * How a decode step multiplies by a weight [out, in] that is a graph input, which ONNX Runtime can't pack ahead of
 * time. `rows` keeps activations as [N, width] and computes x W^T; `columns` keeps them as [width, N] and computes W
 * x^T, which spares the packing of W and is faster from about 4 to 128 rows on CPU, at the price of a transpose around
 * what needs rows.
 */
import { float, type Graph, type Value } from "@ifrl/onnx"

export type Projection = "rows" | "columns"

export interface Projections {
  /** The axis of activations along which features lie. */
  readonly features: number
  /** Activations of this layout as [N, width], and back. */
  readonly toRows: (x: Value) => Value
  readonly fromRows: (x: Value) => Value
  /** weight times rows [N, in], plus an addend of the same layout as the result. */
  readonly project: (weight: Value, rows: Value, addend?: Value) => Value
  /** weight times activations of this layout, plus an addend. */
  readonly projectOn: (weight: Value, x: Value, addend: Value) => Value
  /** A bias [out] in the shape that broadcasts over this layout. */
  readonly bias: (bias: Value) => Value
}

const one = float(1)

/** The products of one graph. */
export const projections = (g: Graph, kind: Projection): Projections => {
  const transposed = (a: Value, b: Value, addend?: Value) =>
    addend === undefined
      ? g.op("FusedMatMul", [a, b], { transB: 1, alpha: one })
      : g.op("Gemm", [a, b, addend], { transB: 1 })
  const identity = (x: Value) => x
  const flip = (x: Value) => g.op("Transpose", [x], { perm: [1, 0] })
  return kind === "rows"
    ? {
      features: 1,
      toRows: identity,
      fromRows: identity,
      project: (weight, rows, addend) => transposed(rows, weight, addend),
      projectOn: (weight, x, addend) => transposed(x, weight, addend),
      bias: identity
    }
    : {
      features: 0,
      toRows: flip,
      fromRows: flip,
      project: (weight, rows, addend) => transposed(weight, rows, addend),
      projectOn: (weight, x, addend) => g.op("Gemm", [weight, x, addend]),
      bias: (bias) => g.op("Unsqueeze", [bias, g.constant("int64", [1])])
    }
}
