import type { Value } from "@ifrl/onnx"
import { artifactError } from "../ArtifactError.ts"
import { axisOf, type Emit, range, rankOf, wideType } from "../Emit.ts"
import { into, type Lazy, type Rule, type Rules, type Site } from "../Rule.ts"

/**
 * Adds `updates` at `indices` (of the same shape) along an axis of zeros, or of `total`. ScatterElements repeats exactly on
 * CPU, where ScatterND(add) races on duplicate indices; half precision is summed in float32, in which CUDA's kernel is right.
 */
const scatterAdd = (g: Emit, data: Value, indices: Value, updates: Value, axis: number, total?: Value): Value => {
  const type = wideType(data.type)
  const base = total === undefined ? g.full(0, data, type) : g.cast(total, type)
  const sum = g.op("ScatterElements", [base, indices, g.cast(updates, type)], { axis, reduction: "add" })
  return g.cast(sum, total?.type ?? data.type)
}

/** [..., i, ..., D] -> [..., M, D]: the axes of the indices folded into one, where the data has its single axis. */
const gather: Rule = (site) => {
  const { dy, g, x: [data, indices] } = site
  const rank = rankOf(data)
  const axis = axisOf(site.int("axis", 0), rank)
  return [into((total) => {
    const folded = rankOf(indices) === 1
      ? dy
      : g.reshape(dy, g.concat([
        ...range(axis).map((other) => g.dim(data, other)),
        g.ints([-1]),
        ...range(rank - axis - 1).map((i) => g.dim(data, axis + 1 + i))
      ], 0))
    const places = g.expand(g.reshape(indices, range(rank).map((other) => other === axis ? -1 : 1)), folded)
    return scatterAdd(g, data, places, folded, axis, total)
  }, true)]
}

const gatherElements: Rule = (site) => {
  const { dy, g, x: [data, indices] } = site
  return [into((total) => scatterAdd(g, data, indices, dy, site.int("axis", 0), total), true)]
}

/** Elements in the axes from..to, as an int64 vector of one element. */
const volume = (g: Emit, value: Value, from: number, to: number): Value => {
  const dims = value.shape?.slice(from, to)
  if (dims?.every((dim) => typeof dim === "number")) return g.ints([dims.reduce((a, b) => a * b, 1)])
  return g.op("ReduceProd", [g.shape(value, from, to)], { keepdims: 1 })
}

/** Index tuples become row numbers of the data with its indexed axes folded, so that rows are added by ScatterElements. */
const gatherND: Rule = (site) => {
  const { dy, g, node, x: [data, indices] } = site
  const batch = site.int("batch_dims", 0)
  const width = indices.shape?.at(-1)
  if (typeof width !== "number") {
    throw artifactError(
      "NotDifferentiable",
      `GatherND "${node.name}" takes indices whose last size is unknown`,
      "Give the indices a shape with a known last size",
      { operator: "GatherND", node: node.name, tensor: indices.name }
    )
  }
  const rank = rankOf(data)
  return [() => {
    const end = batch + width
    const tuples = g.reshape(indices, g.concat([volume(g, data, 0, batch), g.ints([-1, width])], 0))
    const columns = range(width).map((i) => {
      const column = g.squeeze(g.slice(tuples, g.ints([i]), g.ints([i + 1]), 2), [2])
      const positive = g.where(g.op("Less", [column, g.int(0)]), g.add(column, g.dim(data, batch + i)), column)
      return g.mul(positive, volume(g, data, batch + i + 1, end))
    })
    const within = columns.reduce((a, b) => g.add(a, b))
    const first = g.mul(
      g.op("Range", [g.int(0), g.squeeze(volume(g, data, 0, batch), [0]), g.int(1)]),
      volume(g, data, batch, end)
    )
    const rows = g.reshape(g.add(within, g.unsqueeze(first, [1])), [-1, 1])
    const fold = (value: Value, count: Value) => g.reshape(value, g.concat([count, volume(g, data, end, rank)], 0))
    const flat = fold(data, volume(g, data, 0, end))
    const updates = fold(dy, g.dim(rows, 0))
    return g.like(scatterAdd(g, flat, g.expand(rows, updates), updates, 0), data)
  }]
}

/** Overwritten places lose their gradient to the updates; added ones share it. */
const scatter = (take: (site: Site) => Value): Rule => (site) => {
  const { dy, g, node, x: [data, indices, updates] } = site
  const reduction = site.string("reduction", "none")
  const attributes = "axis" in node.attributes ? { axis: site.int("axis", 0) } : {}
  const erased = () => g.op(node.opType, [dy, indices, g.full(0, updates)], attributes)
  const ofData: Record<string, Lazy> = { none: erased, add: () => dy }
  const rule = ofData[reduction]
  if (rule === undefined) {
    throw artifactError(
      "MissingGradient",
      `${node.opType} "${node.name}" has reduction "${reduction}"; "none" and "add" have gradient rules`,
      `Use one of them for tensor "${data.name}"`,
      { operator: node.opType, node: node.name, tensor: data.name }
    )
  }
  return [rule, undefined, () => take(site)]
}

export const indexing: Rules = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatter((site) => {
    const { dy, g, x: [, indices] } = site
    return g.op("GatherElements", [dy, indices], { axis: site.int("axis", 0) })
  }),
  ScatterND: scatter(({ dy, g, x: [, indices] }) => g.op("GatherND", [dy, indices])),
  TopK: (site) => {
    const { dy, g, x: [x], y: [, indices] } = site
    return [() => scatterAdd(g, x, indices, dy, site.int("axis", -1))]
  }
}
