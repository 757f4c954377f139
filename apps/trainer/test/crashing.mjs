// `ifrl train` that dies by SIGKILL, or gets Ctrl-C, in the middle of something: node crashing.mjs PHASE STEP ...flags of ifrl. Runs on the built
// packages, as the command does, and composes the run with a layer that stands in a service's place.
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Rewards } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Checkpoints, Policy } from "@ifrl/train"
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { Debug, Json, makeTrain } from "../dist/index.js"

const [phase, number, ...args] = process.argv.slice(2)
const step = Number(number)
const by = (signal) => Effect.andThen(Effect.sync(() => process.kill(process.pid, signal)), Effect.never)
const die = by("SIGKILL")
const over = (service, change) => Layer.effect(service, Effect.map(service, (own) => service.of({ ...own, ...change(own) })))

/** Two updates a step, an evaluation every other step. */
const updatesPerStep = 2
const stepsPerEvaluation = 2

const phases = {
  // While tokens of the step are being decoded.
  generation: over(Rollout, (own) => ({
    generate: (requests, options) =>
      own.generate(requests, requests[0].key.step === step ? { ...options, onProgress: ({ tokens }) => tokens > 40 ? die : Effect.void } : options)
  })),
  // After generation, before a reward is given.
  reward: Layer.suspend(() => {
    let now = 0
    return Layer.mergeAll(
      over(Rollout, (own) => ({
        generate: (requests, options) => {
          now = requests[0].key.step
          return own.generate(requests, options)
        }
      })),
      over(Rewards, (own) => ({ score: (samples) => now === step ? die : own.score(samples) }))
    )
  }),
  // Between the updates of one rollout.
  update: over(Policy, (own) => {
    let calls = 0
    return {
      update: (options) => own.update(options).pipe(Effect.tap(() => ++calls === (step - 1) * updatesPerStep + 1 ? die : Effect.void))
    }
  }),
  // Ctrl-C in the evaluation after the step; there is one before the first.
  evaluation: over(Rollout, (own) => {
    let calls = 0
    return {
      generate: (requests, options) =>
        requests[0].key.step === 0 && ++calls === 1 + step / stepsPerEvaluation ? by("SIGINT") : own.generate(requests, options)
    }
  }),
  // When the checkpoint's files are written and their folder has not its name yet.
  checkpoint: over(Checkpoints, (own) => ({
    save: (at, state, write, score) =>
      own.save(at, state, (directory) => write(directory).pipe(Effect.tap(() => at === step ? die : Effect.void)), score)
  }))
}

const cli = Command.make("ifrl").pipe(
  Command.withSubcommands([makeTrain(phases[phase])]),
  Command.withGlobalFlags([Json, Debug])
)

Command.runWith(cli, { version: "0" })(args).pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
