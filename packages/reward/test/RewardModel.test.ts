import { beforeAll, describe, expect, test } from "@jest/globals"
import { classifierGraph, saveClassifier } from "@ifrl/models"
import { encodeModel, toModel } from "@ifrl/onnx"
import { Runtime, Tensor } from "@ifrl/runtime"
import { Effect, FileSystem, Path } from "effect"
import {
  classifierReport, examplesOf, loadRewardModel, RewardModel, type RewardModelResult, type RewardPair, rewardTemplate, saveRewardModel, trainRewardModel
} from "../src/index.ts"
import { freshModel, layers, modelConfig, pairsConfig, somePairs } from "./support.ts"

const run = <A, E>(effect: Effect.Effect<A, E, any>) =>
  Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(layers)) as Effect.Effect<A, E>)

const train = (options: { crossed?: number; minConfidence?: number; calibrate?: boolean; template?: string; pairs?: number } = {}) =>
  trainRewardModel({
    pairs: somePairs(options.pairs ?? 120),
    pairsConfig: pairsConfig({ crossed: options.crossed ?? 0, minConfidence: options.minConfidence ?? 0, folds: 2 }),
    config: modelConfig({ calibrate: options.calibrate ?? true, template: options.template ?? "constraint" }),
    base: freshModel,
    names: { base: "fresh", policy: "test" }
  })

const scoring = <A, E>(
  result: Pick<RewardModelResult, "card" | "classifier">,
  use: (model: RewardModel["Service"]) => Effect.Effect<A, E>,
  options = {}
) => RewardModel.use(use).pipe(Effect.provide(RewardModel.layerOf("test", result, options)))

let result: RewardModelResult
beforeAll(async () => {
  result = await run(train({ crossed: 1 }))
})

const probes: ReadonlyArray<RewardPair> = examplesOf(somePairs(40))

describe("trainRewardModel", () => {
  test("learns which mark belongs to which constraint, when pairs are crossed", async () => {
    expect(result.card.heldOut.calibrated.accuracy).toBeGreaterThan(0.95)
    const [right, wrong] = await run(scoring(result, ({ score }) =>
      score([{ constraint: "be sad", response: "alas the sun is far" }, { constraint: "be sad", response: "hooray the sun is far" }])))
    expect(right).toBeGreaterThan(0.8)
    expect(wrong).toBeLessThan(0.2)
  })

  test("no row is on two sides, and what was left out by filters is said", () => {
    const { heldOut, training, validation } = result.split
    expect(training + validation + heldOut).toBe(240)
    expect(Math.min(validation, heldOut)).toBeGreaterThan(10)
    expect(result.steps.map(({ pairs, step }) => [step, pairs])).toEqual([["generated", training / 2], ["crossed", training]])
  })

  test("the weights that are kept are those of the best look, and the report is that of the scores", async () => {
    const plain = await run(train({ calibrate: false, pairs: 80 }))
    expect(plain.card.temperature).toBe(1)
    const best = Math.min(...plain.looks.map(({ validationLoss }) => validationLoss))
    const again = await run(train({ calibrate: false, pairs: 80 }))
    expect(again.looks).toEqual(plain.looks)
    expect(plain.looks.at(-1)!.validationLoss).toBeGreaterThanOrEqual(best)
    expect(plain.card.heldOut.calibrated).toEqual(plain.card.heldOut.uncalibrated)
  })

  test("pairs whose answers are alike or that a cross-validated classifier contradicts are dropped, from what is learnt from alone", async () => {
    const pairs = somePairs(80).map((pair, i) =>
      i % 10 === 0 ? { ...pair, positive: pair.negative, negative: pair.positive } : i % 10 === 5 ? { ...pair, negative: pair.positive } : pair
    )
    const sure = await run(trainRewardModel({
      pairs,
      pairsConfig: pairsConfig({ maxSimilarity: 1, minConfidence: 0.3, folds: 2 }),
      config: modelConfig({ epochs: 6 }),
      base: freshModel,
      names: { base: "fresh", policy: "test" }
    }))
    const [generated, different, confident] = sure.steps.map(({ pairs }) => pairs)
    expect(different).toBeLessThan(generated!)
    expect(confident).toBeLessThan(different!)
    expect(confident).toBeGreaterThan(0.7 * different!)
    const { heldOut, training, validation } = sure.split
    expect([training, validation + heldOut]).toEqual([confident, 80 - generated!])
    expect(sure.card.heldOut.uncalibrated.examples).toBe(2 * heldOut)
  })

  test("adapters learn it too, and are merged into the folder's weights", async () => {
    const { before, merged, trained } = await run(Effect.gen(function*() {
      const before = yield* freshModel
      const trained = yield* trainRewardModel({
        pairs: somePairs(80),
        pairsConfig: pairsConfig(),
        config: modelConfig({ loraRank: 4, loraAlpha: 8, learningRate: 1e-2 }),
        base: freshModel,
        names: { base: "fresh", policy: "test" }
      })
      const held = examplesOf(somePairs(200).slice(160))
      const merged = yield* scoring(trained, ({ score }) => score(held))
      return { before, trained, merged: merged.map((p, i) => (p >= 0.5) === held[i]!.label) }
    }))
    expect(merged.filter(Boolean).length / merged.length).toBeGreaterThan(0.9)
    const same = (name: string) => Buffer.compare(trained.classifier.parameters.get(name)!.bytes, before.parameters.get(name)!.bytes) === 0
    expect(same("model.layers.0.self_attn.q_proj.weight")).toBe(false)
    expect(same("model.embed_tokens.weight")).toBe(true)
    expect([...trained.classifier.parameters.keys()].filter((name) => name.includes("lora"))).toEqual([])
  })

  test("too few pairs are refused with what there is", async () => {
    const error = await run(Effect.flip(train({ pairs: 1 })))
    expect(error.message).toMatch(/more prompts with soft constraints/)
  })
})

/** Probabilities by the graph that is trained, one pair a run. */
const plainScores = Effect.fnUntraced(function*({ card, classifier }: typeof result, pairs: ReadonlyArray<RewardPair>) {
  const { graph, head, hidden } = classifierGraph(classifier, { maxLength: card.maxLength })
  const rows = graph.op("Reshape", [hidden, graph.constant("int64", [-1, classifier.decoder.hiddenSize])])
  graph.output(graph.op("Gemm", [rows, head], { transB: 1 }), "logits")
  const session = yield* Runtime.use((runtime) => runtime.session(encodeModel(toModel(graph))))
  return yield* Effect.forEach(pairs, (pair) => {
    const tokens = rewardTemplate(card.template).encode(classifier.tokenizer, pair, card.maxLength)
    return session.run({
      ...Object.fromEntries(classifier.parameters),
      input_ids: Tensor.from("int64", [1, tokens.length], BigInt64Array.from(tokens, BigInt))
    }).pipe(Effect.map(({ logits }) => {
      const [no, yes] = logits!.as("float32").data.slice(-2)
      return 1 / (1 + Math.exp((no! - yes!) / card.temperature))
    }))
  })
})

describe("RewardModel", () => {
  test("scores are those of the graph that is trained: ragged, equal, cut, many and one", async () => {
    const words = (n: number) => Array.from({ length: n }, (_, i) => ["the", "river", "runs", "far"][(i * n) % 4]).join(" ")
    const ragged = Array.from({ length: 60 }, (_, n) => ({ constraint: n % 3 === 0 ? "be sad" : "be glad", response: words(1 + n) }))
    const pairs = [...ragged, ragged[5]!, ...probes, { constraint: "be sad", response: words(500) }]
    const { none, one, plain, together } = await run(Effect.gen(function*() {
      const plain = yield* plainScores(result, pairs)
      return yield* scoring(result, ({ counts, score }) =>
        Effect.gen(function*() {
          const none = { scores: yield* score([]), counts: yield* counts }
          return { none, one: yield* score(pairs.slice(7, 8)), together: yield* score(pairs), plain }
        }), { cacheSize: 0 })
    }))
    expect(none).toEqual({ scores: [], counts: { pairs: 0, read: 0, runs: 0 } })
    expect(Math.abs(one[0]! - plain[7]!)).toBeLessThan(1e-6)
    together.forEach((p, i) => expect(Math.abs(p - plain[i]!)).toBeLessThan(1e-6))
    expect(new Set(plain.map((p) => p.toFixed(3))).size).toBeGreaterThan(20)
  })

  test("one phase scores as one at a time, whatever the batches; equal pairs are read once, known ones not again", async () => {
    const { alone, counts, small, together } = await run(Effect.gen(function*() {
      const alone = yield* scoring(result, ({ score }) => Effect.forEach(probes, (pair) => Effect.map(score([pair]), ([p]) => p!)), { cacheSize: 0 })
      const small = yield* scoring(result, ({ score }) => score(probes), { batchTokens: 100 })
      const { counts, together } = yield* scoring(result, ({ counts, score }) =>
        Effect.gen(function*() {
          yield* score(probes.slice(0, 10))
          const together = yield* score([...probes, ...probes])
          return { together, counts: yield* counts }
        }))
      return { alone, small, together, counts }
    }))
    probes.forEach((_, i) => {
      expect(together[i]).toBe(alone[i])
      expect(small[i]).toBe(alone[i])
      expect(together[probes.length + i]).toBe(together[i])
    })
    const distinct = new Set(probes.map(({ constraint, response }) => `${constraint}\n${response}`)).size
    expect(counts.pairs).toBe(10 + 2 * probes.length)
    expect(counts.read).toBe(distinct)
  })

  test("the scores are those that training measured: held-out report from the scores equals the card's", async () => {
    const labels = probes.map((_, i) => i % 2 === 0)
    const scores = await run(scoring(result, ({ score }) => score(probes)))
    const margins = scores.map((p) => Math.log(p / (1 - p)))
    expect(classifierReport(margins, labels).accuracy).toBeGreaterThan(0.95)
  })

  test("a saved folder is a classifier with its card, and scores the same", async () => {
    const { before, after, folder, names } = await run(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "reward")
      yield* saveRewardModel(folder, result)
      const before = yield* scoring(result, ({ score }) => score(probes))
      const after = yield* RewardModel.use(({ score }) => score(probes)).pipe(Effect.provide(RewardModel.layer(folder)))
      return { before, after, folder: yield* loadRewardModel(folder), names: yield* fs.readDirectory(folder) }
    }))
    expect(after).toEqual(before)
    expect(folder.card).toEqual(result.card)
    expect(names).toEqual(expect.arrayContaining(["config.json", "model.safetensors", "reward_model.json", "tokenizer.json"]))
    expect(JSON.parse(new TextDecoder().decode(folder.classifier.files.get("config.json")))).toMatchObject({
      architectures: ["Qwen2ForSequenceClassification"],
      id2label: { 0: "not followed", 1: "followed" }
    })
  })

  test("a classifier without a card is refused: nobody knows its template", async () => {
    const error = await run(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "bare")
      yield* saveClassifier(folder, result.classifier)
      return yield* Effect.flip(loadRewardModel(folder))
    }))
    expect(error.subject).toMatch(/reward_model\.json$/)
    expect(error.remedy).toMatch(/the template that the classifier was trained with/)
  })

  test("what is read in training is what is read in scoring: one template, from the card", async () => {
    const text = "Rule: {constraint}\nText: {response}\nSo:"
    const read: Array<string> = []
    const listening = Effect.map(freshModel, (model) => {
      const { tokenizer } = model
      const encode = (text: string) => {
        read.push(text)
        return tokenizer.encode(text)
      }
      return Object.assign(Object.create(Object.getPrototypeOf(model)), model, { tokenizer: { ...tokenizer, encode } }) as typeof model
    })
    const pairs = somePairs(60)
    await run(Effect.gen(function*() {
      const trained = yield* trainRewardModel({
        pairs, pairsConfig: pairsConfig(), config: modelConfig({ template: text, epochs: 1 }), base: listening, names: { base: "", policy: "" }
      })
      const training = new Set(read.splice(0))
      yield* scoring(trained, ({ score }) => score(examplesOf(pairs)))
      const distinct = new Set(examplesOf(pairs).map(rewardTemplate(text).render))
      expect(new Set(read)).toEqual(distinct)
      expect(training).toEqual(distinct)
    }))
  })

  test("a response far longer than the model reads still leaves it the constraint", async () => {
    const long = "the river runs ".repeat(400)
    const ask = (constraint: string) => ({ constraint, response: `alas ${long}` })
    const scores = await run(scoring(result, ({ score }) => score([ask("be sad"), ask("be glad")])))
    const [sad, glad] = scores.map((p) => Math.log(p / (1 - p)))
    // Without the constraint both would be the same tokens.
    expect(Math.abs(sad! - glad!)).toBeGreaterThan(1e-3)
    const error = await run(Effect.flip(scoring(result, ({ score }) => score([{ constraint: "be sad ".repeat(80), response: "alas" }]))))
    expect(error.message).toMatch(/shorten the constraint/)
  })
})
