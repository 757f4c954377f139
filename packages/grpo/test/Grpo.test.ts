import { describe, expect, test } from "@jest/globals"
import { perSample, scored } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Effect, Layer } from "effect"
import { collect, learn, trainingRows } from "../src/index.ts"
import { freshModel, layersFor, optionsFor, run } from "./support.ts"

const weightsOf = (model: Effect.Success<typeof freshModel>) =>
  Buffer.concat([...model.parameters.values()].map((t) => Buffer.from(t.bytes)))

describe("GRPO steps", () => {
  test("the reward rises, and with rewards shuffled within groups it does not", () =>
    run(Effect.gen(function*() {
      const gain = Effect.fnUntraced(function*(shuffleRewards: boolean) {
        const model = yield* freshModel
        const options = optionsFor(model, { shuffleRewards })
        const rewards: Array<number> = []
        yield* Effect.gen(function*() {
          for (let step = 1; step <= options.steps; step++) {
            const metrics = yield* learn(options, step, yield* collect(options, step))
            rewards.push(metrics.reward!)
          }
        }).pipe(Effect.provide(layersFor(model)))
        const mean = (xs: ReadonlyArray<number>) => xs.reduce((a, b) => a + b, 0) / xs.length
        return mean(rewards.slice(-5)) - mean(rewards.slice(0, 5))
      })
      expect(yield* gain(false)).toBeGreaterThan(0.2)
      expect(yield* gain(true)).toBeLessThan(0.1)
    })), 30_000)

  test("the sampler's log-probs are the trainer's, and the metrics of a step say so", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const options = optionsFor(model)
      const metrics = yield* Effect.flatMap(collect(options, 1), (collected) => learn(options, 1, collected)).pipe(
        Effect.provide(layersFor(model))
      )
      expect(metrics["sampling/sampling_logp_difference/max"]).toBeLessThan(1e-4)
      expect(metrics["training/rollout_probs_diff_mean"]).toBeLessThan(1e-5)
      expect(metrics["clip_ratio/low_mean"]).toBe(0)
      expect(metrics.ratio).toBeCloseTo(1, 5)
      expect(metrics.entropy).toBeGreaterThan(5)
      expect(metrics).toMatchObject({ updates: 1, skipped_updates: 0, "rewards/failed_parts": 0 })
    })))

  test("the same seed gives the same weights, another seed others", () =>
    run(Effect.gen(function*() {
      const train = Effect.fnUntraced(function*(seed: number) {
        const model = yield* freshModel
        const options = optionsFor(model, { seed, updatesPerRollout: 2 })
        yield* Effect.gen(function*() {
          for (let step = 1; step <= 3; step++) yield* learn(options, step, yield* collect(options, step))
        }).pipe(Effect.provide(layersFor(model)))
        return weightsOf(model)
      })
      const first = yield* train(1)
      expect(first.equals(yield* train(1))).toBe(true)
      expect(first.equals(yield* train(2))).toBe(false)
    })))

  test("groups with equal rewards are counted and change nothing", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const before = weightsOf(model)
      const options = optionsFor(model)
      const metrics = yield* Effect.flatMap(collect(options, 1), (collected) => learn(options, 1, collected)).pipe(
        Effect.provide(layersFor(model, { reward: perSample("same", () => scored(0.7)) }))
      )
      expect(metrics.frac_reward_zero_std).toBe(1)
      expect(metrics.grad_norm).toBe(0)
      expect(weightsOf(model).equals(before)).toBe(true)
    })))

  test("a KL penalty towards the reference is reported and pulls", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const options = optionsFor(model)
      const objective = { ...options.objective, klCoefficient: 0.1 }
      const metrics = yield* Effect.flatMap(collect(options, 1), (collected) =>
        learn({ ...options, objective }, 1, collected)).pipe(Effect.provide(layersFor(model, { kl: true })))
      expect(Math.abs(metrics.kl!)).toBeLessThan(1e-6)
    })))

  test("completions in another order than their prompts are refused", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const options = optionsFor(model)
      const swapped = Layer.effect(
        Rollout,
        Effect.map(Rollout, (rollout) =>
          Rollout.of({
            ...rollout,
            generate: (requests, generation) =>
              Effect.map(rollout.generate(requests, generation), (completions) => completions.toReversed())
          }))
      )
      const base = layersFor(model)
      const error = yield* Effect.flip(
        collect(options, 4).pipe(Effect.provide(Layer.provideMerge(swapped, base)))
      )
      expect(error.message).toMatch(/^step 4: 3:.* was expected to be number 0 of 0:/)
    })))

  test("a completion whose reward is undecided joins no update, and the others keep the whole weight", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const options = optionsFor(model)
      const collected = yield* collect(options, 1).pipe(Effect.provide(layersFor(model)))
      const [first, ...rest] = collected.episodes
      const undecided = { ...first!, reward: { value: undefined, undecided: "failed", parts: [], formatted: true } as const }
      const trained = trainingRows([undecided, ...rest], options)
      expect(trained.length).toBe(rest.length)
      const total = trained.reduce((sum, row) => sum + row.fields.weights!.reduce((a, b) => a + b, 0), 0)
      expect(total).toBeCloseTo(1, 5)
    })))
})
