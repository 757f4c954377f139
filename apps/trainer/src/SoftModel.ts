// From the policy to the reward model of soft constraints: pairs of its own answers, a classifier on them, both kept in a
// folder. Where the embedded world knows the truth, the pairs are measured against it; nothing is trained on it.
import { isSoft, type PromptRow } from "@ifrl/curriculum"
import { loadModel, type Model } from "@ifrl/models"
import {
  generatePairs, loadRewardModel, type PairStep, type RewardModelCard, type RewardModelResult, saveRewardModel, type SoftPair, trainRewardModel, writePairs
} from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Clock, Effect, FileSystem, Path } from "effect"
import { CommandError } from "./CommandError.ts"
import type { Config } from "./Config.ts"
import { Display } from "./Display.ts"
import { modelDirectory } from "./ModelFolder.ts"
import { maxLengthOf, promptEncoder } from "./Session.ts"
import { softVerdictAt } from "./Source.ts"
import { answerOf } from "./Thought.ts"

/** What is said of a reward model that was trained. */
export interface SoftModelSummary {
  readonly directory: string
  readonly seconds: number
  readonly pairs: number
  readonly steps: ReadonlyArray<PairStep>
  readonly split: RewardModelResult["split"]
  readonly looks: RewardModelResult["looks"]
  readonly card: Pick<RewardModelCard, "temperature" | "heldOut">
  /** Share of the positives that follow their constraint and of the negatives that do not, where the truth is known. */
  readonly truth?: { readonly positives: number; readonly negatives: number }
}

const modelFolder = "reward-model"
const summaryFile = "reward-model.json"

const share = (values: ReadonlyArray<boolean>) => values.filter(Boolean).length / Math.max(1, values.length)

/** How right the labels are that the pairs suppose, by the truth of the embedded world. */
const labelTruth = (rows: ReadonlyArray<PromptRow>, pairs: ReadonlyArray<SoftPair>) => {
  const byId = new Map(rows.map((row) => [row.id, row]))
  const known = pairs.flatMap(({ index, negative, positive, row }) => {
    const [yes, no] = [positive, negative].map(({ text }) => softVerdictAt(byId.get(row)!, index, text))
    return yes === undefined || no === undefined ? [] : [{ yes, no }]
  })
  return known.length === 0 ? undefined : { positives: share(known.map(({ yes }) => yes)), negatives: share(known.map(({ no }) => !no)) }
}

/** The rows that pairs are made from: those with a soft constraint that is not left out. */
const pairRows = (rows: ReadonlyArray<PromptRow>, { pairs: { prompts, without } }: Config) => {
  const soft = rows.filter((row) =>
    row.instruction_id_list.some((id, i) => isSoft(id) && !without.includes(id) && !without.includes(row.constraints[i] ?? ""))
  )
  return prompts > 0 ? soft.slice(0, prompts) : soft
}

/** Trains a reward model from answers of `model` to `rows`, and keeps pairs and model in `directory`. */
export const trainSoftModel = Effect.fn("trainSoftModel")(function*(
  config: Config,
  model: Model,
  rows: ReadonlyArray<PromptRow>,
  directory: string
) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const display = yield* Display
  const began = yield* Clock.currentTimeMillis
  const encoder = promptEncoder(config, model)
  const chosen = pairRows(rows, config)
  const generated = yield* generatePairs(chosen, {
    config: config.pairs,
    policy: config.model.path,
    maxTokens: config.rollout.maxTokens,
    sampling: {
      temperature: config.pairs.temperature,
      stopTokens: encoder.stopTokens,
      onProgress: ({ completed, total }) => display.activity("pairs: responses", completed, total)
    },
    encode: encoder.encode,
    answerOf: ({ tokens }) => answerOf(encoder.decode(tokens), config.reward.thought)
  }).pipe(Effect.provide(Rollout.layer({ model, rows: config.rollout.rows, maxLength: maxLengthOf(config, model) })))
  const pairs = generated.filter(({ constraint, type }) => !config.pairs.without.some((left) => left === type || left === constraint))
  yield* writePairs(path.join(directory, "pairs.jsonl"), pairs)
  const base = config.rewardModel.base === "" ? config.model.path : config.rewardModel.base
  const result = yield* trainRewardModel({
    pairs,
    pairsConfig: config.pairs,
    config: config.rewardModel,
    base: loadModel(modelDirectory(base)),
    names: { base, policy: config.model.path },
    onUpdate: (update, total) => display.activity("reward model: updates", update, total)
  })
  const folder = path.join(directory, modelFolder)
  yield* saveRewardModel(folder, result)
  const truth = labelTruth(chosen, pairs)
  const { heldOut, temperature } = result.card
  const summary: SoftModelSummary = {
    directory: folder,
    seconds: ((yield* Clock.currentTimeMillis) - began) / 1000,
    pairs: pairs.length,
    steps: result.steps,
    split: result.split,
    looks: result.looks,
    card: { heldOut, temperature },
    ...(truth !== undefined && { truth })
  }
  // Written last: a folder with it is whole, and a resumed run takes it as it is.
  const file = path.join(directory, summaryFile)
  yield* fs.writeFileString(file, `${JSON.stringify(summary, null, 2)}\n`).pipe(Effect.mapError((cause) =>
    new CommandError({ operation: "reward model", subject: file, reason: cause.message, remedy: "free disk space", cause })
  ))
  return summary
})

/** The reward model that a run asks: the one that its config names, one that it trained before it was interrupted, or a new one. */
export const softModelOf = Effect.fn("softModelOf")(function*(
  config: Config,
  rows: ReadonlyArray<PromptRow>,
  directory: string
) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  if (config.rewardModel.path !== "") return { directory: config.rewardModel.path, summary: undefined }
  const done = yield* fs.readFileString(path.join(directory, summaryFile)).pipe(Effect.option)
  if (done._tag === "Some") {
    yield* loadRewardModel(path.join(directory, modelFolder))
    return { directory: path.join(directory, modelFolder), summary: JSON.parse(done.value) as SoftModelSummary }
  }
  const model = yield* loadModel(modelDirectory(config.model.path))
  const summary = yield* Effect.scoped(trainSoftModel(config, model, rows, directory))
  return { directory: summary.directory, summary }
})

/** A reward model's training in a few lines. */
export const printSoftModel = ({ card, looks, pairs, seconds, split, steps, truth }: SoftModelSummary): string => {
  const { calibrated, uncalibrated } = card.heldOut
  const last = looks.toSorted((a, b) => a.validationLoss - b.validationLoss)[0]
  return [
    `reward model: ${pairs} pairs (${steps.map(({ pairs, step }) => `${step} ${pairs}`).join(", ")} in training), ` +
    `${split.validation} for validation, ${split.heldOut} held out; ${seconds.toFixed(0)} s`,
    ...(truth === undefined ? [] : [
      `labels that the pairs suppose, by truth: ${(100 * truth.positives).toFixed(1)}% of the positives, ${(100 * truth.negatives).toFixed(1)}% of the negatives`
    ]),
    `best after update ${last?.update ?? 0}; on held-out pairs: accuracy ${calibrated.accuracy.toFixed(3)}, AUC ${calibrated.auc.toFixed(3)}, ` +
    `ECE ${uncalibrated.ece.toFixed(3)} -> ${calibrated.ece.toFixed(3)} at temperature ${card.temperature.toFixed(2)}`
  ].join("\n")
}
