// What a policy's own behaviour says of its reasoning, without labels: whether the answers of a group agree, and how
// plausible the steps of a thought are. One public summary of the method names such signals; the paper (arXiv 2508.02150)
// does not. Both can be gamed (a policy can agree with itself on nonsense, and grow sure of anything): off unless given a
// weight, and to be measured.
import { compareAnswers, finalLine, lastBoxed } from "@ifrl/verifiers"
import { Effect } from "effect"
import { mean } from "./Mean.ts"
import { abstained, failed, type Outcome, scored } from "./Outcome.ts"
import { perBatch, type RewardFunction, type RewardSample } from "./RewardFunction.ts"

export interface SelfConsistencyOptions {
  readonly weight: number
  /** Samples with a final answer to agree on; those whose row has one unless given. */
  readonly appliesTo?: (sample: RewardSample) => boolean
  /** The final answer of a sample; the last box or else the final line unless given. */
  readonly finalAnswer?: (sample: RewardSample) => string | undefined
}

const boxOrLine = ({ answer }: RewardSample) => lastBoxed(answer) ?? finalLine(answer)

const agree = (a: string, b: string | undefined): boolean => a === b || b !== undefined && compareAnswers(a, b)._tag === "Equal"

/**
 * Agreement of final answers within the samples of one prompt: the share of the others that give the same answer by value
 * (TTRL, arXiv 2504.16084, rewards the majority; this is its smooth form). No answer agrees with none.
 */
export const selfConsistency = (options: SelfConsistencyOptions): RewardFunction => {
  const { appliesTo = ({ row }) => row.answer !== undefined, finalAnswer = boxOrLine } = options
  return perBatch("self_consistency", (samples) => {
    const answers = samples.map((sample) => appliesTo(sample) ? finalAnswer(sample)?.trim().toLowerCase() ?? "" : undefined)
    const groups = new Map<string, Array<number>>()
    samples.forEach(({ row }, i) => groups.set(row.id, [...groups.get(row.id) ?? [], i]))
    return samples.map(({ row }, i): Outcome => {
      const answer = answers[i]
      if (answer === undefined) return abstained("the prompt asks for no final answer")
      const others = groups.get(row.id)!.filter((j) => j !== i)
      if (others.length === 0) return abstained("there is no other response to agree with")
      const same = answer === "" ? 0 : others.filter((j) => agree(answer, answers[j])).length
      return scored(same / others.length)
    })
  }, { weight: options.weight })
}

/**
 * A thought cut into steps: positions of its tokens, one list a step. A step ends with a line or a sentence. Tokens that
 * spell the tags, which many tokenizers write as several, are of no step. A thought that never ends is none.
 */
export const thoughtSteps = (tokens: ArrayLike<number>, decodeToken: (token: number) => string): ReadonlyArray<ReadonlyArray<number>> => {
  const [opening, closing] = ["<think>", "</think>"]
  const pieces = Array.from(tokens, (token) => decodeToken(token))
  const text = pieces.join("")
  const end = text.indexOf(closing)
  if (end < 0) return []
  const opened = text.slice(0, end).indexOf(opening)
  const start = opened < 0 ? 0 : opened + opening.length
  const steps: Array<Array<number>> = []
  let step: Array<number> = []
  let at = 0
  for (const [t, piece] of pieces.entries()) {
    const inside = at >= start && at + piece.length <= end
    at += piece.length
    if (!inside) continue
    if (step.length > 0 || piece.trim() !== "") step.push(t)
    if (step.length > 0 && /\n\s*$|[.!?]["')\]]?\s*$/.test(piece)) {
      steps.push(step)
      step = []
    }
  }
  return step.length > 0 ? [...steps, step] : steps
}

export interface StepPlausibilityOptions<R> {
  readonly weight: number
  /** Text of one token. */
  readonly decodeToken: (token: number) => string
  /**
   * Log-probs of each sample's tokens, in nats; as they were sampled by the policy unless given, for example under the
   * reference model.
   */
  readonly logProbsOf?: (samples: ReadonlyArray<RewardSample>) => Effect.Effect<ReadonlyArray<ArrayLike<number>>, unknown, R>
}

/**
 * Step-wise plausibility of the reasoning inside `<think>`: exp of the mean log-prob of a step's tokens, the mean over the
 * steps. In (0, 1]; a long step counts as much as a short one, so that nothing is gained by length.
 */
export const stepPlausibility = <R = never>(options: StepPlausibilityOptions<R>): RewardFunction<R> => {
  const sampled = (samples: ReadonlyArray<RewardSample>) => Effect.succeed(samples.map((sample) => sample.completion?.logProbs ?? []))
  const judge = (samples: ReadonlyArray<RewardSample>, logProbs: ReadonlyArray<ArrayLike<number>>) =>
    samples.map(({ completion }, i): Outcome => {
      if (completion === undefined) return failed("the sample comes without its tokens")
      const steps = thoughtSteps(completion.tokens, options.decodeToken)
      if (steps.length === 0) return abstained("there is no whole thought")
      return scored(Math.min(1, mean(steps.map((step) => Math.exp(mean(step.map((t) => logProbs[i]![t]!)))))))
    })
  return perBatch(
    "step_plausibility",
    (samples) =>
      (options.logProbsOf ?? sampled as NonNullable<typeof options.logProbsOf>)(samples).pipe(
        Effect.map((logProbs) => judge(samples, logProbs))
      ),
    { weight: options.weight }
  )
}
