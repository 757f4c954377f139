// A step in which a verifier throws, a reward takes too long and a kwarg is missing: each is counted, none becomes a number.
import { expect, test } from "@jest/globals"
import { Prompts, promptRow } from "@ifrl/curriculum"
import { decided, perConstraint, perSample, RewardError, Rewards, verifierChecker } from "@ifrl/reward"
import { Effect, Layer } from "effect"
import { collect, learn, trainingRows } from "../src/index.ts"
import { freshModel, layersFor, letters, optionsFor, run } from "./support.ts"

const commas = { id: "punctuation:no_comma", kwargs: {}, text: "Use no commas" }
const rowOf = (subject: string, constraint: { id: string; kwargs: object; text: string }) =>
  promptRow({ instruction: `Name ${subject}.`, domain: "naming", constraints: [{ ...constraint, kwargs: { ...constraint.kwargs } }] })

const thrower = rowOf("a river", commas)
const sleeper = rowOf("a bird", commas)
const lacking = rowOf("a tree", { id: "keywords:existence", kwargs: {}, text: "Mention the keywords" })
const sound = rowOf("the sea", commas)

const functions = [
  letters,
  perConstraint(() => (constraint, sample) => {
    if (sample.id === `${thrower.id}#2`) throw new TypeError("cannot read the comma")
    return verifierChecker(constraint, sample)
  }),
  perSample("slow", ({ id }) => id === `${sleeper.id}#5` ? Effect.never : decided(true), { timeout: "500 millis" })
]

const layers = (model: Effect.Success<typeof freshModel>, errorBudget: number) =>
  Layer.mergeAll(
    layersFor(model),
    Rewards.layer(functions, () => true, { aggregation: { name: "mean", scale: 1, formatGate: false }, errorBudget }),
    Layer.orDie(Prompts.layer([thrower, sleeper, lacking, sound], { name: "shuffled", seed: 0, replay: 0 }))
  )

test("each failure is counted by its kind, and no number of it enters an advantage", () =>
  run(Effect.gen(function*() {
    const model = yield* freshModel
    const options = optionsFor(model)
    const { episodes, metrics } = yield* collect(options, 1).pipe(Effect.provide(layers(model, 0.5)))
    expect(metrics).toMatchObject({
      "rewards/failed_parts": 10,
      "rewards/failed_parts/error": 1,
      "rewards/failed_parts/timeout": 1,
      "rewards/failed_parts/undecidable": 8,
      "rewards/undecided": 10
    })

    const undecided = episodes.filter(({ reward }) => reward.value === undefined)
    const reasons = undecided.map(({ completion, reward, row }) => {
      const part = reward.parts.find(({ outcome }) => outcome._tag === "Failed")!
      return `${row.id === lacking.id ? "lacking" : `${row.id}#${completion.index}`} ${part.name}: ${part.outcome._tag === "Failed" ? part.outcome.reason : ""}`
    })
    expect(new Set(reasons)).toEqual(new Set([
      `${thrower.id}#2 punctuation:no_comma: cannot read the comma`,
      `${sleeper.id}#5 slow: no answer within 500ms`,
      "lacking keywords:existence: kwargs of \"keywords:existence\" are invalid: keywords: missing, expected a list of one or more items, " +
      "each a string that is not blank"
    ]))

    // They train nothing, and the advantages of the others are those of a group without them.
    expect(undecided.every(({ advantage }) => advantage === 0)).toBe(true)
    expect(trainingRows(episodes, options)).toHaveLength(32 - 10)
    for (const row of [thrower, sleeper, sound]) {
      const group = episodes.filter((episode) => episode.row.id === row.id && episode.reward.value !== undefined)
      const mean = group.reduce((sum, { reward }) => sum + reward.value!, 0) / group.length
      expect(group.reduce((sum, { advantage }) => sum + advantage, 0)).toBeCloseTo(0, 5)
      for (const { advantage, reward } of group) {
        expect(Math.sign(Math.round(1e6 * advantage))).toBe(Math.sign(Math.round(1e6 * (reward.value! - mean))))
      }
    }

    const learnt = yield* learn(options, 1, { episodes, metrics, cursor: yield* cursorOf }).pipe(Effect.provide(layers(model, 0.5)))
    expect(learnt).toMatchObject({ updates: 1, skipped_updates: 0 })
    expect(Object.entries(learnt).filter(([, value]) => !Number.isFinite(value))).toEqual([])
  })))

const cursorOf = Effect.flatMap(Prompts, (prompts) => prompts.cursor).pipe(
  Effect.provide(Layer.orDie(Prompts.layer([sound], { name: "shuffled", seed: 0, replay: 0 })))
)

test("past the budget the run stops and names constraint and sample", () =>
  run(Effect.gen(function*() {
    const model = yield* freshModel
    const error = yield* Effect.flip(collect(optionsFor(model), 1).pipe(Effect.provide(layers(model, 0.3))))
    expect(error).toBeInstanceOf(RewardError)
    const { budget, failed, part, sample, total } = error as RewardError
    expect({ failed, total, budget }).toEqual({ failed: 10, total: 32, budget: 0.3 })
    expect([`${thrower.id}#2 punctuation:no_comma`, `${sleeper.id}#5 slow`, `${lacking.id}#0 keywords:existence`]).toContain(`${sample} ${part}`)
    expect(error.message).toMatch(/^10 of 32 rewards failed \(budget 0\.3\); first: .* on .*#\d: .*; mend the reward or the row, or raise reward\.errorBudget$/)
  })))
