// The model that a run trains: all of its weights, or an adapter beside them. What differs between the two is here, so
// that the commands needn't ask.
import {
  type Adapter,
  type DecoderConfig,
  initializeAdapter,
  isHubId,
  loadAdapter,
  loadConfig,
  loadModel,
  loadWeights,
  mergeAdapter,
  type Model,
  saveAdapter,
  saveModel,
  withAdapter
} from "@ifrl/models"
import { Effect } from "effect"
import type { Config } from "./Config.ts"
import { loraOptions } from "./Lora.ts"
import { checkPhases, pairTokens, rewardTrainPhases, trainPhases } from "./MemoryPhases.ts"
import { modelDirectory, modelOptions } from "./ModelFolder.ts"
import type { RunFolder } from "./RunFolder.ts"
import { rewardBase, trainsRewardModel } from "./SoftModel.ts"
import { assumedPromptTokens, longestSequence } from "./Units.ts"

export interface PolicyModel {
  readonly model: Model
  readonly adapter: Adapter | undefined
}

/** What an adapter says of the model that it belongs to: its name on the Hub, or its folder. */
export const baseOf = ({ model }: Config): string => {
  const folder = modelDirectory(model.path)
  const [id = ""] = model.path.split("@")
  return folder !== model.path && isHubId(id) ? id : folder
}

/** What a run needs in memory beside the training itself. */
export interface Beside {
  /** Frozen copies of the weights. */
  readonly references: number
  /** Rows that are generated at once. */
  readonly rows: number
  /** The reward model that is asked, or what it is trained from first. */
  readonly judge?: DecoderConfig | undefined
}

/** Refuses what can't fit, from config.json alone, in any phase of the run. A row longer than train.microBatchTokens asks for more than is counted. */
const checkSize = Effect.fnUntraced(function*(config: Config, folder: string, { judge, references, rows }: Beside) {
  const { rollout, train } = config
  const policy = yield* loadConfig(folder)
  const longest = longestSequence(config, policy)
  yield* checkPhases(config, trainPhases(config, {
    policy,
    references,
    length: Math.min(longest, train.microBatchTokens),
    cache: rows === 0 ? undefined : { rows, length: Math.min(longest, rollout.maxTokens) },
    pairLength: pairTokens(config, judge ?? policy, assumedPromptTokens),
    judge: judge && { config: judge, trained: trainsRewardModel(config) }
  }))
})

/** Refuses a training of a reward model that can't fit, from config.json alone. */
export const checkRewardTraining = Effect.fnUntraced(function*(config: Config) {
  const policy = yield* loadConfig(modelDirectory(config.model.path))
  const judge = yield* loadConfig(modelDirectory(rewardBase(config)))
  const length = Math.min(longestSequence(config, policy), config.rollout.maxTokens)
  yield* checkPhases(config, rewardTrainPhases(config, {
    policy,
    references: 0,
    length,
    cache: { rows: config.rollout.rows, length },
    pairLength: pairTokens(config, judge, assumedPromptTokens),
    judge: { config: judge, trained: true }
  }))
})

/**
 * The model of a run, and its adapter if it has one; from `checkpoint` when the run goes on. A model that can't be
 * trained in the memory there is is refused before its weights are read.
 */
export const loadPolicyModel = Effect.fn("loadPolicyModel")(function*(
  config: Config,
  checkpoint: string | undefined,
  beside: Beside = { references: 0, rows: 0 }
) {
  const options = loraOptions(config)
  const base = modelDirectory(config.model.path)
  const folder = options === undefined ? checkpoint ?? base : base
  yield* checkSize(config, folder, beside)
  const model = yield* loadModel(folder, modelOptions(config.data.thinking))
  const adapter = options === undefined
    ? undefined
    : checkpoint === undefined
    ? yield* Effect.fromResult(initializeAdapter(model.config, options, config.train.seed))
    : yield* loadAdapter(checkpoint, model.config)
  return { model, adapter } satisfies PolicyModel
})

/** What generation reads: the very tensors that training writes. */
export const rolloutModel = ({ adapter, model }: PolicyModel) =>
  adapter === undefined
    ? model
    : { config: model.config, parameters: withAdapter(model.parameters, adapter), lora: adapter.shape }

/** Takes the trained weights of a checkpoint. */
export const adoptCheckpoint = Effect.fnUntraced(function*({ adapter, model }: PolicyModel, directory: string) {
  const from = adapter === undefined
    ? yield* loadWeights(directory)
    : yield* loadAdapter(directory, model.config)
  const into = adapter === undefined ? model.parameters : adapter.parameters
  for (const [name, tensor] of from.parameters) into.get(name)!.bytes.set(tensor.bytes)
})

/**
 * Saves the finished model, a folder of its own. An adapter is saved too, and then merged into the weights in memory:
 * nothing may generate or train with them afterwards.
 */
export const savePolicyModel = Effect.fn("savePolicyModel")(function*(
  config: Config,
  { adapter, model }: PolicyModel,
  folder: RunFolder["Service"]
) {
  if (adapter !== undefined) {
    yield* saveAdapter(folder.adapter, adapter, { base: baseOf(config) })
    yield* mergeAdapter(model.parameters, adapter)
  }
  yield* saveModel(folder.model, model)
})
