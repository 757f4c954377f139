import { addDims, differentDims, type Dim, divideDims, multiplyDims, sameDim, subtractDims } from "../Dim.ts"
import { type ElementType, floatTypes, numericTypes } from "../ElementType.ts"
import type { Inference } from "../Inference.ts"
import { operator, type Operator, type OperatorTable, table, variadic } from "../Operator.ts"

const signedTypes: ReadonlyArray<ElementType> = [...floatTypes, "int64", "int32", "int16", "int8"]

const unary = (types: ReadonlyArray<ElementType>, attributes = {}, more = {}) =>
  operator([1, 1], attributes, (node) => {
    node.expectType(0, ...types)
    return { type: node.type(0), shape: node.shape(0) }
  }, more)

const indices = (node: Inference) => node.inputs.map((_, i) => i)

const checked = (node: Inference, types: ReadonlyArray<ElementType>): ElementType => {
  node.expectType(0, ...types)
  return node.sameType(...indices(node))
}

/** Arithmetic on the contents of integer tensors, element by element; scalars broadcast. */
const zip = (f: (a: Dim, b: Dim) => Dim | undefined) => (node: Inference): ReadonlyArray<Dim> | undefined => {
  const a = node.contents(0)
  const b = node.contents(1)
  if (a === undefined || b === undefined || a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined
  const dims = Array.from(
    { length: Math.max(a.length, b.length) },
    (_, i) => f(a.length === 1 ? a[0]! : a[i]!, b.length === 1 ? b[0]! : b[i]!)
  )
  return dims.every((dim) => dim !== undefined) ? dims : undefined
}

const binary = (types: ReadonlyArray<ElementType>, f?: (a: Dim, b: Dim) => Dim | undefined, attributes = {}) =>
  operator(
    [2, 2],
    attributes,
    (node) => ({ type: checked(node, types), shape: node.broadcast(0, 1) }),
    f === undefined ? {} : { contents: zip(f) }
  )

const compare = (
  types: ReadonlyArray<ElementType>,
  more: { readonly contents?: NonNullable<Operator["contents"]> } = {}
) =>
  operator([2, 2], {}, (node) => {
    checked(node, types)
    return { type: "bool", shape: node.broadcast(0, 1) }
  }, more)

const many = operator([1, variadic], {}, (node) => ({
  type: checked(node, numericTypes),
  shape: node.broadcast(...indices(node))
}))

/** Integer division rounds towards zero, so only exact quotients and pairs of non-negative numbers are known. */
const quotient = (a: Dim, b: Dim): Dim | undefined =>
  typeof a === "number" && typeof b === "number" && b !== 0 ? Math.trunc(a / b) : divideDims(a, b)

const numbersOnly = (f: (a: number, b: number) => number | undefined) => (a: Dim, b: Dim): Dim | undefined =>
  typeof a === "number" && typeof b === "number" ? f(a, b) : undefined

/** Exporters write "-1 means as it was" as Where(Equal(given, -1), actual, given). */
const chosen = (node: Inference): ReadonlyArray<Dim> | undefined => {
  const [condition, yes, no] = [node.contents(0), node.contents(1), node.contents(2)]
  if (condition === undefined || yes === undefined || no === undefined) return undefined
  const length = Math.max(condition.length, yes.length, no.length)
  const at = (dims: ReadonlyArray<Dim>, i: number): Dim => dims.length === 1 ? dims[0]! : dims[i]!
  return Array.from({ length }, (_, i) => at(condition, i) === 1 ? at(yes, i) : at(no, i))
}

/** 1 or 0 where two integers are known to be equal or not; a size is never negative. */
const equality = (node: Inference): ReadonlyArray<Dim> | undefined =>
  zip((a, b) => {
    if (sameDim(a, b)) return 1
    const negative = [a, b].some((dim) => typeof dim === "number" && dim < 0)
    const size = [a, b].some((dim) => typeof dim === "string" && !dim.includes("-"))
    return differentDims(a, b) || negative && size ? 0 : undefined
  })(node)

const keepContents = { contents: (node: Inference) => node.contents(0) }
const anyType: ReadonlyArray<ElementType> = [...numericTypes, "bool", "string"]

export const elementwise: OperatorTable = {
  ...table(
    [
      "Exp",
      "Log",
      "Sqrt",
      "Reciprocal",
      "Sin",
      "Cos",
      "Tan",
      "Asin",
      "Acos",
      "Atan",
      "Sinh",
      "Cosh",
      "Asinh",
      "Acosh",
      "Atanh",
      "Sigmoid",
      "Tanh",
      "Softplus",
      "Softsign",
      "HardSwish",
      "Mish",
      "Floor",
      "Ceil",
      "Round"
    ],
    unary(floatTypes)
  ),
  ...table(["Neg", "Relu"], unary(signedTypes)),
  ...table(["Abs", "Sign", "Erf"], unary(numericTypes)),
  ...table(["Elu", "LeakyRelu", "ThresholdedRelu", "Celu"], unary(floatTypes, { alpha: "float" })),
  Selu: unary(floatTypes, { alpha: "float", gamma: "float" }),
  HardSigmoid: unary(floatTypes, { alpha: "float", beta: "float" }),
  Gelu: unary(floatTypes, { approximate: "string" }),
  Swish: unary(floatTypes, { alpha: "float" }, { since: 24 }),
  Not: unary(["bool"]),
  Identity: unary(anyType, {}, keepContents),
  Add: binary(numericTypes, addDims),
  Sub: binary(numericTypes, subtractDims),
  Mul: binary(numericTypes, multiplyDims),
  Div: binary(numericTypes, quotient),
  Mod: binary(numericTypes, numbersOnly((a, b) => a >= 0 && b > 0 ? a % b : undefined), { fmod: "int" }),
  PRelu: operator([2, 2], {}, (node) => {
    // Unlike in arithmetic, the slope broadcasts to the input and not the other way round.
    const type = checked(node, numericTypes)
    const [shape, slope] = [node.shape(0), node.shape(1)]
    if (shape !== undefined && slope !== undefined && slope.length > shape.length) {
      node.fail(`a slope of rank ${slope.length} for rank ${shape.length}`, "Reshape the slope")
    }
    node.broadcast(0, 1)
    return { type, shape }
  }),
  Pow: operator([2, 2], {}, (node) => {
    node.expectType(0, ...numericTypes)
    node.expectType(1, ...numericTypes)
    return { type: node.type(0), shape: node.broadcast(0, 1) }
  }),
  ...table(["Min", "Max", "Sum", "Mean"], many),
  Equal: compare(anyType, { contents: equality }),
  ...table(["Less", "LessOrEqual", "Greater", "GreaterOrEqual"], compare(numericTypes)),
  ...table(["And", "Or", "Xor"], compare(["bool"])),
  Where: operator([3, 3], {}, (node) => {
    node.expectType(0, "bool")
    return { type: node.sameType(1, 2), shape: node.broadcast(0, 1, 2) }
  }, { contents: chosen }),
  Clip: operator([1, 3], {}, (node) => {
    for (const bound of [1, 2]) {
      // ONNX asks for scalars; files have [1] too, which ONNX Runtime takes as such.
      const dim = node.has(bound) ? node.ranked(bound, 0, 1)?.[0] : undefined
      if (dim !== undefined) node.unify([1, dim], `the elements of bound ${bound}`)
    }
    return { type: checked(node, numericTypes), shape: node.shape(0) }
  }),
  ...table(["IsNaN"], operator([1, 1], {}, (node) => ({ type: "bool", shape: node.shape(0) }))),
  IsInf: operator([1, 1], { detect_negative: "int", detect_positive: "int" }, (node) => {
    node.expectType(0, ...floatTypes)
    return { type: "bool", shape: node.shape(0) }
  }),
  Cast: operator([1, 1], { to: "elementType", saturate: "int" }, (node) => ({
    type: node.elementType("to") ?? node.fail("attribute to is missing", "Give to: an element type"),
    shape: node.shape(0)
  }), { contents: (node) => node.elementType("to") === "bool" ? undefined : node.contents(0) }),
  CastLike: operator([2, 2], { saturate: "int" }, (node) => ({ type: node.type(1), shape: node.shape(0) }))
}
