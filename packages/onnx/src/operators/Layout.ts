import { addDims, type Dim, divideDims, multiplyDims, productDims, subtractDims } from "../Dim.ts"
import { numericTypes } from "../ElementType.ts"
import type { Inference } from "../Inference.ts"
import { operator, type OperatorTable, variadic } from "../Operator.ts"
import { broadcast, type Shape } from "../Shape.ts"

const reshaped = (node: Inference): Shape | undefined => {
  node.expectType(1, "int64")
  const target = node.contents(1)
  const input = node.shape(0)
  if (target === undefined) {
    const length = node.ranked(1, 1)?.[0]
    return typeof length === "number" ? node.unknownShape(length) : undefined
  }
  const allowZero = node.int("allowzero", 0) !== 0
  const dims = target.map((dim, i): Dim => {
    if (dim !== 0 || allowZero) return dim
    if (input === undefined) return node.fresh()
    return input[i] ?? node.fail(`0 at position ${i} has no input dimension to copy`, "Give the size itself")
  })
  const holes = dims.filter((dim) => dim === -1).length
  if (holes > 1) node.fail("the shape has more than one -1", "Leave at most one dimension to be derived")
  const rest = productDims(dims.filter((dim) => dim !== -1))
  const total = input === undefined ? undefined : productDims(input)
  if (holes === 0) {
    if (typeof total === "number" && typeof rest === "number" && total !== rest) {
      node.fail(`${total} elements don't fill [${dims.join(", ")}]`, "Keep the number of elements")
    }
    return dims
  }
  if (typeof total === "number" && typeof rest === "number" && (rest === 0 || total % rest !== 0)) {
    node.fail(`${total} elements don't divide by the ${rest} of [${dims.join(", ")}]`, "Keep the number of elements")
  }
  const derived = total === undefined ? undefined : divideDims(total, rest)
  return dims.map((dim) => dim === -1 ? derived ?? node.fresh() : dim)
}

const unsqueezed = (node: Inference): Shape | undefined => {
  const shape = node.shape(0)
  const axes = node.axesOf(1)
  if (shape === undefined || axes === undefined || axes === "unknown") {
    const count = node.has(1) ? node.ranked(1, 0, 1)?.[0] : undefined
    return shape !== undefined && typeof count === "number" ? node.unknownShape(shape.length + count) : undefined
  }
  const rank = shape.length + axes.length
  const inserted = node.axes(axes, rank)
  const rest = [...shape]
  return Array.from({ length: rank }, (_, i) => inserted.includes(i) ? 1 : rest.shift()!)
}

const squeezed = (node: Inference): Shape | undefined => {
  const shape = node.shape(0)
  const given = node.axesOf(1)
  if (shape === undefined || given === "unknown") return undefined
  if (given === undefined) {
    return shape.every((dim) => typeof dim === "number")
      ? shape.filter((dim) => dim !== 1)
      : undefined
  }
  const axes = node.axes(given, shape.length)
  for (const axis of axes) {
    const dim = shape[axis]!
    if (typeof dim === "number" && dim !== 1) node.fail(`axis ${axis} has size ${dim}, not 1`, "Squeeze axes of size 1")
  }
  return shape.filter((_, i) => !axes.includes(i))
}

const concatenated = (node: Inference): Shape | undefined => {
  const shapes = node.inputs.map((_, i) => node.shape(i))
  const rank = shapes.find((shape) => shape !== undefined)?.length
  if (rank === undefined) return undefined
  const axis = node.axis(node.requiredInt("axis"), rank)
  for (const i of shapes.keys()) node.ranked(i, rank)
  return Array.from({ length: rank }, (_, i) => {
    const dims = shapes.map((shape) => shape?.[i] ?? node.fresh())
    if (i !== axis) return node.unify(dims, `dimension ${i}`)
    return shapes.includes(undefined) ? node.fresh() : dims.reduce(addDims)
  })
}

const split = (node: Inference) => {
  const type = node.type(0)
  const shape = node.shape(0)
  const parts = (sizes: (i: number) => Dim, axis: number) =>
    Array.from({ length: node.outputs }, (_, part) => ({
      type,
      shape: shape?.map((dim, i) => i === axis ? sizes(part) : dim)
    }))
  if (shape === undefined) return parts(() => 0, 0)
  const axis = node.axis(node.int("axis", 0), shape.length)
  const total = shape[axis]!
  const sizes = node.contents(1)
  if (sizes !== undefined) {
    if (sizes.length !== node.outputs) {
      node.fail(`${sizes.length} sizes for ${node.outputs} outputs`, "Give one size an output")
    }
    const sum = sizes.reduce(addDims, 0)
    if (typeof sum === "number" && typeof total === "number" && sum !== total) {
      node.fail(`the sizes add up to ${sum}, axis ${axis} has ${total}`, "Make the sizes add up")
    }
    return parts((part) => sizes[part]!, axis)
  }
  if (node.has(1)) return parts(() => node.fresh(), axis)
  if (node.requiredInt("num_outputs") !== node.outputs) {
    node.fail(`num_outputs is ${node.int("num_outputs", 0)} for ${node.outputs} outputs`, "Make them equal")
  }
  if (typeof total !== "number") return parts(() => divideDims(total, node.outputs) ?? node.fresh(), axis)
  const chunk = Math.ceil(total / node.outputs)
  return parts((part) => Math.max(0, Math.min(chunk, total - part * chunk)), axis)
}

const far = 2 ** 31 - 1
const nonNegative = (dim: Dim): boolean => typeof dim === "number" ? dim >= 0 : !dim.includes("-")

/**
 * How many elements start..end by step takes of a dimension, or undefined when that can't be told. Symbols stand for
 * sizes of at least 1, and a symbolic start or end is taken to lie within the dimension.
 */
const sliceLength = (dim: Dim, start: Dim, end: Dim, step: number): Dim | undefined => {
  if (typeof dim === "number" && typeof start === "number" && typeof end === "number") {
    const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x < 0 ? x + dim : x, low), high)
    const [from, to] = step > 0
      ? [clamp(start, 0, dim), clamp(end, 0, dim)]
      : [clamp(start, 0, dim - 1), clamp(end, -1, dim - 1)]
    return Math.max(0, Math.ceil((to - from) / step))
  }
  if (step !== 1 || !nonNegative(start)) return undefined
  const stop = typeof end === "number" && end >= far ? dim : end === -1 ? subtractDims(dim, 1) : end
  const within = (at: Dim) => typeof at === "string" || at <= 1
  // 1..-1 of a size of 1 is empty, not -1.
  if (end === -1 && start !== 0) return undefined
  return within(start) && (typeof stop === "string" || stop === 1) && (stop !== end || nonNegative(stop))
    ? subtractDims(stop, start)
    : undefined
}

const sliced = (node: Inference): Shape | undefined => {
  const shape = node.shape(0)
  if (shape === undefined) return undefined
  const starts = node.contents(1)
  const ends = node.contents(2)
  const given = node.has(3) ? node.numbers(3) ?? "unknown" : undefined
  const steps = node.has(4) ? node.numbers(4) ?? "unknown" : undefined
  if (given === "unknown") return node.unknownShape(shape.length)
  const count = starts?.length ?? ends?.length ?? node.inputs[1]?.shape?.[0]
  if (given === undefined && typeof count !== "number") return node.unknownShape(shape.length)
  const axes = node.axes(given ?? Array.from({ length: count as number }, (_, i) => i), shape.length)
  const out = [...shape]
  for (const [i, axis] of axes.entries()) {
    const [start, end] = [starts?.[i], ends?.[i]]
    const step = steps === undefined ? 1 : steps === "unknown" ? undefined : steps[i]
    if (step === 0) node.fail(`the step of axis ${axis} is 0`, "Use a step other than 0")
    out[axis] = start === undefined || end === undefined || step === undefined
      ? node.fresh()
      : sliceLength(shape[axis]!, start, end, step) ?? node.fresh()
  }
  return out
}

const slicedContents = (node: Inference): ReadonlyArray<Dim> | undefined => {
  const dims = node.contents(0)
  const [starts, ends] = [node.numbers(1), node.numbers(2)]
  const step = node.has(4) ? node.numbers(4)?.[0] : 1
  if (dims === undefined || starts?.length !== 1 || ends?.length !== 1 || step !== 1) return undefined
  return dims.slice(starts[0], ends[0])
}

const padded = (node: Inference): Shape | undefined => {
  const shape = node.shape(0)
  if (shape === undefined) return undefined
  const pads = node.contents(1)
  const given = node.has(3) ? node.numbers(3) ?? "unknown" : shape.map((_, i) => i)
  if (pads === undefined || given === "unknown") return node.unknownShape(shape.length)
  const axes = node.axes(given, shape.length)
  if (pads.length !== 2 * axes.length) {
    node.fail(`${pads.length} pads for ${axes.length} axes`, "Give a begin for each axis, then an end for each")
  }
  const out = [...shape]
  for (const [i, axis] of axes.entries()) out[axis] = addDims(addDims(out[axis]!, pads[i]!), pads[i + axes.length]!)
  return out
}

export const layout: OperatorTable = {
  Reshape: operator([2, 2], { allowzero: "int" }, (node) => ({ type: node.type(0), shape: reshaped(node) }), {
    contents: (node) => node.contents(0)
  }),
  Flatten: operator([1, 1], { axis: "int" }, (node) => {
    const shape = node.shape(0)
    if (shape === undefined) return { type: node.type(0), shape: node.unknownShape(2) }
    const at = node.int("axis", 1)
    const axis = at === shape.length ? at : node.axis(at, shape.length)
    return { type: node.type(0), shape: [productDims(shape.slice(0, axis)), productDims(shape.slice(axis))] }
  }),
  Transpose: operator([1, 1], { perm: "ints" }, (node) => {
    const shape = node.shape(0)
    const perm = node.ints("perm")
    if (shape === undefined) {
      return { type: node.type(0), shape: perm === undefined ? undefined : node.unknownShape(perm.length) }
    }
    if (perm === undefined) return { type: node.type(0), shape: shape.toReversed() }
    if (perm.length !== shape.length || node.axes(perm, shape.length).length !== shape.length) {
      node.fail(`perm [${perm.join(", ")}] is no permutation of ${shape.length} axes`, "Name every axis once")
    }
    return { type: node.type(0), shape: perm.map((axis) => shape[axis]!) }
  }),
  Squeeze: operator([1, 2], {}, (node) => {
    node.expectType(1, "int64")
    return { type: node.type(0), shape: squeezed(node) }
  }, { contents: (node) => node.contents(0) }),
  Unsqueeze: operator([2, 2], {}, (node) => {
    node.expectType(1, "int64")
    return { type: node.type(0), shape: unsqueezed(node) }
  }, { contents: (node) => node.contents(0) }),
  Concat: operator([1, variadic], { axis: "int" }, (node) => ({
    type: node.sameType(...node.inputs.keys()),
    shape: concatenated(node)
  }), {
    contents: (node) => {
      const parts = node.inputs.map((_, i) => node.contents(i))
      return parts.every((part) => part !== undefined) ? parts.flat() : undefined
    }
  }),
  Split: {
    inputs: [1, 2],
    outputs: [1, variadic],
    attributes: { axis: "int", num_outputs: "int" },
    infer: split
  },
  Slice: operator([3, 5], {}, (node) => ({
    type: node.type(0),
    shape: sliced(node)
  }), { contents: slicedContents }),
  Pad: operator([2, 4], { mode: "string" }, (node) => {
    node.expectType(1, "int64")
    node.sameType(0, 2)
    return { type: node.type(0), shape: padded(node) }
  }),
  Expand: operator([2, 2], {}, (node) => {
    node.expectType(1, "int64")
    const type = node.type(0)
    const target = node.contents(1)
    if (target === undefined) {
      const [rank, length] = [node.shape(0)?.length, node.ranked(1, 1)?.[0]]
      const known = rank !== undefined && typeof length === "number"
      return { type, shape: known ? node.unknownShape(Math.max(rank, length)) : undefined }
    }
    const shape = broadcast([node.shape(0), target], node.fresh)
    return shape === "conflict"
      ? node.fail(`input 0 doesn't expand to [${target.join(", ")}]`, "Dimensions must be equal or 1")
      : { type, shape }
  }),
  Tile: operator([2, 2], {}, (node) => {
    node.expectType(1, "int64")
    const shape = node.shape(0)
    const repeats = node.contents(1)
    if (repeats !== undefined && shape !== undefined && repeats.length !== shape.length) {
      node.fail(`${repeats.length} repeats for rank ${shape.length}`, "Give one repeat an axis")
    }
    return {
      type: node.type(0),
      shape: shape?.map((dim, i) => repeats === undefined ? node.fresh() : multiplyDims(dim, repeats[i]!))
    }
  }),
  Trilu: operator([1, 2], { upper: "int" }, (node) => {
    node.expectType(1, "int64")
    return { type: node.type(0), shape: node.shape(0) }
  }),
  Shape: operator([1, 1], { start: "int", end: "int" }, (node) => {
    const dims = node.shape(0)?.slice(node.int("start", 0), node.optionalInt("end"))
    return { type: "int64", shape: [dims?.length ?? node.fresh()] }
  }, { contents: (node) => node.shape(0)?.slice(node.int("start", 0), node.optionalInt("end")) }),
  Size: operator([1, 1], {}, () => ({ type: "int64", shape: [] }), {
    contents: (node) => {
      const count = node.count(0)
      return count === undefined ? undefined : [count]
    }
  }),
  Range: operator([3, 3], {}, (node) => {
    node.expectType(0, ...numericTypes)
    const type = node.sameType(0, 1, 2)
    const [start, limit, delta] = [0, 1, 2].map((i) => node.contents(i)?.[0])
    if (start === undefined || limit === undefined || typeof delta !== "number") return { type, shape: [node.fresh()] }
    const length = subtractDims(limit, start)
    if (typeof length === "number") return { type, shape: [Math.max(0, Math.ceil(length / delta))] }
    return { type, shape: [delta === 1 ? length : node.fresh()] }
  })
}
