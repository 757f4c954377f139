import type { Value } from "@ifrl/onnx"
import { artifactError } from "../ArtifactError.ts"
import { axisOf, type Emit, range, rankOf } from "../Emit.ts"
import { type Rule, type Rules, type Site } from "../Rule.ts"

const sameElements: Rule = ({ dy, g, x: [x] }) => [() => g.like(dy, x)]

const concat: Rule = (site) => {
  const { dy, g, x } = site
  const axis = axisOf(site.int("axis", 0), rankOf(site.y[0]))
  const sizes = x.map((value) => g.dim(value, axis))
  const start = (i: number) => sizes.slice(0, i).reduce<Value | undefined>((a, b) => a === undefined ? b : sumOf(g, a, b), undefined)
  return x.map((_, i) => () => {
    const from = start(i) ?? g.ints([0])
    return g.slice(dy, from, sumOf(g, from, sizes[i]!), axis)
  })
}

/** a + b of int64 vectors, computed here where both are known. */
const sumOf = (g: Emit, a: Value, b: Value): Value => {
  const [x, y] = [g.knownInts(a), g.knownInts(b)]
  return x === undefined || y === undefined ? g.add(a, b) : g.ints(x.map((value, i) => value + y[i]!))
}

interface Slicing {
  readonly starts: Value
  readonly axes: ReadonlyArray<number>
  readonly steps: ReadonlyArray<number>
}

/** Indices may be int32; sizes, with which they are compared, are int64. */
const long = (g: Emit, indices: Value): Value => {
  const known = indices.type === "int64" ? undefined : g.knownInts(indices)
  return known === undefined ? g.cast(indices, "int64") : g.ints(known)
}

const slicing = (site: Site): Slicing => {
  const { g, node, x: [data] } = site
  const unknown = (what: string) =>
    artifactError("NotDifferentiable", `Slice "${node.name}" has ${what} known only at run time`, `Make its ${what} constant`, {
      operator: "Slice",
      node: node.name
    })
  const starts = long(g, site.input(1) ?? g.ints(site.ints("starts") ?? []))
  const count = starts.shape?.[0]
  if (typeof count !== "number") throw unknown("the number of its starts")
  const axes = site.input(3) === undefined ? site.ints("axes") ?? range(count) : g.knownInts(site.input(3))
  const steps = site.input(4) === undefined ? Array.from({ length: count }, () => 1) : g.knownInts(site.input(4))
  if (axes === undefined) throw unknown("axes")
  if (steps === undefined) throw unknown("steps")
  return { starts, steps, axes: axes.map((axis) => axisOf(axis, rankOf(data))) }
}

/** Zero-padding where all steps are 1; else each axis in turn is scattered to the places it was taken from. */
const slice: Rule = (site) => {
  const { dy, g, x: [x], y: [y] } = site
  return [() => {
    const { axes, starts, steps } = slicing(site)
    if (steps.every((step) => step === 1)) {
      const sizes = (value: Value) => g.concat(axes.map((axis) => g.dim(value, axis)), 0)
      const known = g.knownInts(starts)
      const before = known?.every((start) => start >= 0)
        ? starts
        : fromFront(g, starts, sizes(x))
      const after = g.sub(g.sub(sizes(x), sizes(y)), before)
      return g.pad(dy, g.concat([before, after], 0), g.ints(axes))
    }
    const ends = long(g, site.input(2) ?? g.ints(site.ints("ends") ?? []))
    return axes.reduceRight((d, axis, i) => {
      const one = (value: Value) => g.slice(value, g.ints([i]), g.ints([i + 1]), 0)
      const size = g.dim(x, axis)
      const all = g.op("Range", [g.int(0), g.squeeze(size, [0]), g.int(1)])
      const taken = g.op("Slice", [all, one(starts), one(ends), g.ints([0]), g.ints([steps[i]!])])
      const indices = g.expand(g.reshape(taken, range(rankOf(x)).map((other) => other === axis ? -1 : 1)), d)
      const shape = g.concat(
        range(rankOf(x)).map((other) => other === axis ? size : g.dim(d, other)),
        0
      )
      return g.op("ScatterElements", [g.op("Expand", [g.scalar(0, d), shape]), indices, d], { axis })
    }, dy)
  }]
}

/** Slice starts counted from the front and clamped to the axis, as Slice itself reads them. */
const fromFront = (g: Emit, starts: Value, sizes: Value): Value => {
  const positive = g.where(g.op("Less", [starts, g.ints([0])]), g.add(starts, sizes), starts)
  return g.op("Max", [g.op("Min", [positive, sizes]), g.ints([0])])
}

/** [d] repeated r times is [r, d] summed over r. */
const tile: Rule = ({ dy, g, x: [x, repeats] }) => [() => {
  const rank = rankOf(x)
  const pairs = range(rank).flatMap((axis) => [g.slice(repeats, g.ints([axis]), g.ints([axis + 1]), 0), g.dim(x, axis)])
  return g.like(g.sum(g.reshape(dy, g.concat(pairs, 0)), range(rank).map((axis) => 2 * axis)), x)
}]

const pad: Rule = (site) => {
  const { dy, g, node } = site
  if (site.string("mode", "constant") !== "constant") {
    throw artifactError(
      "MissingGradient",
      `Pad "${node.name}" has mode "${site.string("mode", "")}"; only "constant" has a gradient rule`,
      "Pad with a constant, or write the padding as Slice and Concat",
      { operator: "Pad", node: node.name }
    )
  }
  const pads = site.input(1) ?? g.ints(site.ints("pads") ?? [])
  return [() => g.pad(dy, g.neg(pads), site.input(3))]
}

const cast: Rule = ({ dy, g, x: [x] }) => [() => g.cast(dy, x.type), null]

const transpose: Rule = (site) => {
  const { dy, g, x: [x] } = site
  const perm = site.ints("perm") ?? range(rankOf(x)).toReversed()
  return [() => g.transpose(dy, perm.map((_, axis) => perm.indexOf(axis)))]
}

/** Dropout of an inference graph passes everything; of a training graph, what the mask kept, scaled up. */
const dropout: Rule = (site) => {
  const { dy, g, node, y: [, mask] } = site
  const training = site.input(2)
  if (training === undefined) return [() => dy]
  if (mask === undefined) {
    throw artifactError(
      "MissingGradient",
      `Dropout "${node.name}" has a training mode but no mask output, which its gradient needs`,
      "Give it its second output, or take its third input away",
      { operator: "Dropout", node: node.name }
    )
  }
  const ratio = () => site.input(1) === undefined ? g.scalar(0.5, dy) : g.cast(site.input(1)!, dy.type)
  return [() => g.where(training, g.keep(mask, g.div(dy, g.from(1, ratio()))), dy)]
}

export const shapes: Rules = {
  Identity: ({ dy }) => [() => dy],
  Dropout: dropout,
  Cast: cast,
  CastLike: cast,
  Reshape: sameElements,
  Flatten: sameElements,
  Squeeze: sameElements,
  Unsqueeze: sameElements,
  Transpose: transpose,
  Concat: concat,
  Split: (site) => [() => site.g.concat(site.y.map((_, i) => site.gradient(i)), site.int("axis", 0))],
  Slice: slice,
  Expand: ({ dy }) => [() => dy],
  Tile: tile,
  Pad: pad,
  Trilu: (site) => {
    const diagonal = site.input(1)
    return [() => site.g.op("Trilu", diagonal === undefined ? [site.dy] : [site.dy, diagonal], { upper: site.int("upper", 1) })]
  }
}

