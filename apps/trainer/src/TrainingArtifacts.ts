// The graphs that a config asks for, of a decoder: training, evaluation, optimizer and, for a folder, the decode step.
import { type Artifacts, generateArtifacts, type LossName, type LossSpec } from "@ifrl/artifacts"
import { objectiveLoss } from "@ifrl/grpo"
import { type DecoderConfig, decoderGraph, loraParameters, type LoraShape } from "@ifrl/models"
import { encodeModel } from "@ifrl/onnx"
import { generateGraph } from "@ifrl/rollout"
import type { Config } from "./Config.ts"
import { longestSequence } from "./Units.ts"

/** The loss of a policy under `config`: its objective, of the distribution that it samples from. */
export const policyLoss = ({ objective, rollout }: Config): LossSpec => objectiveLoss(objective, rollout.temperature)

/**
 * Graphs that train `decoder` for `loss`: every parameter, or those of an adapter alone. Emitted from the config; takes no
 * weights.
 */
export const trainingArtifacts = (
  config: Config,
  decoder: DecoderConfig,
  loss: LossName | LossSpec,
  lora?: LoraShape
): Artifacts => {
  const { optimizer: { betas: [beta1, beta2], epsilon }, train: { recompute } } = config
  return generateArtifacts({
    model: decoderGraph(decoder, { maxLength: longestSequence(config, decoder), recompute, lora }),
    loss,
    optimizer: { beta1, beta2, epsilon },
    ...(lora !== undefined && { requiresGrad: loraParameters(decoder, lora).map(({ name }) => name) })
  })
}

/** The same with the decode step: all graphs of a folder. */
export const folderArtifacts = (
  config: Config,
  decoder: DecoderConfig,
  loss: LossName | LossSpec,
  lora?: LoraShape
): Artifacts => ({
  ...trainingArtifacts(config, decoder, loss, lora),
  generate: encodeModel(generateGraph(decoder, { maxLength: longestSequence(config, decoder), lora }))
})
