// `ifrl eval`: a model on held-out prompts, judged by the verifiers; with --suite a benchmark (EvalSuite.ts).
import { loadModel } from "@ifrl/models"
import { Rollout } from "@ifrl/rollout"
import { Clock, Effect, Option } from "effect"
import { Command } from "effect/cli"
import type { Config } from "../Config.ts"
import { Display } from "../Display.ts"
import { evaluate, printEvaluations } from "../Evaluation.ts"
import { modelDirectory, modelOptions } from "../ModelFolder.ts"
import { RunFolder } from "../RunFolder.ts"
import { maxLengthOf, promptEncoder } from "../Session.ts"
import { heldOutPrompts } from "../Source.ts"
import { evalUnits } from "../Units.ts"
import { evalWork } from "../Workload.ts"
import { evalSuite, refuseSuiteFlags, suiteFlags } from "./EvalSuite.ts"
import { runFlags, runHandler, runtimeLayer } from "./RunCommand.ts"

const program = Effect.fnUntraced(function*(config: Config) {
  const folder = yield* RunFolder
  const display = yield* Display
  const began = yield* Clock.currentTimeMillis
  const model = yield* loadModel(modelDirectory(config.model.path), modelOptions(config.data.thinking))
  const rows = yield* heldOutPrompts(config, [])
  yield* display.begin("eval", 1, [])
  const { evaluation, judged } = yield* evaluate(
    rows,
    promptEncoder(config, model),
    config,
    (done, total) => display.activity("responses", done, total)
  ).pipe(Effect.provide(Rollout.layer({ model, rows: config.rollout.rows, maxLength: maxLengthOf(config, model) })))
  // A resumed evaluation begins anew.
  yield* folder.rewindCompletions(-1)
  yield* folder.appendCompletions(judged.map((one) => ({ step: 0, ...one })))
  const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
  const counts = Object.entries(evaluation.byConstraint).toSorted(([a], [b]) => a < b ? -1 : 1).map(([id, { count, followed }]) =>
    `  ${id.padEnd(48)}${(followed / count).toFixed(3)}  (${followed} of ${count})`
  )
  return {
    summary: { ...evaluation, seconds },
    text: [printEvaluations({ model: evaluation }), "by constraint, strict:", ...counts].join("\n")
  }
})

const judgeHeldOut = runHandler("eval", {
  embedded: true,
  work: evalWork,
  units: (config, model, assumed, { evaluated }) => evalUnits(config, model, assumed, evaluated),
  program: (config) => Effect.scoped(Effect.suspend(() => program(config))).pipe(Effect.provide(runtimeLayer(config)))
})

export const evaluateCommand = Command.make("eval", { ...runFlags, ...suiteFlags }, Effect.fnUntraced(function*(input) {
  if (Option.isSome(input.suite)) return yield* evalSuite(input.suite.value, input)
  yield* refuseSuiteFlags(input)
  return yield* judgeHeldOut(input)
})).pipe(Command.withDescription("Judge a model's responses to held-out prompts, or anybody's to a benchmark"))
