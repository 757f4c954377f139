import type { Dim } from "../Dim.ts"
import { floatTypes, numericTypes } from "../ElementType.ts"
import type { Inference } from "../Inference.ts"
import { operator, type OperatorTable, variadic } from "../Operator.ts"
import { broadcast, type Shape } from "../Shape.ts"

const swapLast = (shape: Shape): Shape => [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!]

/** numpy's matmul on A and B, whose last two dims may be taken transposed. */
const matmul = (node: Inference, transA = false, transB = false): Shape | undefined => {
  const [a, b] = [node.shape(0), node.shape(1)]
  if (a === undefined || b === undefined) return undefined
  if (a.length === 0 || b.length === 0) {
    node.fail("a scalar can't be multiplied", "Use Mul, or give tensors of rank 1 or more")
  }
  const left = a.length === 1 ? [1, a[0]!] : transA ? swapLast(a) : a
  const right = b.length === 1 ? [b[0]!, 1] : transB ? swapLast(b) : b
  node.unify([left.at(-1)!, right.at(-2)!], "the inner dimensions")
  const batch = broadcast([left.slice(0, -2), right.slice(0, -2)], node.fresh)
  if (batch === "conflict") node.fail("the batch dimensions don't broadcast", "Make them equal or 1")
  const dims: Array<Dim> = [...batch!]
  if (a.length > 1) dims.push(left.at(-2)!)
  if (b.length > 1) dims.push(right.at(-1)!)
  return dims
}

export const products: OperatorTable = {
  MatMul: operator([2, 2], {}, (node) => {
    node.expectType(0, ...numericTypes)
    return { type: node.sameType(0, 1), shape: matmul(node) }
  }),
  Gemm: operator([2, 3], { alpha: "float", beta: "float", transA: "int", transB: "int" }, (node) => {
    const type = node.sameType(0, 1, 2)
    const a = node.ranked(0, 2)
    const b = node.ranked(1, 2)
    if (a === undefined || b === undefined) return { type, shape: undefined }
    const [m, k] = node.int("transA", 0) === 0 ? [a[0]!, a[1]!] : [a[1]!, a[0]!]
    const [k2, n] = node.int("transB", 0) === 0 ? [b[0]!, b[1]!] : [b[1]!, b[0]!]
    node.unify([k, k2], "the inner dimensions")
    const c = node.has(2) ? node.shape(2) : undefined
    if (c !== undefined) {
      const sum = broadcast([[m, n], c], node.fresh)
      if (sum === "conflict" || sum!.length > 2) {
        node.fail(`C doesn't broadcast to [${m}, ${n}]`, "Give C a shape that broadcasts to [M, N]")
      }
    }
    return { type, shape: [m, n] }
  }),
  Einsum: operator([1, variadic], { equation: "string" }, (node) => {
    const type = node.sameType(...node.inputs.map((_, i) => i))
    const equation = node.string("equation", "").replaceAll(" ", "")
    const [left, right] = equation.split("->")
    const terms = left!.split(",")
    if (terms.length !== node.inputs.length) {
      node.fail(
        `equation "${equation}" has ${terms.length} terms for ${node.inputs.length} inputs`,
        "Give one term an input"
      )
    }
    if (equation.includes(".")) return { type, shape: undefined }
    const sizes = new Map<string, Dim>()
    for (const [i, term] of terms.entries()) {
      const shape = node.ranked(i, term.length)
      for (const [axis, label] of [...term].entries()) {
        const dim = shape?.[axis] ?? node.fresh()
        const known = sizes.get(label)
        sizes.set(label, known === undefined ? dim : node.unify([known, dim], `label ${label}`))
      }
    }
    const labels = [...terms.join("")]
    const output = right ??
      labels.filter((label) => labels.indexOf(label) === labels.lastIndexOf(label)).sort().join("")
    return {
      type,
      shape: [...output].map((label) =>
        sizes.get(label) ?? node.fail(`label ${label} has no input`, "Correct the equation")
      )
    }
  })
}

export const fusedProducts: OperatorTable = {
  FusedMatMul: operator(
    [2, 2],
    { transA: "int", transB: "int", transBatchA: "int", transBatchB: "int", alpha: "float" },
    (node) => {
      node.expectType(0, ...floatTypes)
      const type = node.sameType(0, 1)
      const batched = node.int("transBatchA", 0) !== 0 || node.int("transBatchB", 0) !== 0
      const shape = batched ? undefined : matmul(node, node.int("transA", 0) !== 0, node.int("transB", 0) !== 0)
      return { type, shape }
    }
  )
}
