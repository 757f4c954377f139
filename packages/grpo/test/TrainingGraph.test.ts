// The objective behind a model is the one that evaluateObjective shows, at any temperature, and its gradients by the
// weights do not depend on the micro-batches.
import { describe, expect, test } from "@jest/globals"
import { generateArtifacts } from "@ifrl/artifacts"
import { decoderGraph } from "@ifrl/models"
import { Rollout } from "@ifrl/rollout"
import {
  type BatchOutputs,
  packMicroBatches,
  type PackOptions,
  Policy,
  type TrainingRow,
  unpackCompletions
} from "@ifrl/train"
import { Effect } from "effect"
import {
  evaluateObjective,
  objectiveConfig,
  type ObjectiveInput,
  objectiveLoss,
  type ObjectiveName,
  objectiveScalars,
  tokenWeights
} from "../src/index.ts"
import { freshModel, rows as prompts, run } from "./support.ts"

const temperature = 0.7
/** Nine rows of 3 to 11 completion tokens behind prompts of 1 to 3. */
const sequences = Array.from({ length: 9 }, (_, i) => ({
  promptLength: 1 + (i % 3),
  tokens: Int32Array.from({ length: 4 + i + (i % 3) }, (_, t) => (37 * i + 11 * t * t + 5) % 300)
}))
const lengths = sequences.map(({ promptLength, tokens }) => tokens.length - promptLength)

/** Numbers that look like noise, the same in every run. */
const noise = (seed: number) => (i: number, t: number) => Math.sin(1000 * Math.sin(seed + 7 * i + 13 * t))

/** One objective a surrogate, with all that can be added to it. */
const surrogates: ReadonlyArray<ObjectiveName> = [
  "grpo",
  "gspo",
  "gspo_token",
  "cispo",
  "sapo",
  "gmpo",
  "vespo",
  "dppo_tv"
]
const everything: ObjectiveInput = {
  klCoefficient: 0.05,
  entropyCoefficient: 0.02,
  dualClip: 3,
  importance: { name: "token-truncate", low: 0.1, high: 2 },
  offPolicyLimit: 0.5
}

const off = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
  Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...b)

describe.each(surrogates)("%s", (name) => {
  test(
    "trains by the graph that evaluateObjective runs, however the step is cut",
    () =>
      run(
        Effect.gen(function* () {
          const model = yield* freshModel
          const config = objectiveConfig({ name, clipLow: 0.3, clipHigh: 0.3, ...everything })
          const artifacts = generateArtifacts({
            model: decoderGraph(model.config),
            loss: objectiveLoss(config, temperature)
          })
          yield* Effect.gen(function* () {
            const policy = yield* Policy
            const plain = sequences.map(
              (row, i): TrainingRow => ({ id: `${i}`, ...row, fields: { weights: new Float32Array(lengths[i]!) } })
            )
            const whole = packMicroBatches(plain)
            const evaluated = yield* Effect.forEach(whole, (batch) => policy.evaluate(batch))
            const logProbs = unpackCompletions(
              plain,
              whole,
              evaluated.map((output) => output.logProbs)
            )
            const shifted = (seed: number, scale: number) =>
              logProbs.map((row, i) => row.map((x, t) => x + scale * noise(seed)(i, t)))
            const [old, ref, sampler] = [shifted(1, 0.4), shifted(2, 0.3), shifted(3, 0.5)]
            const advantages = lengths.map((length, i) => new Float32Array(length).fill(noise(4)(i, 0)))
            const weights = tokenWeights(lengths, config.aggregation, 16)
            const training = plain.map(
              (row, i): TrainingRow => ({
                ...row,
                fields: {
                  weights: weights[i]!,
                  advantages: advantages[i]!,
                  old_log_probs: old![i]!,
                  ref_log_probs: ref![i]!,
                  sampler_log_probs: sampler![i]!
                }
              })
            )
            const accumulate = Effect.fnUntraced(function* (options: PackOptions) {
              for (const gradient of policy.gradients.values()) gradient.bytes.fill(0)
              const batches = packMicroBatches(training, options)
              const outputs: ReadonlyArray<BatchOutputs> = yield* Effect.forEach(batches, (batch) =>
                policy.accumulate(batch, objectiveScalars(config))
              )
              return {
                loss: outputs.reduce((sum, { loss }) => sum + loss, 0),
                logProbs: unpackCompletions(
                  training,
                  batches,
                  outputs.map((output) => output.logProbs)
                ),
                entropy: unpackCompletions(
                  training,
                  batches,
                  outputs.map((output) => output.entropy)
                ),
                gradient: [...policy.gradients.values()].flatMap((gradient) => Array.from(gradient.data, Number))
              }
            })
            const together = yield* accumulate({})
            const apart = yield* accumulate({ maxRows: 2, multipleOf: 4 })
            expect(Math.abs(apart.loss - together.loss)).toBeLessThan(1e-6)
            expect(off(apart.gradient, together.gradient)).toBeLessThan(1e-5)
            expect(together.gradient.some((x) => x !== 0)).toBe(true)
            const { loss } = yield* evaluateObjective(config, {
              newLogProbs: together.logProbs,
              oldLogProbs: old!,
              refLogProbs: ref!,
              samplerLogProbs: sampler!,
              entropy: together.entropy,
              advantages,
              mask: lengths.map((length) => new Float32Array(length).fill(1)),
              maxTokens: 16
            })
            expect(Math.abs(loss - together.loss)).toBeLessThan(1e-6)
          }).pipe(Effect.provide(Policy.layer({ model, artifacts, weightDecay: 0 })))
        })
      ),
    20_000
  )
})

describe("at another temperature", () => {
  test(
    "the trainer's log-probs are those that were sampled from",
    () =>
      run(
        Effect.gen(function* () {
          const model = yield* freshModel
          const difference = Effect.fnUntraced(function* (sampled: number, trained: number) {
            const artifacts = generateArtifacts({
              model: decoderGraph(model.config),
              loss: objectiveLoss(objectiveConfig(), trained)
            })
            return yield* Effect.gen(function* () {
              const { generate } = yield* Rollout
              const policy = yield* Policy
              const request = {
                id: "a",
                promptTokens: model.tokenizer.encode(prompts[0]!.prompt),
                count: 8,
                maxTokens: 12,
                key: { seed: 5, step: 1 }
              }
              const completions = yield* generate([request], { temperature: sampled })
              const rows = completions.map(
                (c): TrainingRow => ({
                  id: `${c.index}`,
                  tokens: Int32Array.of(...request.promptTokens, ...c.tokens),
                  promptLength: request.promptTokens.length,
                  fields: { weights: new Float32Array(c.tokens.length) }
                })
              )
              const batches = packMicroBatches(rows)
              const outputs = yield* Effect.forEach(batches, (batch) => policy.evaluate(batch))
              const trainer = unpackCompletions(
                rows,
                batches,
                outputs.map((output) => output.logProbs)
              )
              return Math.max(
                ...completions.flatMap((c, i) =>
                  Array.from(c.samplingLogProbs, (x, t) => Math.abs(x - trainer[i]![t]!))
                )
              )
            }).pipe(
              Effect.provide(Policy.layer({ model, artifacts, weightDecay: 0 })),
              Effect.provide(Rollout.layer({ model, rows: 8, maxLength: 64 }))
            )
          })
          expect(yield* difference(temperature, temperature)).toBeLessThan(1e-4)
          expect(yield* difference(1.3, 1.3)).toBeLessThan(1e-4)
          expect(yield* difference(temperature, 1)).toBeGreaterThan(1e-3)
        })
      ),
    20_000
  )
})
