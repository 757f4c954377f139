import { type Dim, productDims } from "../Dim.ts"
import { floatTypes, numericTypes } from "../ElementType.ts"
import type { Inference } from "../Inference.ts"
import { operator, type Operator, type OperatorTable, table } from "../Operator.ts"
import type { Shape } from "../Shape.ts"

const reduced = (node: Inference): Shape | undefined => {
  const shape = node.shape(0)
  if (shape === undefined) return undefined
  const keep = node.int("keepdims", 1) !== 0
  const given = node.axesOf(1)
  if (given === "unknown") return keep ? node.unknownShape(shape.length) : undefined
  const none = given === undefined || given.length === 0
  if (none && node.int("noop_with_empty_axes", 0) !== 0) return shape
  const axes = none ? shape.map((_, i) => i) : node.axes(given, shape.length)
  return keep ? shape.map((dim, i) => axes.includes(i) ? 1 : dim) : shape.filter((_, i) => !axes.includes(i))
}

const reduction = (contents?: (dims: ReadonlyArray<Dim>) => Dim): Operator =>
  operator(
    [1, 2],
    { keepdims: "int", noop_with_empty_axes: "int" },
    (node) => {
      node.expectType(1, "int64")
      return { type: node.type(0), shape: reduced(node) }
    },
    contents === undefined ? {} : {
      contents: (node) => {
        const dims = node.contents(0)
        return dims === undefined ? undefined : [contents(dims)]
      }
    }
  )

const argument = operator([1, 1], { axis: "int", keepdims: "int", select_last_index: "int" }, (node) => {
  const shape = node.shape(0)
  if (shape === undefined) return { type: "int64", shape: undefined }
  const axis = node.axis(node.int("axis", 0), shape.length)
  return {
    type: "int64",
    shape: node.int("keepdims", 1) === 0
      ? shape.filter((_, i) => i !== axis)
      : shape.map((dim, i) => i === axis ? 1 : dim)
  }
})

const alongAxis = (attributes: Operator["attributes"]) =>
  operator([1, 1], attributes, (node) => {
    node.expectType(0, ...floatTypes)
    const shape = node.shape(0)
    if (shape !== undefined) node.axis(node.int("axis", -1), shape.length)
    return { type: node.type(0), shape }
  })

export const reductions: OperatorTable = {
  ...table(
    [
      "ReduceMean",
      "ReduceMax",
      "ReduceMin",
      "ReduceL1",
      "ReduceL2",
      "ReduceLogSum",
      "ReduceLogSumExp",
      "ReduceSum",
      "ReduceSumSquare"
    ],
    reduction()
  ),
  ReduceProd: reduction(productDims),
  ...table(["ArgMax", "ArgMin"], argument),
  ...table(["Softmax", "LogSoftmax", "Hardmax"], alongAxis({ axis: "int" })),
  TopK: {
    inputs: [2, 2],
    outputs: [2, 2],
    attributes: { axis: "int", largest: "int", sorted: "int" },
    infer: (node) => {
      node.expectType(0, ...numericTypes)
      node.expectType(1, "int64")
      const shape = node.shape(0)
      const type = node.type(0)
      if (shape === undefined) return [{ type, shape }, { type: "int64", shape }]
      const axis = node.axis(node.int("axis", -1), shape.length)
      const k = node.contents(1)?.[0] ?? node.fresh()
      const size = shape[axis]!
      if (typeof k === "number" && typeof size === "number" && k > size) {
        node.fail(`k = ${k} exceeds the ${size} elements of axis ${axis}`, "Use a smaller k")
      }
      const out = shape.map((dim, i) => i === axis ? k : dim)
      return [{ type, shape: out }, { type: "int64", shape: out }]
    }
  },
  CumSum: operator([2, 2], { exclusive: "int", reverse: "int" }, (node) => {
    node.expectType(0, ...numericTypes)
    node.expectType(1, "int64", "int32")
    return { type: node.type(0), shape: node.shape(0) }
  })
}
