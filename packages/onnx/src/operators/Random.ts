import { elementSize, floatTypes } from "../ElementType.ts"
import { operator, type OperatorTable, table } from "../Operator.ts"

const seeded = { seed: "float" } as const

export const random: OperatorTable = {
  ...table(
    ["RandomUniformLike"],
    operator([1, 1], { ...seeded, dtype: "elementType", low: "float", high: "float" }, (node) => ({
      type: node.elementType("dtype") ?? node.type(0),
      shape: node.shape(0)
    }))
  ),
  RandomNormalLike: operator([1, 1], { ...seeded, dtype: "elementType", mean: "float", scale: "float" }, (node) => ({
    type: node.elementType("dtype") ?? node.type(0),
    shape: node.shape(0)
  })),
  RandomUniform: operator(
    [0, 0],
    { ...seeded, dtype: "elementType", low: "float", high: "float", shape: "ints" },
    (node) => ({
      type: node.elementType("dtype") ?? "float32",
      shape: node.ints("shape") ?? node.fail("attribute shape is missing", "Give the integers of shape")
    })
  ),
  Bernoulli: operator([1, 1], { ...seeded, dtype: "elementType" }, (node) => ({
    type: node.elementType("dtype") ?? node.type(0),
    shape: node.shape(0)
  })),
  Multinomial: operator([1, 1], { ...seeded, dtype: "elementType", sample_size: "int" }, (node) => {
    const shape = node.ranked(0, 2)
    return {
      type: node.elementType("dtype") ?? "int32",
      shape: [shape?.[0] ?? node.fresh(), node.int("sample_size", 1)]
    }
  }),
  Dropout: {
    inputs: [1, 3],
    outputs: [1, 2],
    attributes: { seed: "int" },
    infer: (node) => {
      node.expectType(0, ...floatTypes)
      node.expectType(2, "bool")
      return [{ type: node.type(0), shape: node.shape(0) }, { type: "bool", shape: node.shape(0) }]
    }
  },
  SoftmaxCrossEntropyLoss: {
    inputs: [2, 3],
    outputs: [1, 2],
    attributes: { ignore_index: "int", reduction: "string" },
    infer: (node) => {
      node.expectType(1, "int64", "int32")
      const type = node.sameType(0, 2)
      const scores = node.shape(0)
      const labels = node.shape(1)
      if (scores !== undefined && labels !== undefined) {
        const expected = [scores[0]!, ...scores.slice(2)]
        if (expected.length !== labels.length) {
          node.fail(
            `labels have rank ${labels.length}, not ${expected.length}`,
            "Scores are [N, C, ...], labels [N, ...]"
          )
        }
        expected.forEach((dim, i) => node.unify([dim, labels[i]!], `dimension ${i} of labels`))
      }
      return [{ type, shape: node.string("reduction", "mean") === "none" ? labels : [] }, { type, shape: scores }]
    }
  },
  BitCast: operator([1, 1], { to: "elementType" }, (node) => {
    const to = node.elementType("to") ?? node.fail("attribute to is missing", "Give to: an element type")
    if (elementSize(to) !== elementSize(node.type(0))) {
      node.fail(`${node.type(0)} and ${to} differ in size`, "Choose a type of the same size")
    }
    return { type: to, shape: node.shape(0) }
  }, { since: 26 })
}
