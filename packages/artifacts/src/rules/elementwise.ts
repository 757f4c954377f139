import { tensorValues } from "@ifrl/onnx"
import type { Rule, Rules, Site } from "../Rule.ts"

/** The value of an input that is a constant of one element. */
const knownScalar = (site: Site, index: number): number | undefined => {
  const data = site.constant(index)
  return data === undefined || data.dims.some((dim) => dim !== 1) ? undefined : Number(tensorValues(data)[0])
}

/** d/da a^b = b a^(b-1), 0 for b = 0 also where a = 0, with the exponents that ONNX Runtime computes slowly written out. */
const power: Rule = (site) => {
  const { dy, g, x: [a, exponent], y: [y] } = site
  const known = knownScalar(site, 1)
  const b = g.cast(exponent, a.type)
  return [
    () => {
      if (known === 1) return dy
      if (known === 2) return g.mul(dy, g.scale(a, 2))
      if (known === 3) return g.mul(dy, g.scale(g.square(a), 3))
      if (known === 0.5) return g.div(g.scale(dy, 0.5), y)
      const slope = g.mul(b, g.op("Pow", [a, g.shift(b, -1)]))
      return g.mul(dy, known !== undefined && known !== 0 ? slope : g.where(g.compare("Equal", b, 0), g.scalar(0, a), slope))
    },
    () => g.mul(dy, g.keep(g.compare("Greater", a, 0), g.mul(y, g.op("Log", [a]))))
  ]
}

/** The gradient goes to the first input that attains the extremum. */
const extremum: Rule = ({ dy, g, x, y: [y] }) => {
  const attained = x.map((value) => () => g.compare("Equal", value, y))
  return x.map((_, i) => () => {
    const earlier = attained.slice(0, i).map((mask) => mask())
    const taken = earlier.length === 0 ? undefined : earlier.reduce((a, b) => g.op("Or", [a, b]))
    const mask = attained[i]!()
    return g.keep(taken === undefined ? mask : g.op("And", [mask, g.op("Not", [taken])]), dy)
  })
}

const clip: Rule = (site) => {
  const { dy, g, x: [x] } = site
  const [, low, high] = site.node.inputs
  const below = () => g.compare("Less", x, low!)
  const above = () => g.compare("Greater", x, high!)
  return [
    () => {
      const outside = [...(low === undefined ? [] : [below()]), ...(high === undefined ? [] : [above()])]
      return outside.length === 0 ? dy : g.where(outside.reduce((a, b) => g.op("Or", [a, b])), g.scalar(0, dy), dy)
    },
    () => g.keep(below(), dy),
    () => g.keep(above(), dy)
  ]
}

export const elementwise: Rules = {
  Add: ({ dy }) => [() => dy, () => dy],
  Sub: ({ dy, g }) => [() => dy, () => g.neg(dy)],
  Mul: ({ dy, g, x: [a, b] }) => [() => g.mul(dy, b), () => g.mul(dy, a)],
  Div: ({ dy, g, x: [, b], y: [y] }) => [() => g.div(dy, b), () => g.neg(g.div(g.mul(dy, y), b))],
  Neg: ({ dy, g }) => [() => g.neg(dy)],
  Sum: ({ dy, x }) => x.map(() => () => dy),
  Mean: ({ dy, g, x }) => x.map(() => () => g.scale(dy, 1 / x.length)),
  Min: extremum,
  Max: extremum,
  Clip: clip,
  Where: ({ dy, g, x: [condition] }) => [
    undefined,
    () => g.keep(condition, dy),
    () => g.where(condition, g.scalar(0, dy), dy)
  ],
  Abs: ({ dy, g, x: [a] }) => [() => g.mul(dy, g.sign(a))],
  Exp: ({ dy, g, y: [y] }) => [() => g.mul(dy, y)],
  Log: ({ dy, g, x: [a] }) => [() => g.div(dy, a)],
  Sqrt: ({ dy, g, y: [y] }) => [() => g.div(g.scale(dy, 0.5), y)],
  Reciprocal: ({ dy, g, y: [y] }) => [() => g.neg(g.mul(dy, g.square(y)))],
  Pow: power,
  Sin: ({ dy, g, x: [a] }) => [() => g.mul(dy, g.op("Cos", [a]))],
  Cos: ({ dy, g, x: [a] }) => [() => g.neg(g.mul(dy, g.op("Sin", [a])))],
  Tan: ({ dy, g, y: [y] }) => [() => g.mul(dy, g.shift(g.square(y), 1))],
  Asin: ({ dy, g, x: [a] }) => [() => g.div(dy, g.op("Sqrt", [g.from(1, g.square(a))]))],
  Acos: ({ dy, g, x: [a] }) => [() => g.neg(g.div(dy, g.op("Sqrt", [g.from(1, g.square(a))])))],
  Atan: ({ dy, g, x: [a] }) => [() => g.div(dy, g.shift(g.square(a), 1))],
  Sinh: ({ dy, g, x: [a] }) => [() => g.mul(dy, g.op("Cosh", [a]))],
  Cosh: ({ dy, g, x: [a] }) => [() => g.mul(dy, g.op("Sinh", [a]))],
  Asinh: ({ dy, g, x: [a] }) => [() => g.div(dy, g.op("Sqrt", [g.shift(g.square(a), 1)]))],
  Acosh: ({ dy, g, x: [a] }) => [() => g.div(dy, g.op("Sqrt", [g.shift(g.square(a), -1)]))],
  Atanh: ({ dy, g, x: [a] }) => [() => g.div(dy, g.from(1, g.square(a)))],
  Erf: ({ dy, g, x: [a] }) => [() => g.mul(dy, g.scale(g.exp(g.neg(g.square(a))), 2 / Math.sqrt(Math.PI)))]
}
