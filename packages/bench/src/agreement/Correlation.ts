// How well the scores of some responses order them as their labels do.

interface Couples {
  readonly concordant: number
  readonly discordant: number
  /** Couples that are tied in the labels, in the scores, in both. */
  readonly labelTies: number
  readonly scoreTies: number
  readonly bothTied: number
}

const couplesOf = (labels: ReadonlyArray<number>, scores: ReadonlyArray<number>): Couples => {
  const count = { concordant: 0, discordant: 0, labelTies: 0, scoreTies: 0, bothTied: 0 }
  for (let i = 0; i < labels.length; i++) {
    for (let j = i + 1; j < labels.length; j++) {
      const [a, b] = [Math.sign(labels[i]! - labels[j]!), Math.sign(scores[i]! - scores[j]!)]
      if (a === 0 && b === 0) count.bothTied++
      else if (a === 0) count.labelTies++
      else if (b === 0) count.scoreTies++
      else if (a === b) count.concordant++
      else count.discordant++
    }
  }
  return count
}

/**
 * Kendall's tau-b (Kendall 1945): (concordant - discordant) / sqrt((n0 - ties in labels)(n0 - ties in scores)), in -1..1;
 * undefined where either side is all ties.
 */
export const kendallTau = (labels: ReadonlyArray<number>, scores: ReadonlyArray<number>): number | undefined => {
  const { concordant, discordant, labelTies, scoreTies } = couplesOf(labels, scores)
  const norm = Math.sqrt((concordant + discordant + scoreTies) * (concordant + discordant + labelTies))
  return norm === 0 ? undefined : (concordant - discordant) / norm
}

/**
 * Share of the couples whose labels differ that the scores order the same way; a couple with equal scores counts half.
 * Undefined without such couples.
 */
export const pairwiseAgreement = (labels: ReadonlyArray<number>, scores: ReadonlyArray<number>): number | undefined => {
  const { concordant, discordant, scoreTies } = couplesOf(labels, scores)
  const couples = concordant + discordant + scoreTies
  return couples === 0 ? undefined : (concordant + scoreTies / 2) / couples
}
