import { describe, expect, test } from "@jest/globals"
import { perSample, type RewardFunction, scored } from "@ifrl/reward"
import { Rollout } from "@ifrl/rollout"
import { Effect, FileSystem, Layer } from "effect"
import {
  collect,
  type DegenerateConfig,
  learn,
  readRollout,
  trainingRows,
  updatesPerRollout,
  warnings,
  writeRollout
} from "../src/index.ts"
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
        const options = optionsFor(model, { seed, minibatchPrompts: 2 })
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
      expect(metrics).toMatchObject({ updates: 0, empty_updates: 1, "tokens/effective": 0 })
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

  test("one rollout is learnt from in minibatches of prompts, and again in each epoch", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const rates: Array<number> = []
      const options = optionsFor(model, {
        minibatchPrompts: 3,
        epochs: 2,
        steps: 2,
        schedule: { name: "linear", warmupSteps: 0, minimumRatio: 0 }
      })
      // Four prompts in minibatches of at most three are two of two.
      expect(updatesPerRollout(options)).toBe(4)
      yield* Effect.gen(function*() {
        for (let step = 1; step <= 2; step++) {
          const metrics = yield* learn(options, step, yield* collect(options, step))
          rates.push(metrics.learning_rate!)
          expect(metrics).toMatchObject({ updates: 4, skipped_updates: 0, early_stop: 0 })
          // From the second update on the policy is another than the one that sampled.
          expect(metrics.approx_kl).toBeGreaterThan(1e-6)
          expect(metrics["clip_ratio/region_mean"]).toBeGreaterThanOrEqual(0)
        }
      }).pipe(Effect.provide(layersFor(model)))
      // The schedule counts updates: the 4th and the 8th of 8.
      expect(rates[0]).toBeCloseTo(1e-2 * (5 / 8), 10)
      expect(rates[1]).toBeCloseTo(1e-2 / 8, 10)
    })))

  test("epochs after the first go over the same groups in an order of their own, the same in every run", () =>
    run(Effect.gen(function*() {
      const train = Effect.fnUntraced(function*(epochs: number) {
        const model = yield* freshModel
        const options = optionsFor(model, { minibatchPrompts: 1, epochs })
        yield* Effect.flatMap(collect(options, 1), (collected) => learn(options, 1, collected)).pipe(
          Effect.provide(layersFor(model))
        )
        return weightsOf(model)
      })
      const twice = yield* train(2)
      expect(twice.equals(yield* train(2))).toBe(true)
      expect(twice.equals(yield* train(1))).toBe(false)
    })))

  test("a KL above the target drops the rollout's remaining updates", () =>
    run(Effect.gen(function*() {
      const train = Effect.fnUntraced(function*(targetKl: number, epochs: number) {
        const model = yield* freshModel
        const options = optionsFor(model, { minibatchPrompts: 2, epochs, guards: { skipGradNorm: 0, targetKl } })
        const metrics = yield* Effect.flatMap(collect(options, 1), (collected) => learn(options, 1, collected)).pipe(
          Effect.provide(layersFor(model))
        )
        return { metrics, weights: weightsOf(model) }
      })
      const free = yield* train(0, 1)
      const stopped = yield* train(1e-5, 4)
      expect(stopped.metrics).toMatchObject({ updates: 1, early_stop: 1 })
      expect(warnings(stopped.metrics).kl).toContain("guards.targetKl")
      expect(free.metrics.updates).toBe(2)
      expect(stopped.weights.equals(free.weights)).toBe(false)
    })))

  test("a gradient beyond the guard's norm changes nothing, and is counted", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const before = weightsOf(model)
      const options = optionsFor(model, { guards: { skipGradNorm: 1e-6, targetKl: 0 } })
      const metrics = yield* Effect.flatMap(collect(options, 1), (collected) => learn(options, 1, collected)).pipe(
        Effect.provide(layersFor(model))
      )
      expect(metrics).toMatchObject({ updates: 0, skipped_updates: 1 })
      expect(weightsOf(model).equals(before)).toBe(true)
      expect(warnings(metrics).skipped).toContain("guards.skipGradNorm")
    })))

  test("with truncated completions masked, a step of nothing else leaves the weights bit for bit", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const before = weightsOf(model)
      // Without a stop token every completion is cut off.
      const options = optionsFor(model, { overlong: { mask: true, buffer: 0, penalty: 1 }, sampling: { temperature: 1 } })
      const metrics = yield* Effect.flatMap(collect(options, 1), (collected) => learn(options, 1, collected)).pipe(
        Effect.provide(layersFor(model))
      )
      expect(metrics).toMatchObject({ "stop/length": 1, "completions/clipped_ratio": 1, updates: 0, empty_updates: 1 })
      expect(weightsOf(model).equals(before)).toBe(true)
    })))

  test("masked completions keep their place in the group's statistics and leave the loss to the others", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const options = optionsFor(model, { overlong: { mask: true, buffer: 0, penalty: 1 } })
      const { episodes } = yield* collect(options, 1).pipe(Effect.provide(layersFor(model)))
      const ended = episodes.map((episode, i) => ({
        ...episode,
        completion: { ...episode.completion, stopReason: i % 2 === 0 ? "stop" as const : "length" as const }
      }))
      const trained = trainingRows(ended, options)
      expect(trained.length).toBe(episodes.length / 2)
      expect(trained.reduce((sum, row) => sum + row.fields.weights!.reduce((a, b) => a + b, 0), 0)).toBeCloseTo(1, 5)
      expect(trained.map((row) => row.fields.advantages![0])).toEqual(
        episodes.filter((_, i) => i % 2 === 0).map((episode) => Math.fround(episode.advantage))
      )
    })))

  test("the overlong penalty shapes advantages and leaves the judged reward alone", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const options = optionsFor(model, { overlong: { mask: false, buffer: 4, penalty: 0.5 } })
      const { episodes, metrics } = yield* collect(options, 1).pipe(
        Effect.provide(layersFor(model, { reward: perSample("same", () => scored(0.7)) }))
      )
      for (const { completion, reward, shaping } of episodes) {
        expect(reward.value).toBe(0.7)
        expect(shaping).toBeCloseTo(-0.5 * Math.max(0, (completion.tokens.length - 4) / 4), 12)
      }
      // Judged alike, the groups count as degenerate although the penalty gives them advantages.
      expect(metrics.frac_reward_zero_std).toBe(1)
      expect(metrics["rewards/shaping/mean"]).toBeLessThan(0)
    })))

  test("degenerate groups are kept, dropped, or replaced by other prompts' within the rounds", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      // Groups about the bird can be learnt from, the others can't.
      const reward = perSample("bird", ({ row, text }) => scored(row.prompt.includes("bird") ? text.length / 100 : 0.5))
      const sizes = Effect.fnUntraced(function*(degenerate: DegenerateConfig) {
        const options = optionsFor(model, { degenerate, promptsPerStep: 2 })
        return yield* collect(options, 1).pipe(Effect.provide(layersFor(model, { reward })))
      })
      const kept = yield* sizes({ action: "keep", rounds: 1 })
      expect(kept.episodes.length).toBe(16)
      const dropped = yield* sizes({ action: "drop", rounds: 1 })
      expect(dropped.episodes.every((episode) => episode.row.prompt.includes("bird"))).toBe(true)
      expect(dropped.metrics).toMatchObject({ "rollout/prompts": 2, frac_reward_zero_std: kept.metrics.frac_reward_zero_std })
      const replaced = yield* sizes({ action: "resample", rounds: 20 })
      expect(replaced.episodes.length).toBe(16)
      expect(replaced.episodes.every((episode) => episode.advantage !== 0 && episode.row.prompt.includes("bird"))).toBe(true)
      expect(replaced.metrics["rollout/resampled_prompts"]).toBeGreaterThan(1)
      const bounded = yield* sizes({ action: "resample", rounds: 1 })
      expect(bounded.metrics["rollout/prompts"]).toBeLessThanOrEqual(4)
    })))

  test("reward_std is that within groups, as TRL has it: rewards that differ from prompt to prompt alone have none", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const spread = Effect.fnUntraced(function*(reward: RewardFunction) {
        const { episodes, metrics } = yield* collect(optionsFor(model), 1).pipe(Effect.provide(layersFor(model, { reward })))
        return { metrics, rewards: episodes.map((episode) => episode.reward.value!) }
      })
      const between = yield* spread(perSample("prompt", ({ row }) => scored(row.prompt.length / 100)))
      expect(new Set(between.rewards).size).toBeGreaterThan(1)
      expect(between.metrics.frac_reward_zero_std).toBe(1)
      expect(between.metrics.reward_std).toBeCloseTo(0, 12)
      const within = yield* spread(perSample("place", ({ id, row }) => scored(row.prompt.length / 100 + Number(id.split("#")[1]) / 10)))
      // Of 0, 0.1 ... 0.7: the squares around 0.35 add up to 0.42, over 7.
      expect(within.metrics.reward_std).toBeCloseTo(Math.sqrt(0.06), 9)
    })))

  test("the trainer's own log-probs before the first update can be what the ratio starts from", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const options = optionsFor(model, { oldLogProbs: "trainer", minibatchPrompts: 2 })
      const metrics = yield* Effect.flatMap(collect(options, 1), (collected) => learn(options, 1, collected)).pipe(
        Effect.provide(layersFor(model))
      )
      expect(metrics.updates).toBe(2)
      expect(metrics["training/rollout_probs_diff_mean"]).toBeLessThan(1e-5)
      expect(metrics["timing_s/old_log_prob"]).toBeGreaterThan(0)
    })))

  test("the metrics have the names that TRL and verl users know", () =>
    run(Effect.gen(function*() {
      const model = yield* freshModel
      const options = optionsFor(model)
      const metrics = yield* Effect.flatMap(collect(options, 1), (collected) => learn(options, 1, collected)).pipe(
        Effect.provide(layersFor(model))
      )
      const expected = [
        "num_tokens", "completions/mean_length", "completions/min_length", "completions/max_length", "completions/clipped_ratio",
        "rewards/letters/mean", "rewards/letters/std", "reward", "reward_std", "frac_reward_zero_std", "policy_loss", "entropy",
        "clip_ratio/low_mean", "clip_ratio/low_min", "clip_ratio/high_mean", "clip_ratio/high_max", "clip_ratio/region_mean",
        "sampling/sampling_logp_difference/mean", "sampling/sampling_logp_difference/max",
        "sampling/importance_sampling_ratio/mean", "training/rollout_probs_diff_mean", "training/rollout_probs_diff_max",
        "training/rollout_probs_diff_std", "training/rollout_actor_probs_pearson_corr", "actor/pg_loss", "actor/pg_clipfrac",
        "actor/ppo_kl", "actor/grad_norm", "actor/lr", "actor/entropy", "critic/score/mean", "critic/score/min",
        "critic/advantages/mean", "response_length/mean", "response_length/clip_ratio", "prompt_length/mean",
        "perf/total_num_tokens", "timing_s/gen", "timing_s/reward", "timing_s/update_actor", "tokens/effective",
        "stop/stop", "stop/length", "reward/level/0", "reward/domain/naming", "response_length/naming",
        "rollout/tokens_per_second", "update/tokens_per_second", "learning_rate", "grad_norm"
      ]
      expect(expected.filter((name) => !(name in metrics))).toEqual([])
      expect(metrics["training/rollout_actor_probs_pearson_corr"]).toBeCloseTo(1, 5)
      expect(Object.values(metrics).every(Number.isFinite)).toBe(true)
      expect(warnings(metrics)).toEqual({})
      expect(Object.keys(warnings({ "training/rollout_probs_diff_mean": 0.006 }))).toEqual(["mismatch"])
      expect(Object.keys(warnings({ "training/rollout_probs_diff_mean": 0.02 }))).toEqual(["mismatch-problem"])
    })))
})

describe("rollout buffer", () => {
  test("comes back as it was, and only under its own key", () =>
    run(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* fs.makeTempDirectoryScoped()}/rollout.safetensors`
      const model = yield* freshModel
      const collected = yield* collect(optionsFor(model), 1).pipe(Effect.provide(layersFor(model)))
      const key = { step: 1, fingerprint: "abc" }
      expect(yield* readRollout(file, key)).toBeUndefined()
      yield* writeRollout(file, key, collected)
      expect(yield* readRollout(file, key)).toEqual(collected)
      expect(yield* readRollout(file, { ...key, step: 2 })).toBeUndefined()
      expect(yield* readRollout(file, { ...key, fingerprint: "abd" })).toBeUndefined()
      const bytes = yield* fs.readFile(file)
      bytes[bytes.length - 3]! ^= 1
      yield* fs.writeFile(file, bytes)
      expect(yield* readRollout(file, key)).toBeUndefined()
    })))
})
