// What the prompts and models of a run come to, for the plan of a dry run and for the check of its memory: no weights are read.
import { isSoft, type PromptRow } from "@ifrl/curriculum"
import { Effect } from "effect"
import { type Config, embedded } from "./Config.ts"
import { modelDirectory, readClassifierSize, readModelSize } from "./ModelFolder.ts"
import { rewardBase, trainsRewardModel } from "./SoftModel.ts"
import { countPairs } from "./SoftPairs.ts"
import { conversationsOf, heldOutPrompts, probePrompts, scheduledPrompts, trainingPrompts } from "./Source.ts"
import type { JudgeWork, Work } from "./Units.ts"

/** The size of the reward model that a run asks; undefined where it asks none. */
export const judgeSize = Effect.fnUntraced(function*(config: Config) {
  if (config.reward.soft !== "model") return undefined
  return yield* trainsRewardModel(config) ? readModelSize(modelDirectory(rewardBase(config))) : readClassifierSize(config.rewardModel.path)
})

const softOf = (rows: ReadonlyArray<PromptRow>) => rows.reduce((sum, row) => sum + row.instruction_id_list.filter(isSoft).length, 0)

/** Of `ifrl train`. */
export const trainWork = Effect.fnUntraced(function*(config: Config) {
  const originals = yield* trainingPrompts(config)
  const rows = yield* scheduledPrompts(config, originals)
  const heldOut = yield* heldOutPrompts(config, rows)
  const evaluated = heldOut.length + (yield* probePrompts(config)).length
  const model = yield* judgeSize(config)
  if (model === undefined) return { evaluated } satisfies Work
  return {
    evaluated,
    judge: {
      model,
      perPrompt: softOf(rows) / Math.max(1, rows.length),
      heldOut: softOf(heldOut),
      ...(trainsRewardModel(config) && { pairs: countPairs(config, originals) })
    }
  } satisfies Work
})

/** Of `ifrl reward train`. */
export const rewardTrainWork = Effect.fnUntraced(function*(config: Config) {
  const model = yield* readModelSize(modelDirectory(rewardBase(config)))
  return { model, perPrompt: 0, heldOut: 0, pairs: countPairs(config, yield* trainingPrompts(config)) } satisfies JudgeWork
})

/** Of `ifrl sft`: its conversations, where it goes by passes over them. */
export const sftWork = (config: Config) =>
  config.sft.epochs === 0
    ? Effect.succeed(0)
    : config.data.examples === embedded
    ? Effect.succeed(config.data.demonstrations)
    : Effect.map(conversationsOf(config.data.examples), ({ length }) => length)

/** Of `ifrl eval`. */
export const evalWork = (config: Config) => Effect.map(heldOutPrompts(config, []), (rows): Work => ({ evaluated: rows.length }))
