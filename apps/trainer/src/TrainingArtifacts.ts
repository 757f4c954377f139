// The graphs that a config asks for, of a decoder: training, evaluation, optimizer and decode step.
import { type Artifacts, generateArtifacts, type LossName, type LossSpec } from "@ifrl/artifacts"
import { objectiveLoss } from "@ifrl/grpo"
import { type DecoderConfig, decoderGraph, decoderParameters, loraParameters, type LoraShape } from "@ifrl/models"
import { encodeModel } from "@ifrl/onnx"
import { generateGraph } from "@ifrl/rollout"
import type { Config } from "./Config.ts"
import { longestSequence } from "./Units.ts"

/** The loss of a policy under `config`: its objective, of the distribution that it samples from. */
export const policyLoss = ({ objective, rollout }: Config): LossSpec => objectiveLoss(objective, rollout.temperature)

/**
 * Artifacts of `decoder` for `loss`: every parameter trained, or those of an adapter alone. Emitted from the config;
 * takes no weights.
 */
export const trainingArtifacts = (
  config: Config,
  decoder: DecoderConfig,
  loss: LossName | LossSpec,
  lora?: LoraShape
): Artifacts => {
  const maxLength = longestSequence(config, decoder)
  const [beta1, beta2] = config.optimizer.betas
  const adapted = lora === undefined ? [] : loraParameters(decoder, lora)
  const decays = new Map([...decoderParameters(decoder), ...adapted].map(({ decay, name }) => [name, decay]))
  const artifacts = generateArtifacts({
    model: decoderGraph(decoder, { maxLength, recompute: config.train.recompute, lora }),
    loss,
    optimizer: { beta1, beta2, epsilon: config.optimizer.epsilon },
    decay: (name) => decays.get(name) === true,
    ...(lora !== undefined && { requiresGrad: adapted.map(({ name }) => name) })
  })
  return { ...artifacts, generate: encodeModel(generateGraph(decoder, { maxLength, lora })) }
}
