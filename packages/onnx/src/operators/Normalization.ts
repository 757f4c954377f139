import { type ElementType, floatTypes } from "../ElementType.ts"
import type { Inference, ValueType } from "../Inference.ts"
import { operator, type Operator, type OperatorTable } from "../Operator.ts"

/** The shape of the statistics of a normalization over the axes from `axis` on. */
const statistics = (node: Inference, type: ElementType): ValueType => {
  const shape = node.shape(0)
  if (shape === undefined) return { type, shape }
  const axis = node.axis(node.int("axis", -1), shape.length)
  return { type, shape: shape.map((dim, i) => i >= axis ? 1 : dim) }
}

/** Scale (and bias) have the size of the last axis when that is all they cover. */
const checkScale = (node: Inference, ...indices: ReadonlyArray<number>): void => {
  const last = node.shape(0)?.at(-1)
  for (const index of indices) {
    const dim = node.has(index) ? node.shape(index)?.at(-1) : undefined
    if (last !== undefined && dim !== undefined && dim !== 1) {
      node.unify([last, dim], `the last dimension of inputs 0 and ${index}`)
    }
  }
}

const layerNormalization = (inputs: readonly [number, number], outputs: number): Operator => ({
  inputs,
  outputs: [1, outputs],
  attributes: { axis: "int", epsilon: "float", stash_type: "elementType" },
  infer: (node) => {
    node.expectType(0, ...floatTypes)
    checkScale(node, 1, 2)
    const y = { type: node.type(1), shape: node.shape(0) }
    const stats = statistics(node, node.elementType("stash_type") ?? "float32")
    return [y, stats, stats].slice(0, outputs)
  }
})

/** (input + skip) normalized; output 3 is that sum. Outputs 1 and 2 hold statistics in training builds only. */
const skipLayerNormalization = (inputs: readonly [number, number], last: number): Operator => ({
  inputs,
  outputs: [1, 4],
  attributes: { epsilon: "float" },
  infer: (node) => {
    node.expectType(0, ...floatTypes)
    const type = node.sameType(...node.inputs.keys())
    checkScale(node, 1, 2, last)
    const shape = node.ranked(0, 2, 3)
    const stats = { type: "float32" as const, shape: shape?.map((dim, i) => i === shape.length - 1 ? 1 : dim) }
    return [{ type, shape }, stats, stats, { type, shape }]
  }
})

export const normalization: OperatorTable = {
  LayerNormalization: layerNormalization([2, 3], 3),
  // ONNX Runtime's name for RMS normalization, which it registers among the ONNX operators.
  SimplifiedLayerNormalization: layerNormalization([2, 2], 2),
  RMSNormalization: operator([2, 2], { axis: "int", epsilon: "float", stash_type: "elementType" }, (node) => {
    node.expectType(0, ...floatTypes)
    checkScale(node, 1)
    return { type: node.type(1), shape: node.shape(0) }
  }, { since: 23 })
}

export const fusedNormalization: OperatorTable = {
  SkipLayerNormalization: skipLayerNormalization([3, 5], 4),
  SkipSimplifiedLayerNormalization: skipLayerNormalization([3, 4], 3),
  ...Object.fromEntries(["QuickGelu", "FastGelu", "BiasGelu", "Gelu"].map((name) => [
    name,
    operator(
      name === "BiasGelu" ? [2, 2] : name === "FastGelu" ? [1, 2] : [1, 1],
      name === "QuickGelu" ? { alpha: "float" } : {},
      (node) => {
        node.expectType(0, ...floatTypes)
        checkScale(node, 1)
        return { type: node.sameType(...node.inputs.keys()), shape: node.shape(0) }
      }
    )
  ]))
}
