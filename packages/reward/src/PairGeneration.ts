// The policy's own answers to the two prompts of each soft constraint. Answers to a prompt that several constraints share
// (a row's level k is a positive of c_k and a negative of c_{k+1}) are generated once.
import type { PromptRow } from "@ifrl/curriculum"
import { type Completion, type GenerateOptions, Rollout } from "@ifrl/rollout"
import { Effect } from "effect"
import { pairAnswers, planPairs } from "./Pairs.ts"
import type { PairsConfig } from "./PairFilters.ts"

export interface PairGenerationOptions<E> {
  readonly config: PairsConfig
  /** Names the policy in every pair. */
  readonly policy: string
  readonly maxTokens: number
  readonly sampling: GenerateOptions
  /** The prompt's tokens, chat template applied. */
  readonly encode: (row: PromptRow) => Effect.Effect<Int32Array, E>
  /** The answer of a completion without its thought; blank when it has none. */
  readonly answerOf: (completion: Completion) => string
}

/** Pairs of every soft constraint of the rows, unfiltered. */
export const generatePairs = Effect.fn("generatePairs")(function*<E>(
  rows: ReadonlyArray<PromptRow>,
  options: PairGenerationOptions<E>
) {
  const { answerOf, config, encode, maxTokens, policy, sampling } = options
  const rollout = yield* Rollout
  const plans = planPairs(rows)
  const prompts = [...new Map(plans.flatMap(({ above, below }) => [above, below]).map((row) => [row.id, row])).values()]
  const requests = yield* Effect.forEach(prompts, (row) =>
    Effect.map(encode(row), (promptTokens) => ({
      id: row.id,
      promptTokens,
      count: config.samples,
      maxTokens,
      key: { seed: config.seed, step: 0 }
    })))
  const answers = new Map<string, Array<string>>()
  for (const completion of yield* rollout.generate(requests, sampling)) {
    const some = answers.get(completion.promptId) ?? []
    some.push(answerOf(completion))
    answers.set(completion.promptId, some)
  }
  const source = { policy, seed: config.seed, temperature: sampling.temperature ?? 1 }
  return pairAnswers(
    plans.map((plan) => ({ plan, positives: answers.get(plan.above.id)!, negatives: answers.get(plan.below.id)! })),
    source,
    config
  )
})
