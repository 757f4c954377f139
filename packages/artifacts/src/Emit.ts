import {
  type AttributeValue, type Dim, type ElementType, float, floatTypes, type Graph, sameDim, type TensorData,
  tensorValues, type Value
} from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"

export const isFloat = (value: Value): boolean => floatTypes.includes(value.type)

/** The type in which sums and norms of a type are computed: float32 for half precision. */
export const wideType = (type: ElementType): ElementType => type === "float16" || type === "bfloat16" ? "float32" : type

/** The rank of a value, or an error that asks for shape information. */
export const rankOf = (value: Value): number => {
  if (value.shape === undefined) {
    throw artifactError(
      "NotDifferentiable",
      `The rank of tensor "${value.name}" is unknown, and its gradient depends on it`,
      "Give the graph's inputs shapes (symbolic dimensions will do)",
      { tensor: value.name }
    )
  }
  return value.shape.length
}

/** An axis counted from the front. */
export const axisOf = (axis: number, rank: number): number => axis < 0 ? axis + rank : axis

export const range = (length: number): Array<number> => Array.from({ length }, (_, i) => i)

const isStatic = (shape: ReadonlyArray<Dim> | undefined): shape is ReadonlyArray<number> =>
  shape !== undefined && shape.every((dim) => typeof dim === "number")

interface Product {
  readonly transA?: boolean
  readonly transB?: boolean
  readonly alpha?: number
}

/** Short names for the nodes that gradients, losses and optimizers are made of. Every method emits into `graph`. */
export class Emit {
  readonly graph: Graph
  constructor(graph: Graph) {
    this.graph = graph
  }

  op(
    opType: string,
    inputs: ReadonlyArray<Value | undefined>,
    attributes?: Readonly<Record<string, AttributeValue>>,
    domain?: string
  ): Value {
    return this.graph.op(opType, inputs, attributes, { domain })
  }

  // -------------------- constants --------------------

  /** A rank-0 constant of the element type of `like`. */
  scalar(value: number, like: Value | ElementType): Value {
    return this.graph.constant(typeof like === "string" ? like : like.type, value)
  }
  int(value: number): Value {
    return this.graph.constant("int64", value)
  }
  ints(values: ReadonlyArray<number>): Value {
    return this.graph.constant("int64", values)
  }
  /** `value` repeated to the shape of `ref`. */
  full(value: number, ref: Value, type: ElementType = ref.type): Value {
    return this.expand(this.scalar(value, type), ref)
  }

  /** The contents of a value that is an initializer or the output of a Constant node, here or in an outer graph. */
  contents(value: Value): TensorData | undefined {
    for (let graph: Graph | undefined = this.graph; graph !== undefined; graph = graph.parent) {
      const data = graph.initializers.get(value)
      if (data !== undefined) return data
      const node = graph.producer(value)
      if (node?.opType === "Constant") return node.attributes.value as TensorData | undefined
    }
    return undefined
  }
  /** The integers of an int64 or int32 value that is constant, or that follows from constants and static shapes. */
  knownInts(value: Value | undefined): ReadonlyArray<number> | undefined {
    if (value === undefined) return undefined
    const data = this.contents(value)
    if (data !== undefined) return Array.from(tensorValues(data) as ArrayLike<number | bigint>, Number)
    const derived = this.graph.contents(value)
    return isStatic(derived) ? derived : undefined
  }

  // -------------------- elementwise --------------------

  add(a: Value, b: Value): Value {
    return this.op("Add", [a, b])
  }
  sub(a: Value, b: Value): Value {
    return this.op("Sub", [a, b])
  }
  mul(a: Value, b: Value): Value {
    return this.op("Mul", [a, b])
  }
  div(a: Value, b: Value): Value {
    return this.op("Div", [a, b])
  }
  neg(a: Value): Value {
    return this.op("Neg", [a])
  }
  exp(a: Value): Value {
    return this.op("Exp", [a])
  }
  /** `a` times a constant. */
  scale(a: Value, factor: number): Value {
    return factor === 1 ? a : this.mul(a, this.scalar(factor, a))
  }
  /** `a` plus a constant. */
  shift(a: Value, term: number): Value {
    return term === 0 ? a : this.add(a, this.scalar(term, a))
  }
  /** A constant minus `a`. */
  from(term: number, a: Value): Value {
    return this.sub(this.scalar(term, a), a)
  }
  square(a: Value): Value {
    return this.mul(a, a)
  }
  sign(a: Value): Value {
    return this.op("Sign", [a])
  }
  /** Less, Greater, LessOrEqual, GreaterOrEqual or Equal; in float32 where CUDA has no bfloat16 kernel. */
  compare(opType: string, a: Value, b: Value | number): Value {
    const other = typeof b === "number" ? this.scalar(b, a) : b
    const wide = (value: Value) => value.type === "bfloat16" ? this.cast(value, "float32") : value
    return this.op(opType, [wide(a), wide(other)])
  }
  where(condition: Value, yes: Value, no: Value): Value {
    return this.op("Where", [condition, yes, no])
  }
  /** `a` where the condition holds, else 0. */
  keep(condition: Value, a: Value): Value {
    return this.where(condition, a, this.scalar(0, a))
  }
  cast(a: Value, type: ElementType): Value {
    return a.type === type ? a : this.op("Cast", [a], { to: type })
  }

  /** In float32 at least. */
  wide(a: Value): Value {
    return this.cast(a, wideType(a.type))
  }

  // -------------------- shapes --------------------

  shape(a: Value, start?: number, end?: number): Value {
    const slice = a.shape?.slice(start ?? 0, end)
    if (isStatic(slice)) return this.ints(slice)
    return this.op("Shape", [a], {
      ...(start === undefined ? {} : { start }),
      ...(end === undefined ? {} : { end })
    })
  }
  /** The size of one axis, as a tensor of rank 1. */
  dim(a: Value, axis: number): Value {
    return this.shape(a, axis, axis + 1)
  }
  reshape(a: Value, dims: ReadonlyArray<number> | Value): Value {
    return this.op("Reshape", [a, "name" in dims ? dims : this.ints(dims)])
  }
  /** `a` with the shape of `ref`, which has as many elements. */
  like(a: Value, ref: Value): Value {
    if (sameShape(a, ref)) return a
    // A 0 among the sizes would be read as "as it was".
    return this.op("Reshape", [a, this.shape(ref)], ref.shape?.includes(0) === true ? { allowzero: 1 } : {})
  }
  expand(a: Value, ref: Value): Value {
    return this.op("Expand", [a, this.shape(ref)])
  }
  transpose(a: Value, perm: ReadonlyArray<number>): Value {
    return perm.every((axis, i) => axis === i) ? a : this.op("Transpose", [a], { perm })
  }
  /** Swaps the last two axes. */
  swap(a: Value): Value {
    const rank = rankOf(a)
    return this.transpose(a, [...range(rank - 2), rank - 1, rank - 2])
  }
  unsqueeze(a: Value, axes: ReadonlyArray<number> | Value): Value {
    return this.op("Unsqueeze", [a, "name" in axes ? axes : this.ints(axes)])
  }
  squeeze(a: Value, axes: ReadonlyArray<number>): Value {
    return this.op("Squeeze", [a, this.ints(axes)])
  }
  concat(values: ReadonlyArray<Value>, axis: number): Value {
    return values.length === 1 ? values[0]! : this.op("Concat", values, { axis })
  }
  slice(a: Value, start: Value, end: Value, axis: number): Value {
    return this.op("Slice", [a, start, end, this.ints([axis])])
  }
  /** Zeros around (or, where negative, cut off) `axes`: `pads` holds all befores, then all afters. */
  pad(a: Value, pads: Value, axes?: Value): Value {
    if (a.type === "bfloat16") return this.cast(this.pad(this.cast(a, "float32"), pads, axes), "bfloat16")
    return this.op("Pad", axes === undefined ? [a, pads] : [a, pads, undefined, axes])
  }
  /** All but the last axis folded into rows: [..., D] -> [N, D]. */
  rows(a: Value): Value {
    const shape = a.shape
    if (shape?.length === 2) return a
    const last = shape?.at(-1)
    return typeof last === "number" && last > 0
      ? this.reshape(a, [-1, last])
      : this.reshape(a, this.concat([this.ints([-1]), this.shape(a, -1)], 0))
  }

  // -------------------- reductions and products --------------------

  sum(a: Value, axes: ReadonlyArray<number>, keepdims = false): Value {
    if (axes.length === 0) return a
    return this.op("ReduceSum", [a, this.ints(axes)], { keepdims: keepdims ? 1 : 0 })
  }
  sumAll(a: Value): Value {
    return this.op("ReduceSum", [a], { keepdims: 0 })
  }
  /** a b with the last two axes optionally transposed, batched over the others. */
  matmul(a: Value, b: Value, { alpha = 1, transA = false, transB = false }: Product = {}): Value {
    if (!transA && !transB && alpha === 1) return this.op("MatMul", [a, b])
    return this.op("FusedMatMul", [a, b], { transA: Number(transA), transB: Number(transB), alpha: float(alpha) })
  }
  /** a b of two matrices, plus `c` where given. */
  gemm(a: Value, b: Value, { alpha = 1, transA = false, transB = false }: Product = {}, c?: Value): Value {
    return this.op("Gemm", c === undefined ? [a, b] : [a, b, c], {
      ...(alpha === 1 ? {} : { alpha: float(alpha) }),
      ...(transA ? { transA: 1 } : {}),
      ...(transB ? { transB: 1 } : {})
    })
  }

  /** Undoes broadcasting: sums `d` over the axes along which `ref` was repeated, and gives it the shape of `ref`. */
  unbroadcast(d: Value, ref: Value): Value {
    if (sameShape(d, ref)) return d
    if (d.shape === undefined || ref.shape === undefined) return this.unbroadcastAtRunTime(d, ref)
    const lead = d.shape.length - ref.shape.length
    const axes: Array<number> = []
    for (let axis = 0; axis < d.shape.length; axis++) {
      const size = axis < lead ? 1 : ref.shape[axis - lead]!
      const wide = d.shape[axis]!
      if (axis < lead || size === 1 && wide !== 1) axes.push(axis)
      else if (!sameDim(size, wide) && !(typeof size === "number" && size !== 1)) return this.unbroadcastAtRunTime(d, ref)
    }
    if (lead === 0) return this.sum(d, axes, true)
    return axes.every((axis) => axis < lead) ? this.sum(d, axes) : this.like(this.sum(d, axes, true), ref)
  }

  /** Which axes were repeated shows only when the sizes are known: those of size 1 in `ref`, aligned at the end. */
  private unbroadcastAtRunTime(d: Value, ref: Value): Value {
    const shape = this.op("Shape", [ref])
    const lead = this.sub(this.op("Shape", [this.op("Shape", [d])]), this.op("Shape", [shape]))
    const padded = this.concat([this.op("Expand", [this.ints([1]), lead]), shape], 0)
    const repeated = this.op("Equal", [padded, this.ints([1])])
    const axes = this.reshape(this.op("NonZero", [repeated]), [-1])
    return this.reshape(this.op("ReduceSum", [d, axes], { keepdims: 1, noop_with_empty_axes: 1 }), shape)
  }
}

/** Both shapes are known and provably equal. */
export const sameShape = (a: Value, b: Value): boolean =>
  a.shape !== undefined && b.shape !== undefined && a.shape.length === b.shape.length &&
  a.shape.every((dim, i) => sameDim(dim, b.shape![i]!))

