import { Config, readConfig } from "@ifrl/trainer"
import { NodeServices } from "@effect/platform-node"
import { Effect } from "effect"

const config: Config = await Effect.runPromise(
  readConfig({ assignments: ["rollout.groupSize=4", "train.steps=20"] }).pipe(Effect.provide(NodeServices.layer))
)
console.log(config.rollout.promptsPerStep * config.rollout.groupSize, "responses in each of", config.train.steps, "steps")
