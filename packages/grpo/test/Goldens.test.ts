// Every loss of the goldens, value and per-token gradient, by the graph that training uses. What each system calls its
// setting stands in the name of its case; what we call it, in the table.
import { describe, expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import {
  AdvantageError,
  type AdvantageOptions,
  batchAdvantages,
  evaluateObjective,
  type Grid,
  type ObjectiveBatch,
  objectiveConfig,
  type ObjectiveInput
} from "../src/index.ts"
import { run } from "./support.ts"

interface Loss {
  readonly loss: number
  readonly grad: ReadonlyArray<ReadonlyArray<number>>
  readonly metrics?: Readonly<Record<string, number>> | null
}
const golden = JSON.parse(readFileSync(new URL("fixtures/rl-losses.json", import.meta.url), "utf8")) as {
  readonly fixture: Record<"old" | "new" | "ref" | "sampling" | "mask" | "entropy", Grid> & {
    readonly advantage_per_row: ReadonlyArray<number>
    readonly groups: ReadonlyArray<number>
  }
  readonly losses: Readonly<Record<string, Loss>>
  readonly advantages: Readonly<Record<string, Record<string, ReadonlyArray<number> | string>>>
}
const { fixture } = golden

const batch: ObjectiveBatch = {
  newLogProbs: fixture.new,
  oldLogProbs: fixture.old,
  refLogProbs: fixture.ref,
  samplerLogProbs: fixture.sampling,
  entropy: fixture.entropy,
  mask: fixture.mask,
  advantages: fixture.advantage_per_row.map((a, i) => Array.from(fixture.mask[i]!, () => a))
}

/** Systems that add 1e-8 to their denominators. */
const padded = /^(easyr1|verl)\/|^openrlhf\/(ppo\/sample|gspo)/

const kl = (klCoefficient: number, klEstimator: NonNullable<ObjectiveInput["klEstimator"]> = "k3"): ObjectiveInput => ({
  klCoefficient,
  klEstimator
})
const easyr1: ObjectiveInput = { clipLow: 0.2, clipHigh: 0.3, dualClip: 3 }
const openInstruct: ObjectiveInput = { clipLow: 0.2, clipHigh: 0.272, klClamp: "open-instruct", klCoefficient: 0.05 }
const openInstructCispo: ObjectiveInput = { ...openInstruct, name: "cispo", clipLow: 1 }
const sequenceMean = { aggregation: "sequence-mean" } as const
const tokenMean = { aggregation: "token-mean" } as const
const gspo = (clipLow: number, clipHigh: number): ObjectiveInput => ({ name: "gspo", clipLow, clipHigh })
const microBatches = (aggregationRows: number): ObjectiveInput => ({ aggregation: "micro-batch-mean", aggregationRows })
const weights = (
  name: NonNullable<NonNullable<ObjectiveInput["importance"]>["name"]>,
  low: number,
  high: number
): ObjectiveInput => ({ importance: { name, low, high } })

/** By case; a tuple gives the batch's changes too. */
const cases: Readonly<Record<string, ObjectiveInput | readonly [ObjectiveInput, Partial<ObjectiveBatch>]>> = {
  "verl_if/clip0.2/whole_batch": {},
  "verl_if/clip0.2+0.01*low_var_kl/whole_batch": { ...kl(0.01), klClamp: "verl" },
  "verl_if/clip0.2+0.01*low_var_kl/micro_batch=1 (mean over micro-batches)": {
    ...kl(0.01),
    klClamp: "verl",
    ...microBatches(1)
  },
  "verl_if/clip0.2+0.01*low_var_kl/micro_batch=2 (mean over micro-batches)": {
    ...kl(0.01),
    klClamp: "verl",
    ...microBatches(2)
  },
  "verl_if/clip0.2+0.01*low_var_kl/micro_batch=3 (mean over micro-batches)": {
    ...kl(0.01),
    klClamp: "verl",
    ...microBatches(3)
  },
  "easyr1/default/token/clip0.2-0.3/dual3/tau1.0-1.05": easyr1,
  "easyr1/default/seq/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, ...sequenceMean },
  "easyr1/gspo/token/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, name: "gspo", ...tokenMean },
  "easyr1/gspo/seq/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, name: "gspo" },
  "easyr1/gspo_token/token/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, name: "gspo_token", ...tokenMean },
  "easyr1/gspo_token/seq/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, name: "gspo_token" },
  "easyr1/cispo/token/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, name: "cispo" },
  "easyr1/cispo/seq/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, name: "cispo", ...sequenceMean },
  "easyr1/sapo/token/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, name: "sapo", ...tokenMean },
  "easyr1/sapo/seq/clip0.2-0.3/dual3/tau1.0-1.05": { ...easyr1, name: "sapo" },
  "verl/vanilla/token-mean/clip0.2/dual3": { dualClip: 3 },
  "verl/vanilla/token-sum/clip0.2/dual3": { dualClip: 3, aggregation: "token-sum" },
  "verl/vanilla/seq-mean-token-sum/clip0.2/dual3": { dualClip: 3, aggregation: "sequence-sum" },
  "verl/vanilla/seq-mean-token-sum-norm/clip0.2/dual3": { dualClip: 3, aggregation: "fixed-length" },
  "verl/vanilla/seq-mean-token-mean/clip0.2/dual3": { dualClip: 3, ...sequenceMean },
  "verl/vanilla/token-mean/clip0.2-0.28/dual10 (DAPO)": { name: "dapo", dualClip: 10 },
  "verl/gspo/clip3e-4-4e-4": { name: "gspo" },
  "verl/gspo/clip0.2": gspo(0.2, 0.2),
  "verl/sapo/tau1.0-1.05": { name: "sapo" },
  "verl/cispo/token-mean/clip0.2": { name: "cispo", clipLow: 0.2, clipHigh: 0.2 },
  "verl/geo_mean/clip0.4": { name: "gmpo" },
  "verl/vanilla/token-mean/clip0.2/dual3/token TIS<=2": { dualClip: 3, ...weights("token-truncate", 0, 2) },
  "openrlhf/ppo/token/clip0.2": {},
  "openrlhf/ppo/token/clip0.2-0.27/dual10": { clipHigh: 0.27, dualClip: 10 },
  "openrlhf/ppo/sample/clip0.2": sequenceMean,
  "openrlhf/gspo/clip0.2": gspo(0.2, 0.2),
  "openrlhf/ppo/token/clip0.2/tis[0.5,5]": weights("token-truncate", 0.5, 5),
  "openrlhf/ppo/token/clip0.2/icepop[0.5,5]": weights("token-mask", 0.5, 5),
  "openrlhf/ppo/token/clip0.2/seq-mask-tis[0.5,5]": weights("geometric-mask", 0.5, 5),
  "open_instruct/dapo/token/clip0.2-0.272/beta0.05/kl_estimator0": { ...openInstruct, klEstimator: "k1" },
  "open_instruct/dapo/token/clip0.2-0.272/beta0.05/kl_estimator1": { ...openInstruct, klEstimator: "k2" },
  "open_instruct/dapo/token/clip0.2-0.272/beta0.05/kl_estimator2": { ...openInstruct, klEstimator: "k3" },
  "open_instruct/dapo/token/clip0.2-0.272/beta0.05/kl_estimator3": {
    ...openInstruct,
    klEstimator: "k1",
    klCorrected: true
  },
  "open_instruct/cispo/token/clip0.2-0.272/beta0.05/kl_estimator0": { ...openInstructCispo, klEstimator: "k1" },
  "open_instruct/cispo/token/clip0.2-0.272/beta0.05/kl_estimator1": { ...openInstructCispo, klEstimator: "k2" },
  "open_instruct/cispo/token/clip0.2-0.272/beta0.05/kl_estimator2": { ...openInstructCispo, klEstimator: "k3" },
  "open_instruct/cispo/token/clip0.2-0.272/beta0.05/kl_estimator3": {
    ...openInstructCispo,
    klEstimator: "k1",
    klCorrected: true
  },
  // Its squared log-ratio to the inference policy is k2 towards that policy, at twice the coefficient.
  "prime_rl/dppo_tv0.2/kl_tau1e-3/global_tokens (uses sampling logprobs)": [
    { name: "dppo_tv", ...kl(2e-3, "k2") },
    { oldLogProbs: fixture.sampling, refLogProbs: fixture.sampling }
  ],
  "trl/grpo/token/eps0.2/beta0": sequenceMean,
  "trl/bnpo/token/eps0.2/beta0": { name: "bnpo", aggregationRows: 6 },
  "trl/dr_grpo/token/eps0.2/beta0": { name: "dr_grpo" },
  "trl/dapo/token/eps0.2/beta0": {},
  "trl/dapo/token/eps0.2-0.28": { name: "dapo" },
  "trl/dapo/token/eps0.2/delta2": { ratioCap: 2 },
  "trl/dapo/token/eps0.2/beta0.04(k3)": kl(0.04),
  "trl/dapo/token/eps0.2/beta0.04(k3)/bias_correction": { ...kl(0.04), klCorrected: true },
  "trl/grpo/sequence(GSPO)/eps3e-4-4e-4": { name: "gspo" },
  "trl/grpo/sequence(GSPO)/eps0.2": gspo(0.2, 0.2),
  "trl/cispo/eps_high5.0": { name: "cispo" },
  "trl/cispo/eps_high1.2": { name: "cispo", clipHigh: 0.2 },
  "trl/sapo/tau1.0-1.05": { name: "sapo" },
  "trl/vespo": { name: "vespo" },
  "trl/luspo/sequence/eps0.2": { name: "luspo", clipLow: 0.2, clipHigh: 0.2 },
  "trl/dapo/token/eps0.2/off_policy_mask0.1": { offPolicyLimit: 0.1 },
  "trl/dapo/token/eps0.2/entropy_coef0.01 (entropy const)": { entropyCoefficient: 0.01 },
  "trl/dapo/token/eps0.2/IS token_truncate3 (ratio reimplemented)": weights("token-truncate", 0, 3),
  "trl/dapo/token/eps0.2/IS token_mask3 (ratio reimplemented)": weights("token-mask", 0, 3),
  "trl/dapo/token/eps0.2/IS sequence_truncate3 (ratio reimplemented)": weights("sequence-truncate", 0, 3),
  "trl/dapo/token/eps0.2/IS sequence_mask3(default) (ratio reimplemented)": weights("sequence-mask", 0, 3),
  "trl/grpo/token/eps0.2/beta0 GA=3 of 2": sequenceMean,
  "trl/bnpo/token/eps0.2/beta0 GA=3 of 2": { name: "bnpo", aggregationRows: 2 },
  "trl/dapo/token/eps0.2/beta0 GA=3 of 2": {}
}

/**
 * Means over tokens that other systems log too. TRL's clip ratios are means over sequences where its ratio is a
 * sequence's.
 */
const metricNames: Readonly<Record<string, string>> = {
  ppo_kl: "old_kl",
  "actor/ppo_kl": "old_kl",
  kl: "kl",
  kl_loss: "kl"
}
const clipRatios = ["clip_ratio/low_mean", "clip_ratio/high_mean"] as const

test.each(
  Object.keys(cases).filter((name) => name.startsWith("trl/dapo/token/") && golden.losses[name]!.metrics != null)
)("clip ratios of %s", async (name) => {
  const { metrics } = await evaluate(name, "float64")
  for (const key of clipRatios) expect(metrics[key]).toBeCloseTo(golden.losses[name]!.metrics![key]!, 12)
})

const evaluate = (name: string, precision: "float32" | "float64") => {
  const entry = cases[name]!
  const [config, changes] = Array.isArray(entry) ? entry : [entry, {}]
  return run(evaluateObjective(objectiveConfig(config), { ...batch, ...changes }, { precision }))
}

test("every loss of the goldens has a case", () => {
  expect(Object.keys(cases).toSorted()).toEqual(Object.keys(golden.losses).toSorted())
})

describe.each(Object.keys(cases))("%s", (name) => {
  const expected = golden.losses[name]!
  const slopes = expected.grad.flat()
  test("in float64", async () => {
    const { gradient, loss } = await evaluate(name, "float64")
    const bound = padded.test(name) ? 1e-7 : 1e-10
    expect(Math.abs(loss - expected.loss)).toBeLessThan(bound)
    const worst = Math.max(...gradient.flat().map((x, i) => Math.abs(x - slopes[i]!)))
    expect(worst).toBeLessThan(bound)
  })
  const metrics = Object.entries(expected.metrics ?? {}).flatMap(([theirs, value]) =>
    theirs in metricNames ? [[theirs, metricNames[theirs]!, value] as const] : []
  )
  if (metrics.length > 0) {
    test(`metrics ${metrics.map(([theirs]) => theirs).join(", ")}`, async () => {
      const ours = (await evaluate(name, "float64")).metrics
      for (const [, key, value] of metrics) expect(ours[key]).toBeCloseTo(value, 8)
    })
  }
  test("in float32", async () => {
    const { gradient, loss } = await evaluate(name, "float32")
    expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-6)
    const off = Math.hypot(...gradient.flat().map((x, i) => x - slopes[i]!))
    expect(off / Math.hypot(...slopes)).toBeLessThan(1e-5)
  })
})

/** Whose advantages are which of ours; tolerance 0, since none of them has one. */
const advantageCases: Readonly<Record<string, AdvantageOptions>> = {
  verl_if_grpo: { name: "group-std", epsilon: 1e-6, tolerance: 0 },
  easyr1_grpo: { name: "group-std", epsilon: 1e-6, tolerance: 0 },
  verl_grpo: { name: "group-std", epsilon: 1e-6, tolerance: 0 },
  verl_dr_grpo_no_std: { name: "mean-only", epsilon: 0, tolerance: 0 },
  rloo: { name: "rloo", epsilon: 0, tolerance: 0 },
  "trl_group_eps1e-4_reimpl": { name: "group-std", epsilon: 1e-4, tolerance: 0 },
  "trl_batch_eps1e-4_reimpl": { name: "batch-std", epsilon: 1e-4, tolerance: 0 },
  "open_instruct_standard_popstd_eps1e-8_reimpl": { name: "group-std", std: "population", epsilon: 1e-8, tolerance: 0 },
  "openrlhf_group_norm_eps1e-9_reimpl": { name: "group-std", epsilon: 1e-9, tolerance: 0 }
}

/** Advantages of rows that are labelled with their group, in the order of the rows. */
const byRow = (
  rewards: ReadonlyArray<number>,
  groups: ReadonlyArray<number>,
  options: AdvantageOptions
): Array<number> => {
  const labels = [...new Set(groups)]
  const members = labels.map((label) => groups.flatMap((group, row) => (group === label ? [row] : [])))
  const result: Array<number> = Array.from(rewards, () => NaN)
  batchAdvantages(
    members.map((rows) => rows.map((row) => rewards[row]!)),
    options
  ).forEach(({ advantages }, g) => advantages.forEach((a, i) => void (result[members[g]![i]!] = a)))
  return result
}

describe.each(Object.entries(golden.advantages))("advantages of %s", (name, { groups, rewards, ...systems }) => {
  const of = (options: AdvantageOptions) =>
    byRow(rewards as ReadonlyArray<number>, groups as ReadonlyArray<number>, options)
  test.each(Object.entries(systems))("%s", (system, expected) => {
    const options = advantageCases[system]!
    if (name === "singleton") {
      // verl and verl-if take the raw reward of a group of one for its advantage. It is refused here, as EasyR1 does.
      expect(() => of(options)).toThrow(AdvantageError)
      return
    }
    of(options).forEach((a, row) => expect(Math.abs(a - (expected as ReadonlyArray<number>)[row]!)).toBeLessThan(1e-12))
  })
})

test("the tolerance makes a group degenerate that differs by rounding alone", () => {
  const { groups, rewards } = golden.advantages.float_residue!
  const options = { ...advantageCases.verl_if_grpo!, tolerance: 1e-6 }
  expect(byRow(rewards as ReadonlyArray<number>, groups as ReadonlyArray<number>, options)).toEqual([0, 0, 0])
})
