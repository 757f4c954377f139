import type { Value } from "@ifrl/onnx"
import { artifactError } from "../ArtifactError.ts"
import type { Emit } from "../Emit.ts"
import { into, type Lazy, microsoft, type Rule, type Rules } from "../Rule.ts"

interface Product {
  readonly alpha: number
  readonly transA: boolean
  readonly transB: boolean
}

/** y = alpha op(a) op(b) on matrices; the gradients can add themselves to a total through Gemm's C. */
const matrices = (g: Emit, a: Value, b: Value, dy: Value, { alpha, transA, transB }: Product): Array<Lazy> => [
  into((total) =>
    transA
      ? g.gemm(b, dy, { transA: transB, transB: true, alpha }, total)
      : g.gemm(dy, b, { transB: !transB, alpha }, total)
  ),
  into((total) =>
    transB
      ? g.gemm(dy, a, { transA: true, transB: transA, alpha }, total)
      : g.gemm(a, dy, { transA: !transA, alpha }, total)
  )
]

/** The same, batched over leading axes, of which one operand may lack some. */
const batched = (g: Emit, a: Value, b: Value, dy: Value, { alpha, transA, transB }: Product): Array<Lazy> => [
  () =>
    transA
      ? g.matmul(b, dy, { transA: transB, transB: true, alpha })
      : g.matmul(dy, b, { transB: !transB, alpha }),
  () =>
    transB
      ? g.matmul(dy, a, { transA: true, transB: transA, alpha })
      : g.matmul(a, dy, { transA: !transA, alpha })
]

const product = (g: Emit, a: Value, b: Value, dy: Value, options: Product): Array<Lazy> => {
  if (a.shape?.length === 1 || b.shape?.length === 1) {
    const row = a.shape?.length === 1 ? g.unsqueeze(a, [0]) : a
    const column = b.shape?.length === 1 ? g.unsqueeze(b, [1]) : b
    const lost = [...(row === a ? [] : [-2]), ...(column === b ? [] : [-1])]
    const [da, db] = batched(g, row, column, g.unsqueeze(dy, lost), options) as [() => Value, () => Value]
    // A vector's gradient carries the axis that the product added; the column's has it last.
    return [da, column === b ? db : () => g.squeeze(db(), [-1])]
  }
  if (b.shape?.length !== 2 || a.shape === undefined) return batched(g, a, b, dy, options)
  if (a.shape.length === 2) return matrices(g, a, b, dy, options)
  if (options.transA) return batched(g, a, b, dy, options)
  // A weight under batched rows: fold the batch into the rows, so that its gradient is one Gemm.
  const [da] = batched(g, a, b, dy, options)
  return [da!, into((total) => (matrices(g, g.rows(a), b, g.rows(dy), options)[1] as ReturnType<typeof into>).into(total))]
}

const gemm: Rule = (site) => {
  const { dy, g, x: [a, b] } = site
  const options = { alpha: site.float("alpha", 1), transA: site.int("transA", 0) === 1, transB: site.int("transB", 0) === 1 }
  return [...matrices(g, a, b, dy, options), () => g.scale(dy, site.float("beta", 1))]
}

const fusedMatMul: Rule = (site) => {
  const { dy, g, node, x: [a, b] } = site
  if (site.int("transBatchA", 0) !== 0 || site.int("transBatchB", 0) !== 0) {
    throw artifactError(
      "MissingGradient",
      `FusedMatMul "${node.name}" has transBatchA or transBatchB, for which there is no gradient rule`,
      "Transpose its operands by Transpose nodes instead",
      { operator: node.opType, node: node.name }
    )
  }
  return product(g, a, b, dy, {
    alpha: site.float("alpha", 1),
    transA: site.int("transA", 0) === 1,
    transB: site.int("transB", 0) === 1
  })
}

/**
 * Of "ab,bc->ac" the gradient of the first operand is Einsum("ac,bc->ab", dy, other): output and operand swap places. A
 * label that only this operand has was summed away: its gradient is repeated along that axis.
 */
const einsum: Rule = (site) => {
  const { dy, g, node, x } = site
  const [left, output] = site.string("equation", "").replaceAll(/\s/g, "").split("->") as [string, string | undefined]
  const operands = left.split(",")
  const simple = output !== undefined && !left.includes(".") && [...operands, output].every((l) => new Set(l).size === l.length)
  if (!simple) {
    throw artifactError(
      "MissingGradient",
      `Einsum "${node.name}" has the equation "${site.string("equation", "")}"; the gradient rule takes an explicit output, ` +
        "no ellipsis and no label twice in an operand",
      "Write the equation so, or use MatMul and Transpose",
      { operator: node.opType, node: node.name }
    )
  }
  return operands.map((labels, i) => () => {
    const others = operands.filter((_, j) => j !== i)
    const known = [...labels].filter((label) => [output, ...others].some((text) => text.includes(label)))
    const equation = `${[output, ...others].join(",")}->${known.join("")}`
    const d = g.op("Einsum", [dy, ...x.filter((_, j) => j !== i)], { equation })
    if (known.length === labels.length) return d
    const lost = [...labels].flatMap((label, axis) => known.includes(label) ? [] : [axis])
    return g.expand(g.unsqueeze(d, lost), x[i]!)
  })
}

export const linear: Rules = {
  MatMul: ({ dy, g, x: [a, b] }) => product(g, a, b, dy, { alpha: 1, transA: false, transB: false }),
  Gemm: gemm,
  Einsum: einsum,
  ...microsoft({ FusedMatMul: fusedMatMul })
}
