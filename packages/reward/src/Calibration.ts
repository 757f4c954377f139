// From a classifier's margin to a probability that means what it says: temperature scaling (Guo et al. 2017, arXiv
// 1706.04599) of a two-class model, and how far off the probabilities are.
import { mean } from "./Mean.ts"

/** 1 / (1 + exp(-x)). */
export const sigmoid = (x: number): number => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))

/** log(1 + exp(x)), finite for every finite x. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))

/** Margin with the sign of its label: positive where the model is right. */
const signed = (margins: ReadonlyArray<number>, labels: ReadonlyArray<boolean>) =>
  margins.map((margin, i) => labels[i] ? margin : -margin)

/** Mean of -log p(label) in nats, p = sigmoid(margin / temperature). */
export const negativeLogLikelihood = (
  margins: ReadonlyArray<number>,
  labels: ReadonlyArray<boolean>,
  temperature = 1
): number => mean(signed(margins, labels).map((m) => softplus(-m / temperature)))

/** Temperatures that fitting may come to. */
export const temperatureBounds = [0.05, 20] as const

/**
 * The temperature of the least negative log-likelihood, which is convex in 1 / temperature: bisection of its derivative.
 * Labels are smoothed as by Platt (1999), (n + 1) / (n + 2) for the n true ones and 1 / (n + 2) for the n false ones: few labels
 * that the margins happen to separate do not make the model certain. 1 where there is nothing to fit.
 */
export const fitTemperature = (margins: ReadonlyArray<number>, labels: ReadonlyArray<boolean>): number => {
  if (margins.length === 0) return 1
  const positives = labels.filter(Boolean).length
  const [yes, no] = [(positives + 1) / (positives + 2), 1 / (labels.length - positives + 2)]
  const slope = (beta: number) => mean(margins.map((margin, i) => margin * (sigmoid(margin * beta) - (labels[i] ? yes : no))))
  let [low, high] = [1 / temperatureBounds[1], 1 / temperatureBounds[0]]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (slope(middle) < 0) low = middle
    else high = middle
  }
  return 2 / (low + high)
}

/**
 * Expected calibration error of the probabilities of "true": mean over equal-width bins, weighted by their counts, of
 * |mean probability - share that is true|.
 */
export const expectedCalibrationError = (
  probabilities: ReadonlyArray<number>,
  labels: ReadonlyArray<boolean>,
  bins = 15
): number => {
  const sums = Array.from({ length: bins }, () => ({ probability: 0, positive: 0 }))
  probabilities.forEach((p, i) => {
    const bin = sums[Math.min(bins - 1, Math.floor(p * bins))]!
    bin.probability += p
    bin.positive += labels[i] ? 1 : 0
  })
  return sums.reduce((sum, bin) => sum + Math.abs(bin.probability - bin.positive), 0) / Math.max(1, probabilities.length)
}

/** How a classifier does on labelled examples. */
export interface ClassifierReport {
  readonly examples: number
  /** Share with p >= 1/2 where the label is true, and below where not. */
  readonly accuracy: number
  /** Share of (true, false) couples of which the true one has the higher score; ties count half. */
  readonly auc: number
  /** Nats. */
  readonly negativeLogLikelihood: number
  readonly ece: number
}

/** Area under the ROC curve by rank sums, ties sharing their mean rank; 1/2 without both labels. */
export const areaUnderCurve = (scores: ReadonlyArray<number>, labels: ReadonlyArray<boolean>): number => {
  const order = scores.map((_, i) => i).toSorted((a, b) => scores[a]! - scores[b]!)
  let [rankSum, positives] = [0, 0]
  for (let from = 0; from < order.length;) {
    let to = from
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++
    const tied = order.slice(from, to).filter((i) => labels[i]).length
    rankSum += tied * (from + to + 1) / 2
    positives += tied
    from = to
  }
  const negatives = scores.length - positives
  return positives === 0 || negatives === 0 ? 0.5 : (rankSum - positives * (positives + 1) / 2) / (positives * negatives)
}

/** The report of margins under a temperature. */
export const classifierReport = (
  margins: ReadonlyArray<number>,
  labels: ReadonlyArray<boolean>,
  temperature = 1
): ClassifierReport => {
  const probabilities = margins.map((margin) => sigmoid(margin / temperature))
  return {
    examples: margins.length,
    accuracy: mean(probabilities.map((p, i) => (p >= 0.5) === labels[i] ? 1 : 0)),
    auc: areaUnderCurve(margins, labels),
    negativeLogLikelihood: negativeLogLikelihood(margins, labels, temperature),
    ece: expectedCalibrationError(probabilities, labels)
  }
}
