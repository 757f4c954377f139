// Making a reward model is cut off and goes on: what comes of it is what would have come of it at once.
import { describe, expect, test } from "@jest/globals"
import { promptRow } from "@ifrl/curriculum"
import { type Completion, type GenerateRequest, Rollout } from "@ifrl/rollout"
import { Checkpoints } from "@ifrl/train"
import { Effect, Exit, FileSystem, Layer, Path, Stream } from "effect"
import { generatePairs, type PromptAnswers, type RewardModelResult, trainRewardModel } from "../src/index.ts"
import { freshModel, layers, modelConfig, pairsConfig, somePairs } from "./support.ts"

const run = <A, E>(effect: Effect.Effect<A, E, any>) =>
  Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(layers)) as Effect.Effect<A, E>)

const weights = ({ classifier }: RewardModelResult) => Array.from(classifier.parameters, ([name, { bytes }]) => [name, Buffer.from(bytes).toString("base64")])

describe("trainRewardModel", () => {
  test.each([["all weights", 0], ["adapters", 2]])("of %s goes on from its newest checkpoint and ends as an unbroken one", async (_, loraRank) => {
    const { again, broken, resumed, unbroken } = await run(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "checkpoints")
      const resumed: Array<number> = []
      const train = (stopAt: number | undefined, kept: boolean) =>
        Effect.gen(function*() {
          const checkpoints = yield* Checkpoints
          return yield* trainRewardModel({
            pairs: somePairs(60),
            pairsConfig: pairsConfig(),
            config: modelConfig({ epochs: 3, learningRate: 1e-2, loraRank, patience: 2 }),
            base: freshModel,
            names: { base: "fresh", policy: "test" },
            ...(kept && { checkpoints }),
            onResume: (update) => Effect.sync(() => void resumed.push(update)),
            onUpdate: (update) => update === stopAt ? Effect.die("cut off") : Effect.void
          })
        }).pipe(Effect.provide(Checkpoints.layer(directory, 1)))
      const broken = yield* Effect.exit(train(12, true))
      const again = yield* train(undefined, true)
      return { broken, again, resumed, unbroken: yield* train(undefined, false) }
    }))
    expect(Exit.isFailure(broken)).toBe(true)
    expect(resumed).toHaveLength(1)
    expect(resumed[0]).toBeGreaterThan(4)
    expect(weights(again)).toEqual(weights(unbroken))
    expect(again.card).toEqual(unbroken.card)
    expect(again.looks.map(({ update, validationLoss }) => [update, validationLoss])).toEqual(unbroken.looks.map(({ update, validationLoss }) => [update, validationLoss]))
  })
})

describe("generatePairs", () => {
  const rows = Array.from({ length: 400 }, (_, i) =>
    promptRow({ instruction: `Write about fox ${i}.`, domain: "writing", constraints: [{ id: "soft:tone", kwargs: {}, text: "Sound sad" }] }))
  /** Answers that name what they answer. */
  const rollout = (asked: Array<string>) =>
    Layer.succeed(Rollout, {
      stream: () => Stream.empty,
      generate: (requests: ReadonlyArray<GenerateRequest>) =>
        Effect.sync(() => requests.flatMap(({ count = 1, id }) => {
          asked.push(id)
          return Array.from({ length: count }, (_, index) => ({ promptId: id, index }) as Completion)
        }))
    })
  const generate = (asked: Array<string>, known: ReadonlyArray<PromptAnswers>, onAnswers: (some: ReadonlyArray<PromptAnswers>) => Effect.Effect<void>) =>
    generatePairs(rows, {
      config: pairsConfig({ samples: 2 }),
      policy: "test",
      maxTokens: 8,
      sampling: {},
      encode: () => Effect.succeed(Int32Array.of(1)),
      answerOf: ({ index, promptId }) => `${promptId} ${index}`,
      known,
      onAnswers
    }).pipe(Effect.provide(rollout(asked)))

  test("asks for what is missing only, and makes the same pairs", async () => {
    const [first, second, third]: [Array<string>, Array<string>, Array<string>] = [[], [], []]
    const kept: Array<PromptAnswers> = []
    const whole = await run(generate(first, [], () => Effect.void))
    const cut = generate(second, [], (some) => {
      kept.push(...some)
      return kept.length > 300 ? Effect.die("cut off") : Effect.void
    })
    expect(Exit.isFailure(await run(Effect.exit(cut)))).toBe(true)
    const after = await run(generate(third, kept, () => Effect.void))
    expect(after).toEqual(whole)
    expect(whole).toHaveLength(800)
    expect(first).toHaveLength(800)
    expect([second.length, third.length]).toEqual([512, 288])
  })
})
