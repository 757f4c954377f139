// The first half of a step: prompts, completions, rewards, advantages.
import { type PromptRow, Prompts, random } from "@ifrl/curriculum"
import { type Reward, Rewards, type RewardSample, scoreOf } from "@ifrl/reward"
import { type Completion, Rollout } from "@ifrl/rollout"
import { packMicroBatches, Policy, unpackCompletions } from "@ifrl/train"
import { Clock, Effect } from "effect"
import { batchAdvantages, type GroupAdvantages, separateAdvantages } from "./Advantages.ts"
import { type Collected, type Episode, GrpoError, type GrpoOptions, policyLogProbs } from "./Grpo.ts"
import { completionMetrics, episodeMetrics, groupMetrics, rewardMetrics } from "./GrpoMetrics.ts"
import { overlongPenalty } from "./Overlong.ts"

/** The completions of one prompt, judged. */
interface Group {
  readonly row: PromptRow
  readonly promptTokens: Int32Array
  readonly completions: ReadonlyArray<Completion>
  readonly texts: ReadonlyArray<string>
  readonly rewards: ReadonlyArray<Reward>
  /** Whether nothing can be learnt from the rewards as judged, before any shaping. */
  readonly degenerate: boolean
}

/** Whether every part of a reward that was decided is more satisfied than not. */
const passes = (reward: Reward): boolean => {
  const decided = partsOf(reward).filter((score) => score !== undefined)
  return decided.length > 0 && decided.every((score) => score >= 0.5)
}

/** Prompts, completions and rewards of one round; rounds after the first make up for degenerate groups. */
const sample = Effect.fnUntraced(function*(options: GrpoOptions, step: number, round: number, count: number) {
  const prompts = yield* Prompts
  const rollout = yield* Rollout
  const rewards = yield* Rewards
  const G = options.groupSize
  const started = yield* Clock.currentTimeMillis
  const rows = yield* prompts.next(count)
  const tokens = yield* Effect.forEach(rows, options.encode)
  const ids = rows.map((row, i) => `${round === 0 ? "" : `${round}.`}${i}:${row.id}`)
  const completions = yield* rollout.generate(
    rows.map((_, i) => ({
      id: ids[i]!,
      promptTokens: tokens[i]!,
      count: G,
      maxTokens: options.maxTokens,
      key: { seed: options.seed, step }
    })),
    options.sampling
  )
  const generated = yield* Clock.currentTimeMillis
  for (const [i, completion] of completions.entries()) {
    const expected = ids[Math.floor(i / G)]!
    if (completion.promptId !== expected || completion.index !== i % G) {
      return yield* new GrpoError({
        step,
        subject: completion.promptId,
        reason: `completion ${i} was expected to be number ${i % G} of ${expected}`,
        remedy: "the rollout engine must give completions in the order of its requests"
      })
    }
  }
  const texts = completions.map((c) => options.tokenizer.decode(c.tokens, { skipSpecial: true }))
  const samples = completions.map((completion, i): RewardSample => ({
    id: `${rows[Math.floor(i / G)]!.id}#${completion.index}`,
    row: rows[Math.floor(i / G)]!,
    text: texts[i]!,
    answer: options.answerOf(texts[i]!),
    completion: { tokens: completion.tokens, logProbs: completion.logProbs }
  }))
  const scored = yield* rewards.score(samples)
  const judged = yield* Clock.currentTimeMillis
  const groups = rows.map((row, i): Group => {
    const own = <A>(values: ReadonlyArray<A>) => values.slice(i * G, (i + 1) * G)
    const rewards = own(scored)
    return {
      row,
      promptTokens: tokens[i]!,
      completions: own(completions),
      texts: own(texts),
      rewards,
      degenerate: batchAdvantages([rewards.map((r) => r.value)], options.objective.advantage)[0]!.degenerate
    }
  })
  yield* prompts.report(groups.map(({ rewards, row }) => ({ row, passRate: rewards.filter(passes).length / G })))
  return { groups, generateSeconds: (generated - started) / 1000, rewardSeconds: (judged - generated) / 1000 }
})

/** KL from the reference summed over each completion (k1: the sampled log-probs less the reference's), in nats. */
const divergences = Effect.fnUntraced(function*(groups: ReadonlyArray<Group>, options: GrpoOptions) {
  const policy = yield* Policy
  const rows = groups.flatMap(({ completions, promptTokens }) =>
    completions.map((completion) => ({
      id: completion.promptId,
      tokens: Int32Array.of(...promptTokens, ...completion.tokens),
      promptLength: promptTokens.length,
      fields: { weights: new Float32Array(completion.tokens.length) }
    }))
  )
  const batches = packMicroBatches(rows, options.microBatch)
  const outputs = yield* Effect.forEach(batches, (batch) => policy.evaluate(batch, { reference: true }))
  const reference = unpackCompletions(rows, batches, outputs.map((output) => output.logProbs))
  return groups.flatMap((group) => group.completions).map((completion, i) =>
    policyLogProbs(completion, options).reduce((sum, logProb, t) => sum + logProb - reference[i]![t]!, 0)
  )
})

/**
 * The parts of a reward as numbers, undefined where one abstained or the whole is undecided; all 0 where the format gate has set the reward
 * to 0.
 */
const partsOf = ({ formatted, parts, value }: Reward): Array<number | undefined> =>
  parts.map(({ outcome }) => {
    if (value === undefined || !formatted && value === 0) return value
    return outcome._tag === "Abstained" || outcome._tag === "Failed" ? undefined : scoreOf(outcome)
  })

/** Advantages of the groups, from rewards as shaped. In the control experiment rewards first change places in each group. */
const advantagesOf = (
  groups: ReadonlyArray<Group>,
  shaping: ReadonlyArray<number>,
  options: GrpoOptions,
  step: number
): ReadonlyArray<GroupAdvantages> => {
  const { groupSize: G, objective: { advantage }, seed, shuffleRewards } = options
  const placed = <A>(values: ReadonlyArray<A>, i: number) =>
    shuffleRewards ? random(seed, "shuffle-rewards", step, i).shuffle(values) : values
  if (advantage.rewards === "apart") {
    // Shaping is a reward of its own, of weight 1.
    const parts = groups.map((group, i) =>
      placed(group.rewards.map((reward, g) => [...partsOf(reward), reward.value === undefined ? undefined : shaping[i * G + g]!]), i)
    )
    const weights = groups.map((group) => [...group.rewards[0]!.parts.map((part) => part.weight), 1])
    return separateAdvantages(parts, weights, advantage)
  }
  const shaped = groups.map((group, i) =>
    placed(group.rewards.map(({ value }, g) => value === undefined ? undefined : value + shaping[i * G + g]!), i)
  )
  return batchAdvantages(shaped, advantage)
}

/** Prompts, completions, rewards and advantages of one step. */
export const collect = Effect.fn("grpo.collect")(function*(options: GrpoOptions, step: number) {
  const { degenerate: { action, rounds }, groupSize: G, maxTokens, objective, overlong, promptsPerStep } = options
  const sampled: Array<Group> = []
  let generateSeconds = 0
  let rewardSeconds = 0
  const useful = () => sampled.filter((group) => !group.degenerate).length
  for (let round = 0; round <= (action === "resample" ? rounds : 0); round++) {
    const missing = promptsPerStep - useful()
    if (missing === 0) break
    const found = yield* sample(options, step, round, missing)
    sampled.push(...found.groups)
    generateSeconds += found.generateSeconds
    rewardSeconds += found.rewardSeconds
  }
  const groups = action === "keep" ? sampled : sampled.filter((group) => !group.degenerate)
  const completions = groups.flatMap((group) => group.completions)
  const penalised = objective.klIn === "reward" && objective.klCoefficient > 0 && completions.length > 0
  const kl = penalised ? yield* divergences(groups, options) : undefined
  const shaping = completions.map((completion, i) =>
    overlongPenalty(completion.tokens.length, maxTokens, overlong) -
    (kl === undefined ? 0 : objective.klCoefficient * kl[i]!)
  )
  const advantages = advantagesOf(groups, shaping, options, step)
  const episodes = groups.flatMap((group, i) =>
    group.completions.map((completion, g): Episode => ({
      row: group.row,
      promptTokens: group.promptTokens,
      completion,
      text: group.texts[g]!,
      reward: group.rewards[g]!,
      shaping: shaping[i * G + g]!,
      advantage: advantages[i]!.advantages[g]!
    }))
  )
  const cursor = yield* (yield* Prompts).cursor
  const all = sampled.flatMap((group) => group.completions)
  const tokens = all.reduce((sum, c) => sum + c.tokens.length, 0)
  const promptTokens = sampled.reduce((sum, group) => sum + group.promptTokens.length * G, 0)
  const collected: Collected = {
    episodes,
    cursor,
    metrics: {
      ...completionMetrics(all),
      ...rewardMetrics(sampled.flatMap((group) => group.rewards)),
      ...groupMetrics(sampled, promptsPerStep),
      ...episodeMetrics(episodes),
      ...(kl !== undefined && { reward_kl: kl.reduce((a, b) => a + b, 0) / kl.length }),
      num_tokens: tokens + promptTokens,
      "timing_s/generate": generateSeconds,
      "timing_s/reward": rewardSeconds,
      "rollout/tokens_per_second": tokens / Math.max(1e-3, generateSeconds)
    }
  }
  return collected
})
