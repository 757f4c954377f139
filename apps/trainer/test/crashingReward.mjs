// ifrl that dies by SIGKILL while it makes a reward model: node crashingReward.mjs PHASE ...flags of ifrl. Runs on the built
// packages, as the command does, over a file system that ends the process at a certain write.
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Layer } from "effect"
import { Command } from "effect/cli"
import { cli } from "../dist/index.js"

const [phase, ...args] = process.argv.slice(2)
const die = Effect.andThen(Effect.sync(() => process.kill(process.pid, "SIGKILL")), Effect.never)
let renamed = 0

const phases = {
  // While the answers to the first prompts are being written: the last line is half a line.
  pairs: (own) => ({
    writeFileString: (file, text, options) =>
      /answers-/.test(file)
        ? Effect.andThen(own.writeFileString(file, text.slice(0, -5), options), die)
        : own.writeFileString(file, text, options)
  }),
  // When the second checkpoint of the classifier has its name.
  training: (own) => ({
    rename: (from, to) => Effect.tap(own.rename(from, to), () => /classifier-.*step-/.test(to) && ++renamed === 2 ? die : Effect.void)
  })
}
const services = Layer.provideMerge(
  Layer.effect(FileSystem.FileSystem, Effect.map(FileSystem.FileSystem, (own) => FileSystem.FileSystem.of({ ...own, ...phases[phase](own) }))),
  NodeServices.layer
)

Command.runWith(cli, { version: "0" })(args).pipe(Effect.provide(services), NodeRuntime.runMain)
