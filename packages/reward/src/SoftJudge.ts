// Constraints as parts of a reward, hard ones one by one by their rules, soft ones of all samples in one phase.
import { constraintsOf, isAnswer, isSoft } from "@ifrl/curriculum"
import { Effect } from "effect"
import type { RewardPart } from "./Aggregation.ts"
import { answerChecker } from "./AnswerReward.ts"
import { checkedOutcome, decided, failed, notSatisfied, type Outcome, scored } from "./Outcome.ts"
import { type ConstraintChecker, guarded, listedOutcomes, perConstraint, type RewardFunction, type RewardFunctionOptions, type RewardSample } from "./RewardFunction.ts"
import { RewardModel } from "./RewardModel.ts"

/** A soft constraint of a sample. */
export interface SoftRequest {
  readonly id: string
  readonly text: string
  /** Its place in the row. */
  readonly index: number
  readonly sample: RewardSample
}

/** Judges all soft constraints of a batch of samples; one outcome a request, in order. */
export type SoftJudge<R = never> = (requests: ReadonlyArray<SoftRequest>) => Effect.Effect<ReadonlyArray<Outcome>, unknown, R>

/**
 * Constraints to parts, as `perConstraint` makes them; a kind without a judge has no part. Final answers of reasoning rows are
 * always judged. The timeout holds for the judgement of one hard constraint, and for the one call of the soft judge.
 */
export const constraintRewards = <R = never, S = never>(
  judges: { readonly hard?: ConstraintChecker<R> | undefined; readonly soft?: SoftJudge<S> | undefined },
  options: Omit<RewardFunctionOptions, "weight"> = {}
): RewardFunction<R | S> => {
  const isJudged = (id: string) => isAnswer(id) || (judges.hard !== undefined && !isSoft(id))
  const rules = perConstraint<R>((id) => isAnswer(id) ? answerChecker : judges.hard, options)
  const score = Effect.fnUntraced(function*(samples: ReadonlyArray<RewardSample>) {
    const requests = samples.flatMap((sample) =>
      constraintsOf(sample.row).flatMap(({ id, text }, index): ReadonlyArray<SoftRequest> =>
        isSoft(id) && judges.soft !== undefined ? [{ id, text, index, sample }] : []
      )
    )
    const outcomes = requests.length === 0 ? [] : yield* inOnePhase(judges.soft!, requests, options)
    const soft = requests[Symbol.iterator]()
    const hard = yield* rules.score(samples.map((sample) => only(sample, isJudged)))
    let next = 0
    return samples.map((sample, i) => {
      const decidedHard = hard[i]![Symbol.iterator]()
      return sample.row.instruction_id_list.flatMap((id): ReadonlyArray<RewardPart> => {
        if (!isSoft(id)) return isJudged(id) ? [decidedHard.next().value as RewardPart] : []
        return soft.next().done === true ? [] : [{ name: id, weight: 1, outcome: outcomes[next++]! }]
      })
    })
  })
  return { name: "constraints", score }
}

/** The sample with those constraints alone. */
const only = (sample: RewardSample, wanted: (id: string) => boolean): RewardSample => {
  const { row } = sample
  const kept = row.instruction_id_list.flatMap((id, i) => wanted(id) ? [i] : [])
  return {
    ...sample,
    row: { ...row, instruction_id_list: kept.map((i) => row.instruction_id_list[i]!), kwargs: kept.map((i) => row.kwargs[i] ?? {}) }
  }
}

/** A blank answer follows nothing, and a constraint without its text cannot be judged; the rest in one call. */
const inOnePhase = <R>(
  judge: SoftJudge<R>,
  requests: ReadonlyArray<SoftRequest>,
  { timeout }: Pick<RewardFunctionOptions, "timeout">
): Effect.Effect<ReadonlyArray<Outcome>, never, R> => {
  const settled = ({ sample, text }: SoftRequest): Outcome | undefined =>
    sample.answer.trim() === "" ? notSatisfied : text === "" ? failed("the row gives no text of this constraint") : undefined
  const open = requests.filter((request) => settled(request) === undefined)
  const judged = guarded<ReadonlyArray<Outcome>, R>(() => judge(open), timeout, (failure) => open.map(() => failure))
  return (open.length === 0 ? Effect.succeed([]) : judged).pipe(
    Effect.map((outcomes) => {
      const listed = listedOutcomes(outcomes, open.length, "constraints")
      let next = 0
      return requests.map((request) => settled(request) ?? checkedOutcome(listed[next++]!))
    })
  )
}

export interface RewardModelJudgeOptions {
  /** probability: the model's own; binary: 1 from 1/2 on, else 0. */
  readonly score: "probability" | "binary"
}

/** Soft constraints by the RewardModel of the environment. */
export const rewardModelJudge = ({ score }: RewardModelJudgeOptions): SoftJudge<RewardModel> => (requests) =>
  RewardModel.use((model) =>
    model.score(requests.map(({ sample, text }) => ({ constraint: text, response: sample.answer, instruction: sample.row.instruction })))
  ).pipe(Effect.map((scores) => scores.map((p) => score === "binary" ? decided(p >= 0.5) : scored(p))))

/** Soft constraints by a function of one at a time, such as the truth of a generated world. */
export const softJudgeOf = (judge: (request: SoftRequest) => Outcome): SoftJudge => (requests) => Effect.sync(() => requests.map(judge))
