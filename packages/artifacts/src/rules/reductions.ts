import type { Value } from "@ifrl/onnx"
import { range } from "../Emit.ts"
import { once, type Rule, type Rules, type Site } from "../Rule.ts"

/** The reduced axes: an input since opset 13 and 18, an attribute before; undefined means all. */
const reducedAxes = (site: Site): Value | undefined => {
  const input = site.input(1)
  const axes = input === undefined ? site.ints("axes") : site.g.knownInts(input)
  if (axes !== undefined) return axes.length === 0 ? undefined : site.g.ints(axes)
  return input
}

const reducesNothing = (site: Site): boolean =>
  site.int("noop_with_empty_axes", 0) === 1 && reducedAxes(site) === undefined

/** Something of the output's shape, made to broadcast against the input. */
const kept = (site: Site, value: Value): Value => {
  const axes = reducedAxes(site)
  return site.int("keepdims", 1) === 1 || axes === undefined ? value : site.g.unsqueeze(value, axes)
}

/** A reduction whose gradient is `slope`, given the output's gradient and the output, both broadcastable against the input. */
const reduction = (slope: (site: Site, dy: Value, y: () => Value) => Value): Rule => (site) => [
  () => slope(site, kept(site, site.dy), once(() => kept(site, site.y[0]))),
  undefined
]

/** Elements of the input per element of the output, where all reduced sizes are known. */
const knownCount = (site: Site): number | undefined => {
  const { g, x: [x] } = site
  if (x.shape === undefined) return undefined
  const axes = reducedAxes(site)
  const reduced = axes === undefined ? range(x.shape.length) : g.knownInts(axes)
  return reduced?.reduce<number | undefined>((total, axis) => {
    const dim = x.shape!.at(axis)
    return total === undefined || typeof dim !== "number" ? undefined : total * dim
  }, 1)
}

/** The same at run time, as the input's type. */
const count = ({ g, x: [x], y: [y] }: Site): Value => g.cast(g.div(g.op("Size", [x]), g.op("Size", [y])), x.type)

/** The gradient is shared equally by all elements that attain the extremum. */
const extremum = reduction((site, dy, y) => {
  const { g, x: [x] } = site
  const mask = g.cast(g.compare("Equal", x, y()), x.type)
  const axes = reducedAxes(site)
  const ties = g.op("ReduceSum", axes === undefined ? [mask] : [mask, axes], { keepdims: 1 })
  return g.mul(mask, g.div(dy, ties))
})

const plain: Rules = {
  ReduceSum: reduction(({ g, x: [x] }, dy) => g.expand(dy, x)),
  ReduceMean: reduction((site, dy) => {
    const { g, x: [x] } = site
    const known = knownCount(site)
    return g.expand(known === undefined ? g.div(dy, count(site)) : g.scale(dy, 1 / known), x)
  }),
  ReduceMax: extremum,
  ReduceMin: extremum,
  ReduceL1: reduction(({ g, x: [x] }, dy) => g.mul(dy, g.sign(x))),
  // The norm has a kink where all elements are 0; its gradient is taken as 0 there.
  ReduceL2: reduction(({ g, x: [x] }, dy, y) =>
    g.mul(x, g.where(g.compare("Equal", y(), 0), g.scalar(0, dy), g.div(dy, y())))
  ),
  ReduceLogSum: reduction(({ g, x: [x] }, dy, y) => g.expand(g.mul(dy, g.exp(g.neg(y()))), x)),
  ReduceLogSumExp: reduction(({ g, x: [x] }, dy, y) => g.mul(dy, g.exp(g.sub(x, y())))),
  ReduceSumSquare: reduction(({ g, x: [x] }, dy) => g.mul(x, g.scale(dy, 2)))
}

const cumulative: Rule = (site) => {
  const { dy, g, x: [, axis] } = site
  return [() => g.op("CumSum", [dy, axis], { exclusive: site.int("exclusive", 0), reverse: 1 - site.int("reverse", 0) })]
}

/** With noop_with_empty_axes and no axes a reduction is only its elementwise part, and these have none. */
const noops: ReadonlySet<string> = new Set(["ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"])

const guarded = (name: string, rule: Rule): Rule => (site) => noops.has(name) && reducesNothing(site) ? [() => site.dy] : rule(site)

export const reductions: Rules = {
  ...Object.fromEntries(Object.entries(plain).map(([name, rule]) => [name, guarded(name, rule)])),
  CumSum: cumulative
}
