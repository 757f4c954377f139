// From the policy to the reward model of soft constraints: pairs of its own answers, a classifier on them, both kept in a
// folder. Where the embedded world knows the truth, the pairs are measured against it; nothing is trained on it. A run that
// is cut off here finds the answers and the classifier's checkpoints in its folder, as long as nothing that they depend on
// has changed: their names are hashes of that.
import type { PromptRow } from "@ifrl/curriculum"
import { loadModel, type Model } from "@ifrl/models"
import {
  loadRewardModel, type PairStep, type RewardModelCard, type RewardModelResult, saveRewardModel, type SoftPair, trainRewardModel, writePairs
} from "@ifrl/reward"
import { Checkpoints } from "@ifrl/train"
import { Clock, Effect, FileSystem, Path } from "effect"
import type { Config } from "./Config.ts"
import { Display } from "./Display.ts"
import { modelDirectory, modelOptions } from "./ModelFolder.ts"
import { inFolder, replaceJson } from "./RunFolder.ts"
import { hashOf, softPairs } from "./SoftPairs.ts"
import { softVerdictAt } from "./Source.ts"

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
const workFolder = "reward-model-work"

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

/** Trains a reward model from answers of the policy to `rows`, and keeps pairs and model in `directory`. */
const trainSoftModel = Effect.fn("trainSoftModel")(function*<E, R>(
  config: Config,
  policy: Effect.Effect<Model, E, R>,
  rows: ReadonlyArray<PromptRow>,
  directory: string
) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const display = yield* Display
  const began = yield* Clock.currentTimeMillis
  yield* display.begin("reward model", 0, [])
  const work = path.join(directory, workFolder)
  yield* fs.makeDirectory(work, { recursive: true }).pipe(inFolder(work))
  // The policy is not kept beyond its answers: the classifier needs the memory.
  const { key, pairs, rows: chosen } = yield* Effect.flatMap(policy, (model) => softPairs(config, model, rows, work))
  yield* writePairs(path.join(directory, "pairs.jsonl"), pairs)
  yield* display.line(`reward model: ${pairs.length} pairs of the policy's own answers`)
  const base = rewardBase(config)
  const checkpoints = path.join(work, `classifier-${hashOf(key, config.pairs, config.rewardModel)}`)
  const result = yield* trainRewardModel({
    checkpoints: yield* Checkpoints.pipe(Effect.provide(Checkpoints.layer(checkpoints, 1))),
    onResume: (update) => display.line(`reward model: its training goes on after update ${update}`),
    pairs,
    pairsConfig: config.pairs,
    config: config.rewardModel,
    base: loadModel(modelDirectory(base)),
    names: { base, policy: config.model.path },
    onUpdate: (update, total) => display.activity("updates", update, total)
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
  yield* replaceJson(path.join(directory, summaryFile), summary)
  yield* fs.remove(work, { recursive: true }).pipe(inFolder(work))
  return summary
})

/**
 * The reward model of a run's folder: one that was trained before the run was interrupted, or a new one, from answers of
 * the model that the run starts from, which is loaded unless it is given.
 */
export const ownSoftModel = Effect.fn("ownSoftModel")(function*(
  config: Config,
  rows: ReadonlyArray<PromptRow>,
  directory: string,
  given?: Model
) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const done = yield* fs.readFileString(path.join(directory, summaryFile)).pipe(Effect.option)
  if (done._tag === "None") {
    const policy = given === undefined ? loadModel(modelDirectory(config.model.path), modelOptions(config.data.thinking)) : Effect.succeed(given)
    return yield* Effect.scoped(trainSoftModel(config, policy, rows, directory))
  }
  const model = path.join(directory, modelFolder)
  yield* loadRewardModel(model)
  const work = path.join(directory, workFolder)
  yield* fs.remove(work, { recursive: true, force: true }).pipe(inFolder(work))
  // What was written names the folder as the first command did, from where it was called.
  return { ...JSON.parse(done.value) as SoftModelSummary, directory: model }
})

/** Name of the model that a reward model starts from. */
export const rewardBase = ({ model, rewardModel }: Config): string => rewardModel.base === "" ? model.path : rewardModel.base

/** Whether a run begins with a reward model of its own. */
export const trainsRewardModel = ({ reward, rewardModel }: Config): boolean => reward.soft === "model" && rewardModel.path === ""

/** The reward model that a run asks: the one that its config names, or its own. */
export const softModelOf = Effect.fnUntraced(function*(config: Config, rows: ReadonlyArray<PromptRow>, directory: string, given?: Model) {
  if (config.rewardModel.path !== "") return { directory: config.rewardModel.path, summary: undefined }
  const summary = yield* ownSoftModel(config, rows, directory, given)
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
