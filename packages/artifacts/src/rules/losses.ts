import type { Value } from "@ifrl/onnx"
import { once, type Rule, type Rules, type Site } from "../Rule.ts"

/** Per label: its class weight (1 without weights, 0 where ignored) times the loss gradient, and a label that is safe to index with. */
const labelled = (site: Site): { readonly label: Value; readonly factor: Value } => {
  const { dy, g, x: [scores, labels] } = site
  const weights = site.input(2)
  const ignore = site.node.attributes.ignore_index as number | undefined
  const ignored = ignore === undefined
    ? undefined
    : g.op("Equal", [labels, g.graph.constant(labels.type, ignore)])
  const safe = ignored === undefined ? labels : g.where(ignored, g.graph.constant(labels.type, 0), labels)
  const plain = weights === undefined ? g.full(1, safe, scores.type) : g.op("Gather", [weights, safe])
  const weight = ignored === undefined ? plain : g.where(ignored, g.scalar(0, scores), plain)
  const reduction = site.string("reduction", "mean")
  const scaled = reduction === "mean" ? g.div(g.mul(weight, dy), g.sumAll(weight)) : g.mul(weight, dy)
  return { label: g.unsqueeze(safe, [1]), factor: g.unsqueeze(scaled, [1]) }
}

const place = (site: Site, base: Value, label: Value, factor: Value): Value =>
  site.g.op("ScatterElements", [base, label, site.g.neg(factor)], { axis: 1, reduction: "add" })

const softmaxCrossEntropy: Rule = (site) => {
  const { g, x: [scores] } = site
  return [() => {
    const logProb = once(() => g.op("LogSoftmax", [scores], { axis: 1 }))
    const direct = () => {
      const { factor, label } = labelled(site)
      return place(site, g.mul(g.exp(logProb()), factor), label, factor)
    }
    const other = site.gradients[1]
    const through = () => g.sub(other!, g.mul(g.exp(logProb()), g.sum(other!, [1], true)))
    if (other === undefined) return direct()
    return site.gradients[0] === undefined ? through() : g.add(direct(), through())
  }]
}

export const lossOperators: Rules = {
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
  NegativeLogLikelihoodLoss: (site) => [() => {
    const { factor, label } = labelled(site)
    return place(site, site.g.full(0, site.x[0]), label, factor)
  }]
}
