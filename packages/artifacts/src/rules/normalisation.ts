import type { Value } from "@ifrl/onnx"
import { artifactError } from "../ArtifactError.ts"
import { axisOf, type Emit, range, rankOf, wideType } from "../Emit.ts"
import { type Lazy, microsoft, once, type Rule, type Rules, type Site } from "../Rule.ts"

interface Normalised {
  readonly x: Value
  readonly scale: Value
  readonly dy: Value
  /** Normalised axes, counted from the front. */
  readonly axes: ReadonlyArray<number>
  readonly epsilon: number
  /** 1 / deviation, where the node has it as an output. */
  readonly inverse: Value | undefined
}

/** Half precision is normalised, and its gradient computed, in float32. */
const inWide = (normalise: typeof plainRms): typeof plainRms => (g, n) => {
  const [dx, dscale] = normalise(g, { ...n, x: g.wide(n.x), scale: g.wide(n.scale), dy: g.wide(n.dy) })
  return [() => g.cast(dx(), n.x.type), () => g.cast(dscale(), n.scale.type)]
}

const meanOf = (g: Emit, x: Value, axes: ReadonlyArray<number>): Value =>
  g.op("ReduceMean", [x, g.ints(axes)], { keepdims: 1 })

/**
 * y = x s r, r = 1 / sqrt(mean(x^2) + epsilon): with w = dy x, dx = dy s r - x mean(w s) r^3 and ds = sum(w r). Over the last axis both
 * sums are products of a matrix and a vector, which spares two passes over the data each.
 */
const plainRms = (g: Emit, { axes, dy, epsilon, inverse, scale, x }: Normalised): [dx: () => Value, dscale: () => Value] => {
  const reciprocal = once(() =>
    inverse ?? g.div(g.scalar(1, x), g.op("Sqrt", [g.shift(meanOf(g, g.square(x), axes), epsilon)]))
  )
  const width = scale.shape?.[0]
  if (axes.length > 1 || scale.shape?.length !== 1 || typeof width !== "number" || width === 1) {
    const hat = once(() => g.mul(x, reciprocal()))
    return [
      () => {
        const dhat = g.mul(dy, scale)
        return g.mul(g.sub(dhat, g.mul(hat(), meanOf(g, g.mul(dhat, hat()), axes))), reciprocal())
      },
      () => g.mul(dy, hat())
    ]
  }
  const [rows, gradients] = [g.rows(x), g.rows(dy)]
  const r = once(() => g.reshape(reciprocal(), [-1, 1]))
  const w = once(() => g.mul(gradients, rows))
  return [
    () => {
      const mean = g.scale(g.matmul(w(), g.unsqueeze(scale, [1])), 1 / width)
      const pull = g.mul(mean, g.mul(g.square(r()), r()))
      return g.like(g.sub(g.mul(g.mul(gradients, scale), r()), g.mul(rows, pull)), x)
    },
    () => g.reshape(g.gemm(r(), w(), { transA: true }), [-1])
  ]
}

/** The same about the mean: dx = (dxhat - mean(dxhat) - xhat mean(dxhat xhat)) / r. */
const plainLayerNorm = (g: Emit, { axes, dy, epsilon, inverse, scale, x }: Normalised): [dx: () => Value, dscale: () => Value] => {
  const centred = once(() => g.sub(x, meanOf(g, x, axes)))
  const reciprocal = once(() =>
    inverse ?? g.div(g.scalar(1, x), g.op("Sqrt", [g.shift(meanOf(g, g.square(centred()), axes), epsilon)]))
  )
  const hat = once(() => g.mul(centred(), reciprocal()))
  return [
    () => {
      const dhat = g.mul(dy, scale)
      const across = g.add(meanOf(g, dhat, axes), g.mul(hat(), meanOf(g, g.mul(dhat, hat()), axes)))
      return g.mul(g.sub(dhat, across), reciprocal())
    },
    () => g.mul(dy, hat())
  ]
}

const rms = inWide(plainRms)
const layerNorm = inWide(plainLayerNorm)

const trailing = (site: Site, fallback: number): Array<number> => {
  const rank = rankOf(site.x[0])
  return range(rank).slice(axisOf(site.int("axis", fallback), rank))
}

/** The mean and the deviation that a node also gives away have no rule: a loss that depends on them would lose that part. */
const checkStatistics = (site: Site, ...others: ReadonlyArray<number>): void => {
  const { gradients, node } = site
  const index = gradients.findIndex((gradient, i) => i > 0 && gradient !== undefined && !others.includes(i))
  if (index < 0) return
  throw artifactError(
    "MissingGradient",
    `${node.opType} (node "${node.name}") has no gradient rule for its output ${index} ("${node.outputs[index]!.name}")`,
    "Compute what is needed of it by ReduceMean of the input",
    { operator: node.opType, node: node.name, tensor: node.outputs[index]!.name }
  )
}

/** 1 / deviation, where the node gives it away in the type that the gradient is computed in. */
const saved = (site: Site, index: number): Value | undefined => {
  const value = site.node.outputs[index]
  return value === undefined || value.type !== wideType(site.x[0].type) ? undefined : value
}

const rmsNormalization: Rule = (site) => {
  checkStatistics(site)
  const { dy, g, x: [x, scale] } = site
  return rms(g, {
    x, scale, dy, axes: trailing(site, -1), epsilon: site.float("epsilon", 1e-5), inverse: saved(site, 1)
  })
}

/** input + skip (+ bias), normalised; the sum itself may be the fourth output, with a gradient of its own. */
const skipped = (
  normalise: typeof rms,
  inputs: { readonly beta?: number; readonly bias: number }
): Rule => (site) => {
  checkStatistics(site, 3)
  const { dy, g, x: [input, skip, scale] } = site
  const bias = site.input(inputs.bias)
  const sum = once(() => {
    const output = site.node.outputs[3]
    if (output !== undefined) return output
    const plain = g.add(input, skip)
    return bias === undefined ? plain : g.add(plain, bias)
  })
  const axes = [rankOf(input) - 1]
  const epsilon = site.float("epsilon", 1e-12)
  const parts = once(() => normalise(g, { x: sum(), scale, dy, axes, epsilon, inverse: undefined }))
  const dsum = once(() => {
    const through = parts()[0]()
    return site.gradients[3] === undefined ? through : g.add(through, site.gradients[3])
  })
  const lazies: Array<Lazy | undefined> = [dsum, dsum, () => parts()[1]()]
  if (inputs.beta !== undefined) lazies[inputs.beta] = () => dy
  lazies[inputs.bias] = dsum
  return lazies
}

/** A rotation's gradient is the rotation back: the same operator with the sine negated. */
const rotary = (sine: number): Rule => (site) => {
  const { dy, g, node } = site
  return [() =>
    g.op(
      node.opType,
      node.inputs.map((value, i) => i === 0 ? dy : i === sine ? g.neg(value!) : value),
      node.attributes,
      node.domain
    )]
}

export const normalisation: Rules = {
  LayerNormalization: (site) => {
    checkStatistics(site)
    const { dy, g, x: [x, scale] } = site
    return [
      ...layerNorm(g, {
        x, scale, dy, axes: trailing(site, -1), epsilon: site.float("epsilon", 1e-5), inverse: saved(site, 2)
      }),
      () => dy
    ]
  },
  RMSNormalization: rmsNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
  RotaryEmbedding: rotary(2),
  ...microsoft({
    SkipLayerNormalization: skipped(layerNorm, { beta: 3, bias: 4 }),
    SkipSimplifiedLayerNormalization: skipped(rms, { bias: 3 }),
    RotaryEmbedding: rotary(3)
  })
}
