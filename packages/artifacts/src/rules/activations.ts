import type { Value } from "@ifrl/onnx"
import type { Emit } from "../Emit.ts"
import { microsoft, type Rule, type Rules } from "../Rule.ts"

const sigmoid = (g: Emit, x: Value): Value => g.op("Sigmoid", [x])

/** d/dx x sigmoid(alpha x) = s (1 + alpha x (1 - s)). */
const swishSlope = (g: Emit, x: Value, alpha: number): Value => {
  const u = g.scale(x, alpha)
  const s = sigmoid(g, u)
  return g.mul(s, g.shift(g.mul(u, g.from(1, s)), 1))
}

/** d/dx x Phi(x) = Phi(x) + x phi(x), with Phi the normal distribution function. */
const geluSlope = (g: Emit, x: Value): Value => {
  const cdf = g.scale(g.shift(g.op("Erf", [g.scale(x, Math.SQRT1_2)]), 1), 0.5)
  const density = g.scale(g.exp(g.scale(g.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
  return g.add(cdf, g.mul(x, density))
}

/** The slope of 0.5 x (1 + tanh(c (x + 0.044715 x^3))), c = sqrt(2 / pi). */
const geluTanhSlope = (g: Emit, x: Value): Value => {
  const c = Math.sqrt(2 / Math.PI)
  // From 1000 on tanh is 1 to the last bit; an infinite square (from 256 on in float16) times 1 - tanh^2 would be NaN.
  const squared = g.op("Min", [g.square(x), g.scalar(1000, x)])
  const t = g.op("Tanh", [g.mul(x, g.shift(g.scale(squared, c * 0.044715), c))])
  const inner = g.shift(g.scale(squared, 3 * c * 0.044715), c)
  const tail = g.mul(g.mul(x, g.from(1, g.square(t))), inner)
  return g.scale(g.add(g.shift(t, 1), tail), 0.5)
}

const gelu: Rule = (site) => {
  const { dy, g, x: [x] } = site
  return [() => g.mul(dy, (site.string("approximate", "none") === "tanh" ? geluTanhSlope : geluSlope)(g, x))]
}

/** An activation of x + bias, where the bias may be absent. */
const biased = (slope: (g: Emit, x: Value) => Value): Rule => (site) => {
  const { dy, g, x: [x] } = site
  const bias = site.input(1)
  const d = () => g.mul(dy, slope(g, bias === undefined ? x : g.add(x, bias)))
  return [d, d]
}

const quickGelu = (name: string, alpha: number): Rule => (site) => {
  const { dy, g, x: [x] } = site
  return [() => g.mul(dy, swishSlope(g, x, site.float(name, alpha)))]
}

/** dx = dy where x > 0, else `negative`. */
const rectified = (negative: (site: Parameters<Rule>[0]) => Value): Rule => (site) => {
  const { dy, g, x: [x] } = site
  return [() => g.where(g.compare("Greater", x, 0), dy, negative(site))]
}

const softmax: Rule = (site) => {
  const { dy, g, y: [y] } = site
  const axis = site.int("axis", -1)
  return [() => {
    const product = g.mul(dy, y)
    return g.sub(product, g.mul(y, g.sum(product, [axis], true)))
  }]
}

const logSoftmax: Rule = (site) => {
  const { dy, g, y: [y] } = site
  return [() => g.sub(dy, g.mul(g.exp(y), g.sum(dy, [site.int("axis", -1)], true)))]
}

export const activations: Rules = {
  Sigmoid: ({ dy, g, y: [y] }) => [() => g.mul(dy, g.mul(y, g.from(1, y)))],
  Tanh: ({ dy, g, y: [y] }) => [() => g.mul(dy, g.from(1, g.square(y)))],
  Relu: ({ dy, g, y: [y] }) => [() => g.keep(g.compare("Greater", y, 0), dy)],
  LeakyRelu: rectified((site) => site.g.scale(site.dy, site.float("alpha", 0.01))),
  PRelu: ({ dy, g, x: [x, slope] }) => [
    () => g.where(g.compare("Less", x, 0), g.mul(dy, slope), dy),
    () => g.keep(g.compare("Less", x, 0), g.mul(dy, x))
  ],
  ThresholdedRelu: (site) => {
    const { dy, g, x: [x] } = site
    return [() => g.keep(g.compare("Greater", x, site.float("alpha", 1)), dy)]
  },
  Elu: rectified((site) => site.g.mul(site.dy, site.g.shift(site.y[0], site.float("alpha", 1)))),
  Celu: rectified((site) => site.g.mul(site.dy, site.g.shift(site.g.scale(site.y[0], 1 / site.float("alpha", 1)), 1))),
  Selu: (site) => {
    const { dy, g, x: [x], y: [y] } = site
    const alpha = site.float("alpha", 1.6732632423543772)
    const gamma = site.float("gamma", 1.0507009873554805)
    return [() => g.mul(dy, g.where(g.compare("Greater", x, 0), g.scalar(gamma, x), g.shift(y, gamma * alpha)))]
  },
  Softplus: ({ dy, g, x: [x] }) => [() => g.mul(dy, sigmoid(g, x))],
  Softsign: ({ dy, g, x: [x] }) => [() => g.div(dy, g.square(g.shift(g.op("Abs", [x]), 1)))],
  HardSigmoid: (site) => {
    const { dy, g, y: [y] } = site
    const inside = () => g.op("And", [g.compare("Greater", y, 0), g.compare("Less", y, 1)])
    return [() => g.keep(inside(), g.scale(dy, site.float("alpha", 0.2)))]
  },
  HardSwish: ({ dy, g, x: [x] }) => [() => {
    const middle = g.shift(g.scale(x, 1 / 3), 0.5)
    const slope = g.where(g.compare("GreaterOrEqual", x, 3), g.scalar(1, x), middle)
    return g.mul(dy, g.keep(g.compare("Greater", x, -3), slope))
  }],
  Mish: ({ dy, g, x: [x] }) => [() => {
    const t = g.op("Tanh", [g.op("Softplus", [x])])
    return g.mul(dy, g.add(t, g.mul(g.mul(x, sigmoid(g, x)), g.from(1, g.square(t)))))
  }],
  Swish: quickGelu("alpha", 1),
  Gelu: gelu,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  ...microsoft({
    Gelu: gelu,
    QuickGelu: quickGelu("alpha", 1.702),
    FastGelu: biased(geluTanhSlope),
    BiasGelu: biased(geluSlope)
  })
}
