// Runs of other people, as configs: what a paper or a system sets, laid between the defaults and a config file. Each
// says where it is from and in what it departs from there; nothing else of a config is touched.
import type { ObjectiveInput } from "./Objective.ts"
import { type ObjectiveName, objectives } from "./Objectives.ts"

/** A value of one field of a config file. */
export type PresetValue = string | number | boolean | ReadonlyArray<number> | { readonly [key: string]: PresetValue }

/** Sections of a run's config by name, each with the fields that the preset sets. */
export interface PresetConfig {
  readonly objective: ObjectiveInput
  readonly [section: string]: ObjectiveInput | { readonly [field: string]: PresetValue }
}

export interface Preset {
  /** What the run is. */
  readonly about: string
  /** Where its values were read. */
  readonly origin: string
  /** Where we do otherwise, and why. */
  readonly departures: ReadonlyArray<string>
  readonly config: PresetConfig
}

export const presetNames = ["paper", "verl-if", "dapo", "dr-grpo", "grpo-trl"] as const
export type PresetName = (typeof presetNames)[number]

/** An objective with its authors' defaults written out, so that the preset says all of it. */
const objective = (name: ObjectiveName, rest: ObjectiveInput = {}): ObjectiveInput => ({
  name,
  ...objectives[name].defaults,
  ...rest
})

/** What the paper and its released code have in common. */
const verlIf = {
  rollout: { promptsPerStep: 384, groupSize: 5, maxTokens: 8192, temperature: 1, topP: 1, topK: 0, minP: 0 },
  optimizer: { learningRate: 1e-6, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 1e-2, maxGradNorm: 1 },
  schedule: { name: "constant", warmupSteps: 0 },
  degenerate: { action: "keep" },
  overlong: { mask: false, buffer: 0 }
} as const

/** Not an exact zero: what their code does and ours does not, wherever it runs. */
const ratioBound = "The log-ratio is held within 20 nats, where theirs overflows; gradients differ only beyond."
const noFirstStep = "The learning rate of the first update is its base; theirs is 0 there, by the scheduler's count."

export const presets: Readonly<Record<PresetName, Preset>> = {
  paper: {
    about: "The run as the paper's text has it: no KL, levels from easy to hard, rewards from 0 to 1.",
    origin: "arXiv 2508.02150; prompts per rollout and clip, which it does not state, from its released config",
    departures: [
      "The loss is the token mean of a whole update, which the text's formula asks for and the released code does " +
        "not do."
    ],
    config: {
      ...verlIf,
      objective: objective("grpo", {
        clipLow: 0.2,
        clipHigh: 0.2,
        klCoefficient: 0,
        aggregation: "token-mean",
        advantage: { name: "group-std", std: "unbiased", epsilon: 1e-6, tolerance: 0 }
      }),
      curriculum: { decompose: true, name: "progressive" },
      train: {
        steps: 260,
        minibatchPrompts: 96,
        epochs: 1,
        oldLogProbs: "trainer",
        microBatchRows: 2,
        microBatchTokens: 20_480
      },
      reward: { aggregation: { name: "mean", scale: 1, formatGate: true } }
    }
  },
  "verl-if": {
    about:
      "The released code's arithmetic: token means of micro-batches of 4, averaged, k3 clamped at 10, rewards from 0 " +
        "to 5.",
    origin: "github.com/Rainier-rq/verl-if dadf40a: examples/config.yaml, core_algos.py, dp_actor.py",
    departures: [
      "Groups of one response are refused; theirs take the raw reward for an advantage.",
      "Where their k3 has a NaN gradient in float32 (log-ratios from 89 nats on) the gradient is 0, as everywhere " +
        "else beyond the clamp.",
      "Micro-batches are 4 responses in the order of the rollout; theirs come in the order that balances tokens over " +
        "24 GPUs.",
      "Soft scores keep their digits; theirs are rounded to 3 decimals.",
      ratioBound,
      noFirstStep
    ],
    config: {
      ...verlIf,
      objective: objective("grpo", {
        clipLow: 0.2,
        clipHigh: 0.2,
        klCoefficient: 0.01,
        klEstimator: "k3",
        klClamp: "verl",
        klIn: "loss",
        aggregation: "micro-batch-mean",
        aggregationRows: 4,
        advantage: { name: "group-std", std: "unbiased", epsilon: 1e-6, tolerance: 0 }
      }),
      curriculum: { decompose: true, name: "shuffled", seed: 1 },
      train: {
        steps: 780,
        seed: 1,
        minibatchPrompts: 96,
        epochs: 1,
        oldLogProbs: "trainer",
        microBatchRows: 4,
        microBatchTokens: 40_960
      },
      reward: { aggregation: { name: "mean", scale: 5, formatGate: true } },
      eval: { every: 52, temperature: 0.5 },
      checkpoint: { every: 52 }
    }
  },
  dapo: {
    about:
      "Clip-higher, token mean, no KL, groups without a signal sampled anew, a growing penalty on the last 4,096 " +
        "tokens.",
    origin: "arXiv 2503.14476, section 4.1; the dual clip of 10 and the weight decay of 0.1 from verl's recipe for it",
    departures: [
      "Each round of sampling asks for as many prompts as are missing, of which there are 10 at most; theirs for a " +
        "whole batch.",
      ratioBound
    ],
    config: {
      objective: objective("dapo", {
        clipLow: 0.2,
        dualClip: 10,
        klCoefficient: 0,
        advantage: { name: "group-std", std: "unbiased", epsilon: 1e-6 }
      }),
      rollout: { promptsPerStep: 512, groupSize: 16, maxTokens: 20_480, temperature: 1, topP: 1, topK: 0, minP: 0 },
      optimizer: { learningRate: 1e-6, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: 1 },
      schedule: { name: "constant", warmupSteps: 320 },
      degenerate: { action: "resample", rounds: 10 },
      overlong: { mask: false, buffer: 4096, penalty: 1 },
      train: { minibatchPrompts: 32, epochs: 1, oldLogProbs: "trainer" }
    }
  },
  "dr-grpo": {
    about: "Advantages without the division by the standard deviation, losses without the division by the length.",
    origin: "arXiv 2503.20783; run sizes from github.com/sail-sg/understand-r1-zero, examples/qwen2.5-math-7b.sh",
    departures: [ratioBound],
    config: {
      objective: objective("dr_grpo", { clipLow: 0.2, clipHigh: 0.2, klCoefficient: 0 }),
      rollout: { promptsPerStep: 128, groupSize: 8, maxTokens: 3000, temperature: 1, topP: 1, topK: 0, minP: 0 },
      optimizer: { learningRate: 1e-6 },
      schedule: { name: "constant", warmupSteps: 0 },
      degenerate: { action: "keep" },
      overlong: { mask: false, buffer: 0 },
      train: { minibatchPrompts: 16, epochs: 1, oldLogProbs: "trainer" }
    }
  },
  "grpo-trl": {
    about: "What TRL's GRPOTrainer does when nothing is set: token mean, no KL, epsilon 1e-4, one update a rollout.",
    origin: "github.com/huggingface/trl f2cd5771 (1.10.0.dev0), GRPOConfig",
    departures: [
      "TRL counts its batch by devices, so prompts per rollout are left as they are.",
      "Its importance weights (sequence_mask, 3) are for vLLM; here sampler and trainer share the weights, so there " +
        "are none.",
      ratioBound
    ],
    config: {
      objective: objective("grpo", {
        clipLow: 0.2,
        clipHigh: 0.2,
        klCoefficient: 0,
        aggregation: "token-mean",
        advantage: { name: "group-std", std: "unbiased", epsilon: 1e-4, tolerance: 0 }
      }),
      rollout: { groupSize: 8, maxTokens: 512, temperature: 1, topP: 1, topK: 0, minP: 0 },
      optimizer: { learningRate: 1e-6, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 },
      schedule: { name: "linear", warmupSteps: 0, minimumRatio: 0 },
      degenerate: { action: "keep" },
      overlong: { mask: false, buffer: 0 },
      train: { minibatchPrompts: 0, epochs: 1 }
    }
  }
}
