// Judges to measure: the reward model, a chat model behind any OpenAI-compatible endpoint, and the policy itself. The two
// that write are asked the same question and read the same way.
import { ChatEndpoint } from "@ifrl/curriculum"
import { RewardModel, type RewardPair } from "@ifrl/reward"
import { type GenerateOptions, Rollout } from "@ifrl/rollout"
import { answerAfterThink } from "@ifrl/verifiers"
import { Effect } from "effect"
import type { AgreementJudge } from "./Agreement.ts"

/** The RewardModel of the environment. */
export const rewardModelAsJudge = Effect.map(RewardModel, ({ name, score }) => ({ name, score }))

/** What a judge that writes is asked. */
export const judgeQuestion = ({ constraint, instruction = "", response }: RewardPair): string =>
  [
    "Decide whether a response follows a constraint. Judge this constraint alone, not the quality of the response.",
    ...(instruction === "" ? [] : [`Instruction:\n${instruction}`]),
    `Constraint:\n${constraint}`,
    `Response:\n${response}`,
    "Does the response follow the constraint? Reply with one word, Yes or No."
  ].join("\n\n")

/** The last yes or no after the thought: 1 or 0; a half where there is neither, as in a thought that was cut off. */
export const readVerdict = (reply: string): number => {
  const said = answerAfterThink(reply) ?? (/^\s*<think>/.test(reply) ? "" : reply)
  const words = said.toLowerCase().match(/\b(?:yes|no)\b/g)
  const last = words?.at(-1)
  return last === undefined ? 0.5 : last === "yes" ? 1 : 0
}

export interface WritingJudgeOptions {
  /** Longest reply in tokens, a thought included. */
  readonly maxTokens: number
}

/** The chat model of the ChatEndpoint of the environment, at temperature 0. */
export const chatJudge = (options: WritingJudgeOptions) =>
  Effect.map(ChatEndpoint, ({ complete, model }) => ({
    name: model,
    score: (pairs: ReadonlyArray<RewardPair>) =>
      Effect.forEach(
        pairs,
        (pair) => complete({ messages: [{ role: "user", content: judgeQuestion(pair) }], temperature: 0, maxTokens: options.maxTokens }),
        // The endpoint bounds what is under way.
        { concurrency: "unbounded" }
      ).pipe(Effect.map((replies) => replies.map(({ text }) => readVerdict(text))))
  }))

export interface PolicyJudgeOptions<E> extends WritingJudgeOptions {
  readonly name: string
  /** Tokens of a user's message, chat template applied. */
  readonly encode: (message: string) => Effect.Effect<Int32Array, E>
  readonly decode: (tokens: Int32Array) => string
  readonly sampling: GenerateOptions
}

/** The policy behind the Rollout of the environment, greedy. */
export const policyJudge = <E>(options: PolicyJudgeOptions<E>) =>
  Effect.map(Rollout, (rollout) => ({
    name: options.name,
    score: Effect.fnUntraced(function*(pairs: ReadonlyArray<RewardPair>) {
      const requests = yield* Effect.forEach(pairs, (pair, i) =>
        Effect.map(options.encode(judgeQuestion(pair)), (promptTokens) => ({
          id: String(i),
          promptTokens,
          maxTokens: options.maxTokens,
          key: { seed: 0, step: 0 }
        })))
      const completions = yield* rollout.generate(requests, { ...options.sampling, temperature: 0 })
      return completions.map(({ tokens }) => readVerdict(options.decode(tokens)))
    })
  })) satisfies Effect.Effect<AgreementJudge<unknown>, never, Rollout>
