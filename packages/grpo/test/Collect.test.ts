// How a rollout's rewards become advantages where there is more to it than one number a response.
import { describe, expect, test } from "@jest/globals"
import { abstained, perSample, Rewards, scoreOf, scored } from "@ifrl/reward"
import { packMicroBatches, Policy, type TrainingRow, unpackCompletions } from "@ifrl/train"
import { Effect, Layer } from "effect"
import { batchAdvantages, collect, type Episode, objectiveConfig, separateAdvantages } from "../src/index.ts"
import { freshModel, layersFor, letters, optionsFor, run } from "./support.ts"

/** A hundredth of letters' spread, and silent about every third response. */
const faint = perSample("faint", ({ id, text }) =>
  Number(id.split("#")[1]) % 3 === 0 ? abstained("every third") : scored(text.length / 1000)
)

const inGroups = (episodes: ReadonlyArray<Episode>, size: number) =>
  Array.from({ length: episodes.length / size }, (_, i) => episodes.slice(i * size, (i + 1) * size))

describe("collect", () => {
  test("normalises several rewards before it weighs them, where it is told to", () =>
    run(
      Effect.gen(function* () {
        const model = yield* freshModel
        const objective = objectiveConfig({ advantage: { rewards: "apart" } })
        const options = optionsFor(model, { objective })
        const rewards = Rewards.layer([letters, faint], () => true, {
          aggregation: { name: "mean", scale: 1, formatGate: false },
          errorBudget: 0
        })
        const { episodes } = yield* collect(options, 1).pipe(Effect.provide(Layer.merge(layersFor(model), rewards)))
        const groups = inGroups(episodes, options.groupSize)
        const parts = groups.map((group) =>
          group.map(({ reward }) => [
            ...reward.parts.map(({ outcome }) =>
              outcome._tag === "Satisfied" || outcome._tag === "NotSatisfied" ? scoreOf(outcome) : undefined
            ),
            0
          ])
        )
        expect(parts[0]![0]![1]).toBeUndefined()
        const expected = separateAdvantages(
          parts,
          groups.map(() => [1, 1, 1]),
          objective.advantage
        ).flatMap((group) => group.advantages)
        expect(episodes.map((episode) => episode.advantage)).toEqual(expected)
        const together = batchAdvantages(
          groups.map((group) => group.map(({ reward }) => reward.value)),
          objective.advantage
        )
        expect(episodes.map((episode) => episode.advantage)).not.toEqual(together.flatMap((group) => group.advantages))
      })
    ))

  test("an undecided response has no part in rewards that are normalised apart", () =>
    run(
      Effect.gen(function* () {
        const model = yield* freshModel
        const options = optionsFor(model, { objective: objectiveConfig({ advantage: { rewards: "apart" } }), promptsPerStep: 2 })
        // The first response of each group is silent.
        const rewards = Rewards.layer(
          [
            perSample("lopsided", ({ id }) => {
              const place = Number(id.split("#")[1])
              return place === 0 ? abstained("the first") : scored(place === 1 ? 1 : 0)
            })
          ],
          () => true,
          { aggregation: { name: "mean", scale: 1, formatGate: false }, errorBudget: 0 }
        )
        const { episodes } = yield* collect(options, 1).pipe(Effect.provide(Layer.merge(layersFor(model), rewards)))
        const decided = episodes.filter(({ reward }) => reward.value !== undefined).map(({ advantage }) => advantage)
        const undecided = episodes.filter(({ reward }) => reward.value === undefined).map(({ advantage }) => advantage)
        expect(undecided).toEqual([0, 0])
        const mean = decided.reduce((a, b) => a + b, 0) / decided.length
        const squares = decided.reduce((sum, x) => sum + (x - mean) ** 2, 0)
        expect(mean).toBeCloseTo(0, 6)
        expect(squares / (decided.length - 1)).toBeCloseTo(1, 4)
      })
    ))

  test("takes a KL penalty off the reward where that is its place", () =>
    run(
      Effect.gen(function* () {
        const model = yield* freshModel
        const objective = objectiveConfig({ klIn: "reward", klCoefficient: 0.05 })
        const options = optionsFor(model, { objective })
        // Somebody else's weights are the reference.
        const reference = new Map(
          [...(yield* freshModel).parameters].map(([name, weight]) => {
            const data = weight.data as Float32Array
            return [name, (data.set(data.map((x, i) => x + 0.05 * Math.sin(i))), weight)] as const
          })
        )
        const base = layersFor(model, { reference })
        yield* Effect.gen(function* () {
          const { episodes, metrics } = yield* collect(options, 1)
          const rows = episodes.map(
            ({ completion, promptTokens }, i): TrainingRow => ({
              id: `${i}`,
              tokens: Int32Array.of(...promptTokens, ...completion.tokens),
              promptLength: promptTokens.length,
              fields: { weights: new Float32Array(completion.tokens.length) }
            })
          )
          const batches = packMicroBatches(rows)
          const outputs = yield* Effect.forEach(batches, (batch) =>
            Effect.flatMap(Policy, (policy) => policy.evaluate(batch, { reference: true }))
          )
          const logProbs = unpackCompletions(
            rows,
            batches,
            outputs.map((output) => output.logProbs)
          )
          const kl = episodes.map(({ completion }, i) =>
            completion.logProbs.reduce((sum, x, t) => sum + x - logProbs[i]![t]!, 0)
          )
          expect(Math.max(...kl.map(Math.abs))).toBeGreaterThan(0.1)
          episodes.forEach(({ shaping }, i) => expect(shaping).toBeCloseTo(-0.05 * kl[i]!, 4))
          expect(metrics.reward_kl).toBeCloseTo(kl.reduce((a, b) => a + b, 0) / kl.length, 3)
          const shaped = inGroups(episodes, options.groupSize).map((group) =>
            group.map(({ reward, shaping }) => reward.value! + shaping)
          )
          const expected = batchAdvantages(shaped, objective.advantage).flatMap((group) => group.advantages)
          expect(episodes.map((episode) => episode.advantage)).toEqual(expected)
        }).pipe(Effect.provide(base))
      })
    ))
})
