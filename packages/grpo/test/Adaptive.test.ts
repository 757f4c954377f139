import { expect, test } from "@jest/globals"
import { Prompts, promptRow } from "@ifrl/curriculum"
import { decided, perSample, Rewards } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Effect, Layer } from "effect"
import { collect } from "../src/index.ts"
import { freshModel, optionsFor, run } from "./support.ts"

const noComma = { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" }
const rows = ["a river", "a bird", "a tree", "the sea"].map((subject) =>
  promptRow({ instruction: `Name ${subject}.`, domain: "naming", constraints: [noComma] })
)

test("a step tells an adaptive schedule how its prompts passed, and the step's cursor knows it", async () => {
  // One completion in four follows the prompt.
  const quarter = perSample("quarter", ({ id }) => decided(Number(id.slice(id.indexOf("#") + 1)) % 4 === 0))
  const levels = await run(Effect.gen(function*() {
    const model = yield* freshModel
    const layers = Layer.mergeAll(
      Rollout.layer({ model, rows: 32, maxLength: 64 }),
      Rewards.layer([quarter], () => true, { aggregation: { name: "mean", scale: 1, formatGate: false }, errorBudget: 0 }),
      Layer.orDie(Prompts.layer(rows, { name: "adaptive", seed: 0, replay: 0 }))
    )
    const { cursor } = yield* collect(optionsFor(model, { maxTokens: 2 }), 1).pipe(Effect.provide(layers))
    return cursor.levels
  }))
  expect(levels).toEqual([{ taken: 4, measured: 4, passRate: 0.25 }])
})
