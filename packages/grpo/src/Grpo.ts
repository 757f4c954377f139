// What a run of GRPO is told, and what passes between its two halves: `collect` (prompts, completions, rewards,
// advantages; may be interrupted) and `learn` (gradients and updates). Ids travel with every row; pairing is checked.
import type { Cursor, PromptRow } from "@ifrl/curriculum"
import type { ChatTokenizer } from "@ifrl/models"
import type { Reward } from "@ifrl/reward"
import type { Completion, GenerateOptions } from "@ifrl/rollout"
import type { GuardsConfig, LearningRateSchedule, MetricRecord, PackOptions } from "@ifrl/train"
import { Data, Effect, Schema } from "effect"
import type { ObjectiveConfig } from "./Objective.ts"
import type { OverlongConfig } from "./Overlong.ts"

export const DegenerateConfig = Schema.Struct({
  action: Schema.Literals(["keep", "drop", "resample"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("keep" as const))
  ).annotate({
    description:
      "What becomes of groups whose rewards do not differ. keep: their tokens count in the mean and teach nothing; drop: they " +
      "leave the update; resample: other prompts take their places, and what is still missing after the rounds is dropped."
  }),
  rounds: Schema.Int.pipe(
    Schema.check(Schema.isGreaterThanOrEqualTo(1)),
    Schema.withDecodingDefaultKey(Effect.succeed(3))
  ).annotate({ description: "Times that resample takes further prompts in one step.", unit: "rounds" })
})
export type DegenerateConfig = typeof DegenerateConfig.Type

export interface GrpoOptions {
  readonly promptsPerStep: number
  /** Completions of each prompt, at least 2. */
  readonly groupSize: number
  readonly maxTokens: number
  /** Temperature and filters, stop tokens, progress. */
  readonly sampling: GenerateOptions
  readonly seed: number
  /** Prompts of one optimizer update at most; 0 for all of the rollout's. */
  readonly minibatchPrompts: number
  /** Passes over one rollout, each in an order of its own after the first. */
  readonly epochs: number
  /** Whose log-probs the ratio starts from: the sampler's, or the trainer's own from a pass before the first update. */
  readonly oldLogProbs: "sampler" | "trainer"
  readonly degenerate: DegenerateConfig
  readonly overlong: OverlongConfig
  readonly guards: Pick<GuardsConfig, "skipGradNorm" | "targetKl">
  readonly microBatch: PackOptions
  readonly objective: ObjectiveConfig
  readonly learningRate: number
  readonly schedule: LearningRateSchedule
  readonly maxGradNorm: number
  /** Steps of the whole run, for the schedule. */
  readonly steps: number
  /** Control experiment: rewards change places at random within each group, so that nothing can be learnt. */
  readonly shuffleRewards: boolean
  /** The prompt's tokens, chat template applied. */
  readonly encode: (row: PromptRow) => Effect.Effect<Int32Array, GrpoError>
  readonly tokenizer: ChatTokenizer
  /** What the constraints are about: the completion without its thought. */
  readonly answerOf: (text: string) => string
}

/** A step that cannot go on, with its prompt and what to do. */
export class GrpoError extends Data.TaggedError("GrpoError")<{
  readonly step: number
  readonly subject: string
  readonly reason: string
  readonly remedy: string
}> {
  override get message(): string {
    return `step ${this.step}: ${this.subject}: ${this.reason}; ${this.remedy}`
  }
}

/** One completion with everything that is known of it; also a line of the completions log. */
export interface Episode {
  readonly row: PromptRow
  readonly promptTokens: Int32Array
  readonly completion: Completion
  readonly text: string
  readonly reward: Reward
  /** Added to the reward before advantages are computed: the overlong penalty and a KL penalty in the reward. */
  readonly shaping: number
  readonly advantage: number
}

/** What a step has collected to learn from. */
export interface Collected {
  /** Whole groups one after another, `groupSize` episodes each. */
  readonly episodes: ReadonlyArray<Episode>
  /** The data cursor after this step's prompts, for the checkpoint. */
  readonly cursor: Cursor
  readonly metrics: MetricRecord
}

/**
 * Log-probs of a completion's tokens under the distribution that is trained: that of the sampling temperature. At
 * temperature 1 these are the policy's own.
 */
export const policyLogProbs = (completion: Completion, { sampling }: Pick<GrpoOptions, "sampling">): Float32Array =>
  (sampling.temperature ?? 1) === 1 ? completion.logProbs : completion.samplingLogProbs

/** Minibatches of one pass over a rollout of `promptsPerStep` prompts. */
export const minibatches = (
  { minibatchPrompts, promptsPerStep }: Pick<GrpoOptions, "minibatchPrompts" | "promptsPerStep">
): number => minibatchPrompts === 0 ? 1 : Math.ceil(promptsPerStep / minibatchPrompts)

/** Optimizer updates that one rollout is planned for, as the schedule counts them; guards may end them early. */
export const updatesPerRollout = (
  options: Pick<GrpoOptions, "epochs" | "minibatchPrompts" | "promptsPerStep">
): number => minibatches(options) * options.epochs
