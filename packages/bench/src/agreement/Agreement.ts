// Agreement of a judge of soft constraints with labels, in groups as arXiv 2508.02150 has them: an instruction with its
// constraints and responses that satisfy different ones. A response's score is the mean of its constraints' scores, its
// label the share that is labelled as followed; both order the responses of a group.
import { type LineFault, readJsonLines } from "@ifrl/curriculum"
import { classifierReport, type RewardPair } from "@ifrl/reward"
import { Clock, Effect, Schema } from "effect"
import { BenchError } from "../BenchError.ts"
import { kendallTau, pairwiseAgreement } from "./Correlation.ts"

export const AgreementGroup = Schema.Struct({
  id: Schema.NonEmptyString,
  instruction: Schema.String,
  constraints: Schema.NonEmptyArray(Schema.String),
  /** Constraint ids or types, for figures by type; may be left out. */
  types: Schema.optionalKey(Schema.Array(Schema.String)),
  responses: Schema.NonEmptyArray(Schema.Struct({
    text: Schema.String,
    /** One label a constraint. */
    followed: Schema.Array(Schema.Boolean)
  }))
})
export type AgreementGroup = typeof AgreementGroup.Type

/** Scores whether responses follow constraints, in 0..1. */
export interface AgreementJudge<E = never, R = never> {
  readonly name: string
  readonly score: (pairs: ReadonlyArray<RewardPair>) => Effect.Effect<ReadonlyArray<number>, E, R>
}

export interface Agreement {
  readonly judge: string
  readonly groups: number
  /** (response, constraint) couples that were judged. */
  readonly judgements: number
  /** Means over the groups in which it is defined. */
  readonly kendallTau: number
  readonly pairwiseAgreement: number
  /** Share of the judgements on the right side of 1/2. */
  readonly accuracy: number
  readonly auc: number
  readonly ece: number
  readonly secondsPerGroup: number
  /** Accuracy and AUC by constraint type, where the groups name them. */
  readonly byType: Readonly<Record<string, { readonly judgements: number; readonly accuracy: number; readonly auc: number }>>
}

const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length

const pairsOf = (group: AgreementGroup): ReadonlyArray<RewardPair> =>
  group.responses.flatMap(({ text }) =>
    group.constraints.map((constraint) => ({ constraint, response: text, instruction: group.instruction }))
  )

const logit = (p: number): number => Math.log(Math.max(p, 1e-12)) - Math.log(Math.max(1 - p, 1e-12))

const report = (scores: ReadonlyArray<number>, labels: ReadonlyArray<boolean>) => classifierReport(scores.map(logit), labels)

/** Judges every response of every group on every constraint; one call a group, timed. */
export const measureAgreement = Effect.fn("measureAgreement")(function*<E, R>(
  groups: ReadonlyArray<AgreementGroup>,
  judge: AgreementJudge<E, R>,
  onProgress: (done: number, total: number) => Effect.Effect<void> = () => Effect.void
) {
  const broken = groups.find(({ constraints, responses, types }) =>
    responses.some(({ followed }) => followed.length !== constraints.length) || (types !== undefined && types.length !== constraints.length)
  )
  if (groups.length === 0 || broken !== undefined) {
    return yield* new BenchError({
      subject: broken === undefined ? "groups" : `group ${broken.id}`,
      reason: broken === undefined ? "there are none" : "labels or types do not number as the constraints do",
      remedy: "give one label for each constraint of each response"
    })
  }
  const judged: Array<{ readonly score: number; readonly label: boolean; readonly type: string | undefined }> = []
  const taus: Array<number> = []
  const pairwise: Array<number> = []
  let seconds = 0
  for (const [done, group] of groups.entries()) {
    const n = group.constraints.length
    const began = yield* Clock.currentTimeMillis
    const scores = yield* judge.score(pairsOf(group))
    seconds += ((yield* Clock.currentTimeMillis) - began) / 1000
    const labels = group.responses.map(({ followed }) => mean(followed.map(Number)))
    const means = group.responses.map((_, r) => mean(scores.slice(r * n, (r + 1) * n)))
    taus.push(...[kendallTau(labels, means) ?? []].flat())
    pairwise.push(...[pairwiseAgreement(labels, means) ?? []].flat())
    group.responses.forEach(({ followed }, r) =>
      followed.forEach((label, c) => judged.push({ label, score: scores[r * n + c]!, type: group.types?.[c] }))
    )
    yield* onProgress(done + 1, groups.length)
  }
  const of = (some: typeof judged) => report(some.map(({ score }) => score), some.map(({ label }) => label))
  const { accuracy, auc, ece } = of(judged)
  const types = [...new Set(judged.flatMap(({ type }) => type ?? []))].toSorted()
  const agreement: Agreement = {
    judge: judge.name,
    groups: groups.length,
    judgements: judged.length,
    kendallTau: mean(taus),
    pairwiseAgreement: mean(pairwise),
    accuracy,
    auc,
    ece,
    secondsPerGroup: seconds / groups.length,
    byType: Object.fromEntries(types.map((type) => {
      const some = judged.filter((one) => one.type === type)
      const { accuracy, auc } = of(some)
      return [type, { judgements: some.length, accuracy, auc }]
    }))
  }
  return agreement
})

const refuseGroup = (fault: LineFault) =>
  new BenchError({ remedy: "give one { id, instruction, constraints, responses: [{ text, followed }] } a line", ...fault })

/** Groups from JSONL, one a line. */
export const readGroups = Effect.fn("readGroups")((file: string) => readJsonLines(file, AgreementGroup, refuseGroup))

/** Of all judgements, or of those of one type. */
type Line = Pick<Agreement, "accuracy" | "auc" | "judgements"> & Partial<Agreement> & { readonly label: string }

const linesOf = (agreement: Agreement): ReadonlyArray<Line> => [
  { ...agreement, label: agreement.judge },
  ...Object.entries(agreement.byType).map(([type, found]) => ({ ...found, label: `  ${type}` }))
]

/** Judges side by side, one a line, each with a line a type where the groups name them. What is not defined is a dash. */
export const printAgreements = (agreements: ReadonlyArray<Agreement>): string => {
  const decimals = (value: number | undefined) => value === undefined ? "" : Number.isNaN(value) ? "-" : value.toFixed(3)
  const figures: ReadonlyArray<readonly [string, (line: Line) => string]> = [
    ["judge", ({ label }) => label],
    ["tau", (a) => decimals(a.kendallTau)],
    ["pairwise", (a) => decimals(a.pairwiseAgreement)],
    ["accuracy", (a) => decimals(a.accuracy)],
    ["AUC", (a) => decimals(a.auc)],
    ["ECE", (a) => decimals(a.ece)],
    ["judgements", (a) => String(a.judgements)],
    ["groups", (a) => a.groups === undefined ? "" : String(a.groups)],
    ["s/group", (a) => decimals(a.secondsPerGroup)]
  ]
  const table = [figures.map(([name]) => name), ...agreements.flatMap(linesOf).map((line) => figures.map(([, of]) => of(line)))]
  const widths = figures.map((_, column) => Math.max(...table.map((line) => line[column]!.length)))
  return table.map((line) => line.map((cell, c) => c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)).join("  ").trimEnd()).join("\n")
}
