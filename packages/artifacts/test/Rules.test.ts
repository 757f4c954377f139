import { afterAll, describe, expect, test } from "@jest/globals"
import { type Graph, float, floats, type Shape, type TensorData, type Value } from "@ifrl/onnx"
import { checkGrads, nonDifferentiable, rules } from "../src/index.ts"
import { f64, i64, noise, ortRunner } from "./ort.ts"

const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())

interface Case {
  readonly op: string
  readonly of?: string
  readonly inputs: Record<string, TensorData>
  readonly build: (g: Graph, x: Record<string, Value>) => Value | ReadonlyArray<Value>
  readonly shapes?: Record<string, Shape | undefined>
  readonly wrt?: ReadonlyArray<string>
  readonly opset?: number
}

const random = noise(7)
const x = (...dims: Array<number>): TensorData => f64(dims, random(dims.reduce((a, b) => a * b, 1)))
/** Away from 0 by at least 0.3: for kinks at 0, divisions, logarithms. */
const away = (...dims: Array<number>): TensorData =>
  f64(dims, random(dims.reduce((a, b) => a * b, 1)).map((v) => v + Math.sign(v) * 0.3))
const positive = (...dims: Array<number>): TensorData => f64(dims, random(dims.reduce((a, b) => a * b, 1), 0.5, 1))
/** Distinct values, so that extrema and orders have a margin. */
const distinct = (...dims: Array<number>): TensorData => {
  const count = dims.reduce((a, b) => a * b, 1)
  const jitter = random(count, 0.1)
  return f64(dims, jitter.map((v, i) => v + ((i * 7) % count) * 0.5 - count / 4))
}

const unary = (op: string, input: TensorData, attributes = {}, of?: string): Case => ({
  op, ...(of === undefined ? {} : { of }), inputs: { x: input }, build: (g, { x }) => g.op(op, [x], attributes)
})
const binary = (op: string, a: TensorData, b: TensorData, of?: string, shapes?: Case["shapes"]): Case => ({
  op, ...(of === undefined ? {} : { of }), ...(shapes === undefined ? {} : { shapes }),
  inputs: { a, b }, build: (g, { a, b }) => g.op(op, [a, b])
})
const ints = (g: Graph, ...values: Array<number>) => g.constant("int64", values)

const cases: Array<Case> = [
  binary("Add", x(2, 3), x(2, 3)),
  binary("Add", x(2, 1, 3), x(4, 1), "broadcast both ways"),
  binary("Add", x(2, 3), x(3), "broadcast with symbolic shapes", { a: ["A", "B"], b: ["C"] }),
  binary("Add", x(2, 3), x(2, 1), "broadcast with unknown rank", { a: undefined, b: undefined }),
  binary("Sub", x(2, 3), x(1, 3)),
  binary("Mul", x(2, 3), x(), "scalar"),
  binary("Div", x(2, 3), away(2, 1)),
  binary("Pow", positive(2, 3), x(3)),
  ...[1, 2, 3, 0.5, -1.5].map((exponent): Case => ({
    op: "Pow", of: `constant ${exponent}`, inputs: { x: positive(5) },
    build: (g, { x }) => g.op("Pow", [x, g.constant("float64", exponent)])
  })),
  ...["Min", "Max", "Sum"].map((op): Case => ({
    op, inputs: { a: distinct(2, 3), b: distinct(3), c: x(2, 1) }, build: (g, { a, b, c }) => g.op(op, [a, b, c])
  })),
  {
    op: "Clip", inputs: { x: distinct(9), low: f64([], [-1.23]), high: f64([], [1.31]) },
    build: (g, { x, low, high }) => g.op("Clip", [x, low, high])
  },
  { op: "Clip", of: "one bound", inputs: { x: distinct(9) }, build: (g, { x }) => g.op("Clip", [x, undefined, g.constant("float64", 0.77)]) },
  {
    op: "Where", inputs: { a: x(2, 3), b: x(3) },
    build: (g, { a, b }) => g.op("Where", [g.op("Greater", [a, g.constant("float64", 0.05)]), a, b])
  },
  unary("Neg", x(3)), unary("Abs", away(5)), unary("Exp", x(4)), unary("Log", positive(4)), unary("Sqrt", positive(4)),
  unary("Reciprocal", away(4)), unary("Sin", x(4)), unary("Cos", x(4)),
  unary("Sigmoid", x(4)), unary("Tanh", x(4)), unary("Relu", away(6)),
  { op: "Sigmoid", of: "times its input", inputs: { x: x(5) }, build: (g, { x }) => g.op("Mul", [g.op("Sigmoid", [x]), x]) },
  {
    op: "Sigmoid", of: "times its input, used twice", inputs: { x: x(5) },
    build: (g, { x }) => {
      const s = g.op("Sigmoid", [x])
      return g.op("Add", [g.op("Mul", [x, s]), s])
    }
  },
  unary("Softmax", x(2, 3, 4)), unary("Softmax", x(2, 3, 4), { axis: 1 }, "axis 1"),
  unary("LogSoftmax", x(2, 3, 4)), unary("LogSoftmax", x(2, 3, 4), { axis: 0 }, "axis 0"),
  ...["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"]
    .flatMap((op): Array<Case> => {
      const data = (): TensorData => op === "ReduceLogSum" ? positive(2, 3, 4) : op.startsWith("ReduceM") ? distinct(2, 3, 4) : away(2, 3, 4)
      const all: Array<Case> = [
        { op, of: "two axes", inputs: { x: data() }, build: (g, { x }) => g.op(op, [x, ints(g, 0, -1)], { keepdims: 0 }) },
        { op, of: "one axis, kept", inputs: { x: data() }, build: (g, { x }) => g.op(op, [x, ints(g, 1)]) },
        { op, of: "all axes", inputs: { x: data() }, build: (g, { x }) => g.op(op, [x], { keepdims: 0 }) },
        {
          op, of: "symbolic", inputs: { x: data() }, shapes: { x: ["A", "B", "C"] },
          build: (g, { x }) => g.op(op, [x, ints(g, 2)], { keepdims: 0 })
        },
        { op, of: "nothing", inputs: { x: data() }, build: (g, { x }) => g.op(op, [x], { noop_with_empty_axes: 1 }) }
      ]
      return all.filter(({ of }) => of !== "nothing" || op === "ReduceSum")
    }),
  {
    op: "ReduceMean", of: "unknown rank", inputs: { x: x(2, 3) }, shapes: { x: undefined },
    build: (g, { x }) => g.op("ReduceMean", [x, ints(g, 1)])
  },
  ...[{}, { exclusive: 1 }, { reverse: 1 }, { exclusive: 1, reverse: 1 }].map((attributes): Case => ({
    op: "CumSum", of: JSON.stringify(attributes), inputs: { x: x(3, 4) },
    build: (g, { x }) => g.op("CumSum", [x, g.constant("int64", 1)], attributes)
  })),
  binary("MatMul", x(3, 4), x(4, 5)),
  binary("MatMul", x(2, 3, 4), x(4, 5), "weight under a batch"),
  binary("MatMul", x(2, 3, 4), x(4, 5), "weight under a symbolic batch", { a: ["B", "T", 4] }),
  binary("MatMul", x(2, 3, 4), x(4, 5), "all symbolic", { a: ["B", "T", "D"], b: ["D", "F"] }),
  binary("MatMul", x(2, 1, 3, 4), x(5, 4, 2), "batches broadcast"),
  binary("MatMul", x(3, 4), x(5, 4, 2), "matrix under a batch"),
  binary("MatMul", x(4), x(5, 4, 2), "vector left"),
  binary("MatMul", x(5, 3, 4), x(4), "vector right"),
  binary("MatMul", x(4), x(4), "vectors"),
  binary("MatMul", x(2, 3, 4), x(2, 4, 5), "unknown ranks", { a: undefined, b: undefined }),
  ...[0, 1].flatMap((transA) => [0, 1].flatMap((transB): Array<Case> => {
    const dims = (trans: number, r: number, c: number) => trans === 1 ? [c, r] : [r, c]
    const of = `transA ${transA} transB ${transB}`
    return [
      {
        op: "Gemm", of, inputs: { a: x(...dims(transA, 3, 4)), b: x(...dims(transB, 4, 5)), c: x(5) },
        build: (g, { a, b, c }) => g.op("Gemm", [a, b, c], { transA, transB, alpha: float(0.5), beta: float(2) })
      },
      {
        op: "FusedMatMul", of, inputs: { a: x(2, ...dims(transA, 3, 4)), b: x(2, ...dims(transB, 4, 5)) },
        build: (g, { a, b }) => g.op("FusedMatMul", [a, b], { transA, transB, alpha: float(0.5) })
      },
      {
        op: "FusedMatMul", of: `${of}, weight`, inputs: { a: x(2, ...dims(transA, 3, 4)), b: x(...dims(transB, 4, 5)) },
        build: (g, { a, b }) => g.op("FusedMatMul", [a, b], { transA, transB })
      }
    ]
  })),
  ...([["ab,bc->ac", [2, 3], [3, 4]], ["abc,dc->bda", [2, 3, 4], [5, 4]], ["ab,cb->c", [2, 3], [4, 3]]] as const).map(
    ([equation, a, b]): Case => ({
      op: "Einsum", of: equation, inputs: { a: x(...a), b: x(...b) }, build: (g, { a, b }) => g.op("Einsum", [a, b], { equation })
    })
  ),
  unary("Identity", x(3)),
  {
    op: "Cast", inputs: { x: x(3) },
    build: (g, { x }) => g.op("Add", [x, g.op("Cast", [g.op("Cast", [x], { to: "float64" })], { to: "float64" })])
  },
  { op: "CastLike", inputs: { x: x(3), y: x(2) }, wrt: ["x"], build: (g, { x, y }) => g.op("CastLike", [x, y]) },
  { op: "Reshape", inputs: { x: x(2, 3, 4) }, build: (g, { x }) => g.op("Reshape", [x, ints(g, 0, -1)]) },
  { op: "Reshape", of: "symbolic", inputs: { x: x(2, 3, 4) }, shapes: { x: ["A", "B", "C"] }, build: (g, { x }) => g.op("Reshape", [x, ints(g, -1)]) },
  unary("Flatten", x(2, 3, 4)),
  { op: "Squeeze", inputs: { x: x(2, 1, 3) }, build: (g, { x }) => g.op("Squeeze", [x, ints(g, 1)]) },
  { op: "Unsqueeze", inputs: { x: x(2, 3) }, build: (g, { x }) => g.op("Unsqueeze", [x, ints(g, 0, 2)]) },
  unary("Transpose", x(2, 3, 4), { perm: [2, 0, 1] }), unary("Transpose", x(2, 3, 4), {}, "reversed"),
  {
    op: "Concat", inputs: { a: x(2, 3), b: x(2, 1), c: x(2, 2) }, build: (g, { a, b, c }) => g.op("Concat", [a, b, c], { axis: -1 })
  },
  {
    op: "Concat", of: "symbolic", inputs: { a: x(2, 3), b: x(1, 3) }, shapes: { a: ["A", 3], b: ["B", 3] },
    build: (g, { a, b }) => g.op("Concat", [a, b], { axis: 0 })
  },
  { op: "Split", inputs: { x: x(2, 6) }, build: (g, { x }) => g.ops("Split", [x, ints(g, 1, 2, 3)], 3, { axis: 1 }) },
  { op: "Split", of: "one part unused", inputs: { x: x(2, 6) }, build: (g, { x }) => g.ops("Split", [x, ints(g, 1, 2, 3)], 3, { axis: 1 })[1]! },
  { op: "Slice", inputs: { x: x(4, 5) }, build: (g, { x }) => g.op("Slice", [x, ints(g, 1, 0), ints(g, 3, 4), ints(g, 1, 0)]) },
  { op: "Slice", of: "negative", inputs: { x: x(4, 5) }, build: (g, { x }) => g.op("Slice", [x, ints(g, -3), ints(g, -1), ints(g, 1)]) },
  {
    op: "Slice", of: "past the end, symbolic", inputs: { x: x(4, 5) }, shapes: { x: ["A", "B"] },
    build: (g, { x }) => g.op("Slice", [x, ints(g, 2), ints(g, 99), ints(g, 0)])
  },
  {
    op: "Slice", of: "run-time starts", inputs: { x: x(4, 5), at: i64([1], [-2]) },
    build: (g, { x, at }) => g.op("Slice", [x, at, ints(g, 99), ints(g, 1)])
  },
  {
    op: "Slice", of: "steps", inputs: { x: x(4, 5) },
    build: (g, { x }) => g.op("Slice", [x, ints(g, 0, -1), ints(g, 4, -6), ints(g, 0, 1), ints(g, 3, -2)])
  },
  { op: "Expand", inputs: { x: x(2, 1) }, build: (g, { x }) => g.op("Expand", [x, ints(g, 3, 1, 4)]) },
  { op: "Expand", of: "run-time shape", inputs: { x: x(2, 1), to: i64([3], [3, 1, 4]) }, build: (g, { x, to }) => g.op("Expand", [x, to]) },
  { op: "Tile", inputs: { x: x(2, 3) }, build: (g, { x }) => g.op("Tile", [x, ints(g, 2, 3)]) },
  { op: "Pad", inputs: { x: x(2, 3) }, build: (g, { x }) => g.op("Pad", [x, ints(g, 1, 0, 0, 2)]) },
  { op: "Pad", of: "cropping, with axes", inputs: { x: x(3, 4) }, build: (g, { x }) => g.op("Pad", [x, ints(g, -1, 2), undefined, ints(g, 1)]) },
  unary("Trilu", x(3, 4)), unary("Trilu", x(3, 4), { upper: 0 }, "lower"),
  ...([["rank 1", 0, [4], [0, 3, 3, -1]], ["scalar", 1, [], [2]], ["rank 2", 1, [2, 2], [2, 0, 1, 2]], ["rank 2, axis 0", 0, [3, 1], [1, 1, 0]]] as const)
    .map(([of, axis, dims, values]): Case => ({
      op: "Gather", of, inputs: { x: x(4, 3, 2), at: i64(dims, values) }, build: (g, { x, at }) => g.op("Gather", [x, at], { axis })
    })),
  {
    op: "Gather", of: "embedding, symbolic", inputs: { x: x(5, 3), at: i64([2, 3], [4, 0, 0, 1, 4, 4]) }, shapes: { at: ["B", "T"] },
    build: (g, { x, at }) => g.op("Gather", [x, at])
  },
  {
    op: "GatherElements", inputs: { x: x(3, 4), at: i64([3, 2], [0, 0, 3, -1, 1, 2]) },
    build: (g, { x, at }) => g.op("GatherElements", [x, at], { axis: 1 })
  },
  { op: "GatherND", inputs: { x: x(3, 4, 2), at: i64([4, 2], [0, 1, 2, 3, 0, 1, -1, -2]) }, build: (g, { x, at }) => g.op("GatherND", [x, at]) },
  {
    op: "GatherND", of: "batched", inputs: { x: x(2, 3, 4), at: i64([2, 3, 1], [0, 2, 2, 1, 1, -3]) },
    build: (g, { x, at }) => g.op("GatherND", [x, at], { batch_dims: 1 })
  },
  {
    op: "GatherND", of: "symbolic", inputs: { x: x(3, 4, 2), at: i64([2, 1], [1, 1]) }, shapes: { x: ["A", "B", "C"], at: ["N", 1] },
    build: (g, { x, at }) => g.op("GatherND", [x, at])
  },
  ...(["none", "add"] as const).flatMap((reduction): Array<Case> => [
    {
      op: "ScatterElements", of: reduction, inputs: { x: x(3, 4), at: i64([3, 2], [0, 3, 2, 1, 1, 2]), u: x(3, 2) },
      build: (g, { x, at, u }) => g.op("ScatterElements", [x, at, u], { axis: 1, reduction })
    },
    {
      op: "ScatterND", of: reduction, inputs: { x: x(4, 3), at: i64([2, 1], [3, 0]), u: x(2, 3) },
      build: (g, { x, at, u }) => g.op("ScatterND", [x, at, u], { reduction })
    }
  ]),
  { op: "TopK", inputs: { x: distinct(2, 5) }, build: (g, { x }) => g.ops("TopK", [x, ints(g, 3)], 2)[0]! },
  {
    op: "LayerNormalization", inputs: { x: x(2, 3, 4), w: x(4), b: x(4) },
    build: (g, { x, w, b }) => g.op("LayerNormalization", [x, w, b], { epsilon: float(1e-3) })
  },
  {
    op: "LayerNormalization", of: "two axes, symbolic, no bias", inputs: { x: x(2, 3, 4), w: x(3, 4) }, shapes: { x: ["B", 3, 4] },
    build: (g, { x, w }) => g.op("LayerNormalization", [x, w], { axis: 1 })
  },
  {
    op: "SimplifiedLayerNormalization", inputs: { x: x(2, 3, 4), w: x(4) },
    build: (g, { x, w }) => g.op("SimplifiedLayerNormalization", [x, w], { epsilon: float(1e-3) })
  },
  {
    op: "SimplifiedLayerNormalization", of: "saved deviation, symbolic", inputs: { x: x(6, 4), w: x(4) }, shapes: { x: ["N", 4] },
    build: (g, { x, w }) => g.ops("SimplifiedLayerNormalization", [x, w], 2, { epsilon: float(1e-3) })[0]!
  },
  {
    op: "RMSNormalization", of: "two axes", inputs: { x: x(2, 3, 4), w: x(3, 4) }, opset: 23,
    build: (g, { x, w }) => g.op("RMSNormalization", [x, w], { axis: 1 })
  },
  {
    op: "RMSNormalization", inputs: { x: x(2, 3, 4), w: x(4) }, opset: 23,
    build: (g, { x, w }) => g.op("RMSNormalization", [x, w], { epsilon: float(1e-3) })
  },
  ...(["mean", "sum", "none"] as const).flatMap((reduction): Array<Case> => [
    {
      op: "SoftmaxCrossEntropyLoss", of: reduction, inputs: { x: x(4, 5), t: i64([4], [0, 4, 2, 1]), w: positive(5) }, wrt: ["x"],
      build: (g, { x, t, w }) => g.op("SoftmaxCrossEntropyLoss", [x, t, w], { reduction, ignore_index: 4 })
    },
    {
      op: "NegativeLogLikelihoodLoss", of: reduction, inputs: { x: x(2, 5, 3), t: i64([2, 3], [0, 4, 2, 1, 0, 3]) },
      build: (g, { x, t }) =>
        g.op("NegativeLogLikelihoodLoss", [x, t], { reduction, ignore_index: 0 }, {
          types: [{ type: "float64", shape: reduction === "none" ? [2, 3] : [] }]
        })
    }
  ]),
  {
    op: "SoftmaxCrossEntropyLoss", of: "with log_prob", inputs: { x: x(4, 5), t: i64([4], [0, 4, 2, 1]) },
    build: (g, { x, t }) => g.ops("SoftmaxCrossEntropyLoss", [x, t], 2)
  },
  { op: "Pow", of: "constant 0 at 0", inputs: { x: f64([3], [0, 1, 2]) }, build: (g, { x }) => g.op("Pow", [x, g.constant("float64", 0)]) },
  { op: "Pow", of: "an exponent of 0 at 0", inputs: { x: f64([3], [0, 1, 2]) }, build: (g, { x }) => g.op("Pow", [x, g.constant("float64", [0, 2, 3])]) },
  { op: "ReduceL2", of: "zeros", inputs: { x: f64([2, 2], [0, 0, 1, 2]) }, build: (g, { x }) => g.op("ReduceL2", [x, ints(g, 1)]) },
  ...["ReduceMean", "ReduceMax", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"].map((op): Case => ({
    op, of: "nothing", inputs: { x: positive(2, 3) }, build: (g, { x }) => g.op(op, [x], { noop_with_empty_axes: 1, keepdims: 0 })
  })),
  {
    op: "CastLike", of: "to the type of a trained value", inputs: { x: x(3) },
    build: (g, { x }) => g.op("Mul", [x, g.op("CastLike", [g.constant("float32", 2), x])])
  },
  ...([["constant", [1], [3]], ["negative", [-3], [-1]]] as const).map(([of, start, end]): Case => ({
    op: "Slice", of: `${of} int32`, inputs: { x: x(4, 5) },
    build: (g, { x }) => g.op("Slice", [x, g.constant("int32", start), g.constant("int32", end), g.constant("int32", [1])])
  })),
  {
    op: "Slice", of: "int32 steps", inputs: { x: x(4, 5) },
    build: (g, { x }) => g.op("Slice", [x, ...[1, 5, 1, 2].map((value) => g.constant("int32", [value]))])
  },
  {
    // What torch.onnx writes without constant folding.
    op: "Slice", of: "computed starts and axes", inputs: { x: x(4, 5) },
    build: (g, { x }) => {
      const vector = (value: number) => g.op("Unsqueeze", [g.constant("int64", value), ints(g, 0)])
      return g.op("Slice", [x, vector(1), vector(3), vector(1), vector(1)])
    }
  },
  {
    op: "Slice", of: "nothing left", inputs: { x: x(4, 5) },
    build: (g, { x }) => [g.op("Slice", [x, ints(g, 9), ints(g, 12), ints(g, 1)]), g.op("Exp", [x])]
  },
  {
    op: "Squeeze", of: "no elements", inputs: { x: x(1, 0, 3), y: x(2) },
    build: (g, { x, y }) => [g.op("Squeeze", [x, ints(g, 0)]), g.op("Exp", [y])]
  },
  { op: "RMSNormalization", of: "one scale", inputs: { x: x(2, 4), w: x(1) }, opset: 23, build: (g, { x, w }) => g.op("RMSNormalization", [x, w]) }
]
void floats

describe("every rule against central differences in float64", () => {
  test.each(cases.map((c) => [`${c.op}${c.of === undefined ? "" : ` (${c.of})`}`, c] as const))("%s", async (_, c) => {
    const { build, inputs, opset, shapes, wrt } = c
    const checks = await checkGrads({
      build, inputs, runner: ort.runner,
      ...(opset === undefined ? {} : { opset }), ...(shapes === undefined ? {} : { shapes }), ...(wrt === undefined ? {} : { wrt })
    })
    for (const check of checks) expect(check).toMatchObject({ relativeError: expect.closeTo(0, 8) })
  })
})
void rules
void nonDifferentiable
