// The rewards that a config asks for: constraints by rules and by a judge of soft ones, relevance, internal signals.
import type { ChatTokenizer } from "@ifrl/models"
import {
  abstained, constraintRewards, decided, perSample, type RewardFunction, RewardModel, RewardModelError, rewardModelJudge,
  Rewards, scored, selfConsistency, softJudgeOf, type SoftJudge, stepPlausibility, type StepPlausibilityOptions,
  verifierChecker
} from "@ifrl/reward"
import { Effect, Layer } from "effect"
import type { Config } from "./Config.ts"
import { finalAnswerOf, relevanceOf, softVerdictAt } from "./Source.ts"
import { isFormatted } from "./Thought.ts"

/** By the truth of the embedded world, where there is one. */
const truthJudge = softJudgeOf(({ index, sample }) => {
  const followed = softVerdictAt(sample.row, index, sample.answer)
  return followed === undefined ? abstained("the truth of this constraint is not known") : decided(followed)
})

const softJudges: Readonly<Record<Config["reward"]["soft"], (config: Config) => SoftJudge<RewardModel> | undefined>> = {
  truth: () => truthJudge,
  model: ({ reward }) => rewardModelJudge({ score: reward.softScore }),
  none: () => undefined
}

const relevance = (weight: number) =>
  perSample("relevance", ({ answer, row }) => {
    const share = relevanceOf(row, answer)
    return share === undefined ? abstained("the row does not say what it is about") : scored(share)
  }, { weight })

/** What a run has at hand for its rewards. */
export interface RewardSources {
  readonly tokenizer: ChatTokenizer
  /** Folder of the reward model, where soft constraints are judged by one. */
  readonly rewardModel?: string | undefined
  /** Log-probs of samples under the reference, where plausibility is asked of it. */
  readonly referenceLogProbs?: StepPlausibilityOptions<never>["logProbsOf"]
}

const functionsOf = (config: Config, { referenceLogProbs, tokenizer }: RewardSources): ReadonlyArray<RewardFunction<RewardModel>> => {
  const { plausibilityWeight, relevanceWeight, rules, selfConsistencyWeight, soft } = config.reward
  return [
    constraintRewards({ hard: rules ? verifierChecker : undefined, soft: softJudges[soft](config) }),
    ...(relevanceWeight > 0 ? [relevance(relevanceWeight)] : []),
    ...(selfConsistencyWeight > 0 ? [selfConsistency({ weight: selfConsistencyWeight, finalAnswer: ({ answer, row }) => finalAnswerOf(row, answer) })] : []),
    ...(plausibilityWeight > 0
      ? [stepPlausibility({
        weight: plausibilityWeight,
        decodeToken: (token) => tokenizer.decode([token]),
        ...(referenceLogProbs !== undefined && { logProbsOf: referenceLogProbs })
      })]
      : [])
  ]
}

/** Where the config names another judge, nobody asks it. */
const noRewardModel = Layer.succeed(RewardModel, {
  name: "none",
  readsInstruction: false,
  counts: Effect.succeed({ pairs: 0, read: 0, runs: 0 }),
  score: () =>
    Effect.fail(
      new RewardModelError({ operation: "score", subject: "reward.soft", reason: "no reward model was loaded", remedy: "set it to model" })
    )
})

/** The rewards of a run and the reward model that they ask. */
export const rewardsLayer = (config: Config, sources: RewardSources) =>
  Rewards.layer<RewardModel>(functionsOf(config, sources), ({ text }) => isFormatted(text, config.reward.thought), config.reward).pipe(
    Layer.provideMerge(sources.rewardModel === undefined ? noRewardModel : RewardModel.layer(sources.rewardModel))
  )
