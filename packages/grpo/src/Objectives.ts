// The objectives by the names that users know, each a surrogate of @ifrl/artifacts and what it wants set otherwise.
import type { SurrogateName } from "@ifrl/artifacts"
import type { ObjectiveInput } from "./Objective.ts"

export interface Objective {
  readonly surrogate: SurrogateName
  /** Where it is from, and what its bounds mean where that is not a ratio around 1. */
  readonly about: string
  /** What the objective's authors set: used where the config says nothing. */
  readonly defaults: Omit<ObjectiveInput, "name">
}

export const objectiveNames = [
  "grpo",
  "dr_grpo",
  "bnpo",
  "dapo",
  "cispo",
  "gspo",
  "gspo_token",
  "sapo",
  "gmpo",
  "vespo",
  "luspo",
  "dppo_tv"
] as const
export type ObjectiveName = (typeof objectiveNames)[number]

/** TRL's cap: weights up to 5, no lower bound. */
const cispoBounds = { clipLow: 1, clipHigh: 4 } as const
const gspoBounds = { clipLow: 3e-4, clipHigh: 4e-4, aggregation: "sequence-mean" } as const

export const objectives: Readonly<Record<ObjectiveName, Objective>> = {
  grpo: {
    surrogate: "clip",
    about:
      "arXiv 2402.03300: the clipped ratio. Its sequence mean is ours only on request; the default is the token mean.",
    defaults: {}
  },
  dr_grpo: {
    surrogate: "clip",
    about: "arXiv 2503.20783: no division by the standard deviation nor by the length.",
    defaults: { aggregation: "fixed-length", advantage: { name: "mean-only" } }
  },
  bnpo: {
    surrogate: "clip",
    about: "TRL's name for a token mean within each micro-batch; it depends on how the batch is cut (aggregationRows).",
    defaults: { aggregation: "micro-batch-mean" }
  },
  dapo: {
    surrogate: "clip",
    about:
      "arXiv 2503.14476: clip-higher, token mean, no KL. Its dynamic sampling and overlong penalty are the preset's.",
    defaults: { clipHigh: 0.28, aggregation: "token-mean" }
  },
  cispo: {
    surrogate: "cispo",
    about:
      "arXiv 2506.13585: bounded ratios as weights of log-probs. Caps: TRL ratio <= 5, no lower bound (the default); " +
      "verl 0.8 to 1.2 (clipLow 0.2, clipHigh 0.2); open-instruct ratio <= 1.272, no lower bound (clipLow 1, " +
      "clipHigh 0.272).",
    defaults: cispoBounds
  },
  gspo: {
    surrogate: "sequence",
    about: "arXiv 2507.18071: one ratio a sequence, the geometric mean.",
    defaults: gspoBounds
  },
  gspo_token: {
    surrogate: "sequence-token",
    about: "arXiv 2507.18071: GSPO whose gradient goes to each token by its own advantage and weight.",
    defaults: gspoBounds
  },
  sapo: {
    surrogate: "sapo",
    about: "arXiv 2511.20347: a soft gate instead of the clip.",
    defaults: { aggregation: "sequence-mean" }
  },
  gmpo: {
    surrogate: "geometric",
    about: "arXiv 2507.20673: geometric mean of bounded ratios. clipLow and clipHigh are log-ratios, in nats.",
    defaults: { clipLow: 0.4, clipHigh: 0.4, aggregation: "sequence-mean" }
  },
  vespo: {
    surrogate: "vespo",
    about: "TRL 1.10: log-probs weighted by a smooth function of the sequence's ratio.",
    defaults: {}
  },
  luspo: {
    surrogate: "sequence",
    about: "TRL 1.10: GSPO with each sequence counted by its length.",
    defaults: { ...gspoBounds, aggregation: "sequence-sum" }
  },
  dppo_tv: {
    surrogate: "total-variation",
    about:
      "prime-rl: tokens whose probability moved too far are masked. clipLow and clipHigh are differences of " +
        "probabilities.",
    defaults: {}
  }
}
