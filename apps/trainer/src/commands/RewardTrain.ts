// `ifrl reward train`: pairs of a policy's own answers, and the reward model of soft constraints from them.
import { measureAgreement, printAgreements, rewardModelAsJudge } from "@ifrl/bench"
import { RewardModel } from "@ifrl/reward"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { type Config, embedded } from "../Config.ts"
import { checkRewardTraining } from "../PolicyModel.ts"
import { RunFolder } from "../RunFolder.ts"
import { writtenGroups } from "../SoftAgreement.ts"
import { ownSoftModel, printSoftModel } from "../SoftModel.ts"
import { trainingPrompts } from "../Source.ts"
import { rewardTrainUnits } from "../Units.ts"
import { rewardTrainWork } from "../Workload.ts"
import { runFlags, runHandler, runtimeLayer } from "./RunCommand.ts"

/** Groups of the embedded world that the finished model is looked at with. */
const groups = 100

const program = Effect.fnUntraced(function*(config: Config) {
  const folder = yield* RunFolder
  yield* checkRewardTraining(config)
  yield* folder.keepConfig
  const summary = yield* ownSoftModel(config, yield* trainingPrompts(config), folder.directory)
  const agreement = config.data.prompts !== embedded ? undefined : yield* rewardModelAsJudge.pipe(
    Effect.flatMap((judge) => measureAgreement(writtenGroups(groups, config.pairs.without), judge)),
    Effect.provide(RewardModel.layer(summary.directory))
  )
  return {
    summary: { ...summary, ...(agreement !== undefined && { agreement }) },
    text: [
      printSoftModel(summary),
      ...(agreement === undefined ? [] : [printAgreements([agreement])]),
      `reward model in ${summary.directory}`
    ].join("\n")
  }
})

export const rewardTrain = Command.make("train", runFlags, runHandler("reward train", {
  embedded: true,
  makesPairs: () => true,
  work: rewardTrainWork,
  units: rewardTrainUnits,
  program: (config) => Effect.scoped(Effect.suspend(() => program(config))).pipe(Effect.provide(runtimeLayer(config)))
})).pipe(Command.withDescription("Train a reward model of soft constraints from a policy's own answers"))
