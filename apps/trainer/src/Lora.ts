import type { LoraOptions } from "@ifrl/models"
import type { Config } from "./Config.ts"

/** The adapter that a config asks for; undefined where all weights are trained. */
export const loraOptions = ({ lora }: Config): LoraOptions | undefined => {
  if (lora.rank === 0) return undefined
  const targets = lora.targets.length === 1 && !/^[\w.]+$/.test(lora.targets[0]!) ? lora.targets[0]! : lora.targets
  return { rank: lora.rank, alpha: lora.alpha, targets, rankStabilised: lora.rankStabilised }
}
