// The products with weights that a training step or a decode step cannot do without, in their own shapes and each with a
// weight of its own, and nothing else: what ONNX Runtime takes for them is a floor under what is built of them.
import { float, Graph, type Value } from "@ifrl/onnx"
import type { Shape } from "./Shape.ts"

interface Weight {
  readonly out: number
  readonly in: number
  /** Of the head, which decoding applies to the last token of a row only. */
  readonly head: boolean
}

const weightsOf = ({ heads, hidden, intermediate, kvHeads, layers, vocab }: Shape): ReadonlyArray<Weight> => {
  const kv = (hidden / heads) * kvHeads
  const layer = [[hidden, hidden], [kv, hidden], [kv, hidden], [hidden, hidden], [intermediate, hidden], [intermediate, hidden], [hidden, intermediate]]
  const weight = (head: boolean) => ([out, input]: ReadonlyArray<number>): Weight => ({ out: out!, in: input!, head })
  return [...Array.from({ length: layers }, () => layer.map(weight(false))).flat(), weight(true)([vocab, hidden])]
}

/** Rows that pass the layers, and rows that pass the head. */
export interface Rows {
  readonly layers: number
  readonly head: number
}

/** Every product forward and, for training, the two backward of each. All inputs are float32, their shapes known. */
export const productsGraph = (shape: Shape, rows: Rows, training: boolean): Graph => {
  const graph = new Graph("products")
  const operands = new Map<string, Value>()
  const operand = (kind: string, count: number, size: number): Value => {
    const name = `${kind}.${count}.${size}`
    const made = operands.get(name) ?? graph.input(name, "float32", [count, size])
    operands.set(name, made)
    return made
  }
  // One element of each product is read, so that none of them is left out.
  const corners: Array<Value> = []
  const corner = (product: Value) =>
    corners.push(graph.op("Slice", [product, graph.constant("int64", [0, 0]), graph.constant("int64", [1, 1])]))
  const fused = (a: Value, b: Value, transA: 0 | 1, transB: 0 | 1) => graph.op("FusedMatMul", [a, b], { transA, transB, alpha: float(1) })
  for (const [i, { head, in: input, out }] of weightsOf(shape).entries()) {
    const count = head ? rows.head : rows.layers
    const weight = graph.input(`weight.${i}`, "float32", [out, input])
    const x = operand("x", count, input)
    if (training) {
      const dy = operand("dy", count, out)
      corner(fused(x, weight, 0, 1))
      corner(graph.op("MatMul", [dy, weight]))
      corner(fused(dy, x, 1, 0))
    } else corner(count > 64 ? fused(x, weight, 0, 1) : fused(weight, x, 0, 1))
  }
  graph.output(graph.op("Sum", corners), "corners")
  return graph
}
