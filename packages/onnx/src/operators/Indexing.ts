import { isTensor } from "../Attribute.ts"
import type { Dim } from "../Dim.ts"
import type { Inference } from "../Inference.ts"
import { operator, type OperatorTable } from "../Operator.ts"
import type { Shape } from "../Shape.ts"
import { contentsOf, maxContents } from "../TensorData.ts"

const integers = ["int64", "int32"] as const

const gathered = (node: Inference): Shape | undefined => {
  node.expectType(1, ...integers)
  const data = node.shape(0)
  const indices = node.shape(1)
  if (data?.length === 0) node.fail("input 0 is a scalar", "Gather from rank 1 or more")
  if (data === undefined || indices === undefined) return undefined
  const axis = node.axis(node.int("axis", 0), data.length)
  const size = data[axis]!
  for (const index of node.numbers(1) ?? []) {
    if (typeof size === "number" && (index >= size || index < -size)) {
      node.fail(`index ${index} is outside the ${size} elements of axis ${axis}`, "Correct the index")
    }
  }
  return [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]
}

const gatheredContents = (node: Inference): ReadonlyArray<Dim> | undefined => {
  const contents = node.contents(0)
  const picked = node.numbers(1)?.map((index) => contents?.at(index))
  return picked?.every((dim) => dim !== undefined) === true ? picked : undefined
}

/** Rank of input `index`, which must equal that of input 0. */
const sameRank = (node: Inference, index: number): void => {
  const [data, other] = [node.shape(0), node.shape(index)]
  if (data !== undefined && other !== undefined && data.length !== other.length) {
    node.fail(`inputs 0 and ${index} have ranks ${data.length} and ${other.length}`, "Give both the same rank")
  }
}

const gatherND = (node: Inference): Shape | undefined => {
  node.expectType(1, "int64")
  const [data, indices] = [node.shape(0), node.shape(1)]
  const depth = indices?.at(-1)
  if (data === undefined || indices === undefined || typeof depth !== "number") return undefined
  const batch = node.int("batch_dims", 0)
  if (batch + depth > data.length) {
    node.fail(
      `indices of length ${depth} after ${batch} batch axes exceed rank ${data.length}`,
      "Shorten the last axis of indices"
    )
  }
  return [...indices.slice(0, -1), ...data.slice(batch + depth)]
}

/** Data with some elements replaced: the type and shape of input 0. */
const scattered = (check: (node: Inference) => void) => (node: Inference) => {
  check(node)
  return { type: node.sameType(0, 2), shape: node.shape(0) }
}

export const indexing: OperatorTable = {
  Gather: operator([2, 2], { axis: "int" }, (node) => ({ type: node.type(0), shape: gathered(node) }), {
    contents: gatheredContents
  }),
  GatherElements: operator([2, 2], { axis: "int" }, (node) => {
    node.expectType(1, ...integers)
    sameRank(node, 1)
    const rank = node.shape(0)?.length
    if (rank !== undefined) node.axis(node.int("axis", 0), rank)
    return { type: node.type(0), shape: node.shape(1) }
  }),
  GatherND: operator([2, 2], { batch_dims: "int" }, (node) => ({ type: node.type(0), shape: gatherND(node) })),
  ScatterElements: operator(
    [3, 3],
    { axis: "int", reduction: "string" },
    scattered((node) => {
      node.expectType(1, ...integers)
      sameRank(node, 1)
      sameRank(node, 2)
      const [indices, updates] = [node.shape(1), node.shape(2)]
      indices?.forEach((dim, i) => node.unify([dim, updates?.[i] ?? dim], `dimension ${i} of indices and updates`))
    })
  ),
  ScatterND: operator(
    [3, 3],
    { reduction: "string" },
    scattered((node) => {
      node.expectType(1, "int64")
      const [data, indices, updates] = [node.shape(0), node.shape(1), node.shape(2)]
      const depth = indices?.at(-1)
      if (data === undefined || indices === undefined || updates === undefined || typeof depth !== "number") return
      const expected = [...indices.slice(0, -1), ...data.slice(depth)]
      if (expected.length !== updates.length) {
        node.fail(
          `updates have rank ${updates.length}, not ${expected.length}`,
          `Give updates [${expected.join(", ")}]`
        )
      }
      expected.forEach((dim, i) => node.unify([dim, updates[i]!], `dimension ${i} of updates`))
    })
  ),
  OneHot: operator([3, 3], { axis: "int" }, (node) => {
    const shape = node.shape(0)
    const depth = node.contents(1)?.[0]
    const type = node.type(2)
    if (shape === undefined) return { type, shape }
    const axis = node.axis(node.int("axis", -1), shape.length + 1)
    return { type, shape: [...shape.slice(0, axis), depth ?? node.fresh(), ...shape.slice(axis)] }
  }),
  NonZero: operator(
    [1, 1],
    {},
    (node) => ({ type: "int64", shape: [node.shape(0)?.length ?? node.fresh(), node.fresh()] })
  ),
  Constant: operator(
    [0, 0],
    {
      value: "tensor",
      value_float: "float",
      value_floats: "floats",
      value_int: "int",
      value_ints: "ints",
      value_string: "string",
      value_strings: "strings"
    },
    (node) => {
      const { value, value_float, value_floats, value_int, value_ints, value_string, value_strings } = node.attributes
      if (value !== undefined && isTensor(value)) return { type: value.type, shape: value.dims }
      if (value_float !== undefined) return { type: "float32", shape: [] }
      if (value_floats !== undefined) {
        return { type: "float32", shape: [lengthOf((value_floats as { float: unknown }).float)] }
      }
      if (value_int !== undefined) return { type: "int64", shape: [] }
      if (value_ints !== undefined) return { type: "int64", shape: [lengthOf(value_ints)] }
      if (value_string !== undefined) return { type: "string", shape: [] }
      if (value_strings !== undefined) return { type: "string", shape: [lengthOf(value_strings)] }
      return node.fail("no value", "Give one of its attributes")
    },
    {
      contents: ({ attributes: { value, value_int, value_ints } }) => {
        if (value !== undefined && isTensor(value)) return contentsOf(value)
        if (typeof value_int === "number") return [value_int]
        return value_ints as ReadonlyArray<number> | undefined
      }
    }
  ),
  ConstantOfShape: operator([1, 1], { value: "tensor" }, (node) => {
    node.expectType(0, "int64")
    const { value } = node.attributes
    const length = node.ranked(0, 1)?.[0]
    return {
      type: value !== undefined && isTensor(value) ? value.type : "float32",
      shape: node.contents(0) ?? (typeof length === "number" ? node.unknownShape(length) : undefined)
    }
  }, {
    contents: (node) => {
      const { value } = node.attributes
      const [length] = node.contents(0) ?? []
      const element = value !== undefined && isTensor(value) ? contentsOf(value)?.[0] : undefined
      return typeof length === "number" && length <= maxContents && element !== undefined
        ? Array.from({ length }, () => element)
        : undefined
    }
  }),
  EyeLike: operator([1, 1], { dtype: "elementType", k: "int" }, (node) => ({
    type: node.elementType("dtype") ?? node.type(0),
    shape: node.ranked(0, 2)
  }))
}

const lengthOf = (list: unknown): number => Array.isArray(list) ? list.length : 0
