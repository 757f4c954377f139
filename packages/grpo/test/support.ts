import { NodeServices } from "@effect/platform-node"
import { generateArtifacts } from "@ifrl/artifacts"
import { Prompts, promptRow } from "@ifrl/curriculum"
import { decoderGraph, initializeModel, type Model, parseConfig, trainTokenizer } from "@ifrl/models"
import { decided, perSample, type RewardFunction, Rewards, scored } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Runtime } from "@ifrl/runtime"
import { Policy } from "@ifrl/train"
import { Effect, Layer, Result } from "effect"
import { type GrpoOptions, objectiveConfig } from "../src/index.ts"

const config = Result.getOrThrow(parseConfig({
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  vocab_size: 320,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  initializer_range: 0.02
}))

export const rows = ["a river", "a bird", "a tree", "the sea"].map((subject) =>
  promptRow({ instruction: `Name ${subject}.`, domain: "naming", constraints: [] })
)

export const freshModel = Effect.suspend(() =>
  initializeModel(
    config,
    3,
    trainTokenizer(rows.map((row) => row.prompt), {
      vocabSize: 300,
      specialTokens: ["<|im_start|>", "<|im_end|>"],
      eosToken: "<|im_end|>"
    })
  )
)

/** Share of the completion's characters that are ASCII letters. */
export const letters: RewardFunction = perSample("letters", ({ text }) =>
  text === "" ? decided(false) : scored([...text].filter((c) => /[a-z]/i.test(c)).length / [...text].length)
)

const objective = objectiveConfig()

export const optionsFor = (model: Model, overrides: Partial<GrpoOptions> = {}): GrpoOptions => ({
  promptsPerStep: 4,
  groupSize: 8,
  maxTokens: 8,
  sampling: { temperature: 1, stopTokens: model.tokenizer.eosIds },
  seed: 1,
  minibatchPrompts: 0,
  epochs: 1,
  oldLogProbs: "sampler",
  degenerate: { action: "keep", rounds: 3 },
  overlong: { mask: false, buffer: 0, penalty: 1 },
  guards: { skipGradNorm: 0, targetKl: 0 },
  microBatch: { maxTokens: 512 },
  objective,
  learningRate: 1e-2,
  schedule: { name: "constant", warmupSteps: 0, minimumRatio: 0 },
  maxGradNorm: 1,
  steps: 30,
  shuffleRewards: false,
  encode: (row) => Effect.sync(() => model.tokenizer.encode(row.prompt)),
  tokenizer: model.tokenizer,
  answerOf: (text) => text,
  ...overrides
})

/** Everything that a step needs, around one model. */
export const layersFor = (
  model: Model,
  options: { readonly kl?: boolean; readonly reference?: Model["parameters"]; readonly reward?: RewardFunction } = {}
) =>
  Layer.mergeAll(
    Policy.layer({
      model,
      artifacts: generateArtifacts({ model: decoderGraph(config), loss: options.kl ? "grpo+kl" : "grpo" }),
      weightDecay: 0,
      ...(options.kl && { reference: model.parameters }),
      ...(options.reference !== undefined && { reference: options.reference })
    }),
    Rollout.layer({ model, rows: 32, maxLength: 64 }),
    Rewards.layer([options.reward ?? letters], () => true, {
      aggregation: { name: "mean", scale: 1, formatGate: false },
      errorBudget: 0
    }),
    Layer.orDie(Prompts.layer(rows, { name: "shuffled", seed: 0, replay: 0 }))
  )

export const platform = Layer.merge(Runtime.layer({ threads: 2 }), NodeServices.layer)

export const run = <A, E>(effect: Effect.Effect<A, E, any>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(platform)) as Effect.Effect<A, E>)
