// The policy's own answers to the two prompts of each soft constraint. Answers to a prompt that several constraints share
// (a row's level k is a positive of c_k and a negative of c_{k+1}) are generated once.
import type { PromptRow } from "@ifrl/curriculum"
import { type Completion, type GenerateOptions, Rollout } from "@ifrl/rollout"
import { Effect, Schema } from "effect"
import { pairAnswers, pairPrompts, planPairs } from "./Pairs.ts"
import type { PairsConfig } from "./PairFilters.ts"

/** The policy's answers to one prompt, thoughts left out. */
export const PromptAnswers = Schema.Struct({ id: Schema.String, answers: Schema.Array(Schema.String) })
export type PromptAnswers = typeof PromptAnswers.Type

export interface PairGenerationOptions<E, E2 = never, R = never> {
  readonly config: PairsConfig
  /** Names the policy in every pair. */
  readonly policy: string
  readonly maxTokens: number
  readonly sampling: GenerateOptions
  /** The prompt's tokens, chat template applied. */
  readonly encode: (row: PromptRow) => Effect.Effect<Int32Array, E>
  /** The answer of a completion without its thought; blank when it has none. */
  readonly answerOf: (completion: Completion) => string
  /** What an interrupted call gave to `onAnswers`: not generated again, and all else comes out as if it hadn't been. */
  readonly known?: ReadonlyArray<PromptAnswers> | undefined
  /** Given the answers to some prompts as soon as they are there. */
  readonly onAnswers?: (answers: ReadonlyArray<PromptAnswers>) => Effect.Effect<void, E2, R>
}

/** Prompts of one call of the rollout: what an interruption loses at most. Rounding follows these cuts, so they are fixed. */
const promptsPerCall = 256

/** Pairs of every soft constraint of the rows, unfiltered. */
export const generatePairs = Effect.fn("generatePairs")(function*<E, E2 = never, R = never>(
  rows: ReadonlyArray<PromptRow>,
  options: PairGenerationOptions<E, E2, R>
) {
  const { answerOf, config, encode, maxTokens, onAnswers, policy, sampling } = options
  const rollout = yield* Rollout
  const plans = planPairs(rows)
  const prompts = pairPrompts(plans)
  const answers = new Map(options.known?.map(({ answers, id }) => [id, answers]))
  for (let from = 0; from < prompts.length; from += promptsPerCall) {
    const some = prompts.slice(from, from + promptsPerCall)
    if (some.every(({ id }) => answers.has(id))) continue
    const requests = yield* Effect.forEach(some, (row) =>
      Effect.map(encode(row), (promptTokens) => ({
        id: row.id,
        promptTokens,
        count: config.samples,
        maxTokens,
        key: { seed: config.seed, step: 0 }
      })))
    const completions = yield* rollout.generate(requests, {
      ...sampling,
      onProgress: (progress) => sampling.onProgress?.({
        ...progress,
        completed: progress.completed + from * config.samples,
        total: prompts.length * config.samples
      }) ?? Effect.void
    })
    const found = some.map(({ id }, i): PromptAnswers => ({
      id,
      answers: completions.slice(i * config.samples, (i + 1) * config.samples).map(answerOf)
    }))
    found.forEach(({ answers: own, id }) => answers.set(id, own))
    if (onAnswers !== undefined) yield* onAnswers(found)
  }
  const source = { policy, seed: config.seed, temperature: sampling.temperature ?? 1 }
  return pairAnswers(
    plans.map((plan) => ({ plan, positives: answers.get(plan.above.id)!, negatives: answers.get(plan.below.id)! })),
    source,
    config
  )
})
