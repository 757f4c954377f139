import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, test } from "@jest/globals"
import { Runtime } from "@ifrl/runtime"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import {
  type Completion, type GenerateEvent, type GenerateOptions, type GenerateRequest, Rollout, type RolloutLayerOptions
} from "../src/index.ts"
import { argMax, logitsOf, logSoftmax, randomParameters, tiny } from "./support/Reference.ts"

const parameters = randomParameters(tiny)
const key = { seed: 11, step: 3 }

const request = (id: string, prompt: ReadonlyArray<number>, more: Partial<GenerateRequest> = {}): GenerateRequest => ({
  id,
  promptTokens: Int32Array.from(prompt),
  maxTokens: 12,
  key,
  ...more
})

const requests = [
  request("long", Array.from({ length: 40 }, (_, i) => (i * 37) % 300), { count: 3 }),
  request("one", [7], { count: 2, maxTokens: 30 }),
  request("short", [5, 17, 200], { count: 4 }),
  request("brief", [1, 2, 3, 4, 5, 6, 7], { count: 2, maxTokens: 1 }),
  request("last", [299, 0, 299, 0, 299], { count: 5, maxTokens: 21 })
]

const layer = (options: Partial<RolloutLayerOptions> = {}) =>
  Rollout.layer({ model: { config: tiny, parameters }, rows: 4, maxLength: 96, ...options }).pipe(Layer.provide(Runtime.layer()))

const generate = (
  given: ReadonlyArray<GenerateRequest>,
  options: GenerateOptions = {},
  layerOptions: Partial<RolloutLayerOptions> = {}
) => Effect.runPromise(Rollout.use((rollout) => rollout.generate(given, options)).pipe(Effect.provide(layer(layerOptions))))

const name = ({ index, promptId }: Completion) => `${promptId}/${index}`

/** Equal tokens, and log-probs within `tolerance`. */
const expectAlike = (actual: ReadonlyArray<Completion>, expected: ReadonlyArray<Completion>, tolerance: number) => {
  const byName = new Map(expected.map((completion) => [name(completion), completion]))
  expect(actual.length).toBe(expected.length)
  for (const completion of actual) {
    const other = byName.get(name(completion))!
    expect([name(completion), ...completion.tokens]).toEqual([name(other), ...other.tokens])
    expect(completion.stopReason).toBe(other.stopReason)
    for (const kind of ["logProbs", "samplingLogProbs"] as const) {
      completion[kind].forEach((x, i) => expect(Math.abs(x - other[kind][i]!)).toBeLessThanOrEqual(tolerance))
    }
  }
}

const promptOf = (id: string) => requests.find((request) => request.id === id)!.promptTokens

describe("Rollout", () => {
  test("greedy completions of a ragged batch are those of a float64 decoder", async () => {
    const completions = await generate(requests, { temperature: 0 })
    expect(completions.map(name)).toEqual(
      requests.flatMap(({ count = 1, id }) => Array.from({ length: count }, (_, i) => `${id}/${i}`))
    )
    for (const { index, logProbs, promptId, samplingLogProbs, tokens } of completions) {
      if (index > 0) continue
      const prompt = promptOf(promptId)
      const expected = logitsOf(tiny, parameters, [...prompt, ...tokens]).slice(prompt.length - 1, -1).map(logSoftmax)
      expect(Array.from(tokens)).toEqual(expected.map(argMax))
      tokens.forEach((token, t) => expect(Math.abs(logProbs[t]! - expected[t]![token]!)).toBeLessThan(5e-5))
      expect(samplingLogProbs.every((x) => x === 0)).toBe(true)
    }
  })

  test("log-probs of sampled tokens are those of a full forward pass, at temperature 1 and as sampled", async () => {
    const temperature = 0.7
    const completions = await generate(requests, { temperature })
    for (const { logProbs, promptId, samplingLogProbs, tokens } of completions) {
      const prompt = promptOf(promptId)
      logitsOf(tiny, parameters, [...prompt, ...tokens]).slice(prompt.length - 1, -1).forEach((logits, t) => {
        expect(Math.abs(logProbs[t]! - logSoftmax(logits)[tokens[t]!]!)).toBeLessThan(5e-5)
        const heated = logSoftmax(logits.map((x) => x / temperature))
        expect(Math.abs(samplingLogProbs[t]! - heated[tokens[t]!]!)).toBeLessThan(5e-5)
      })
    }
  })

  test("completions depend neither on how many rows decode at once, nor on the order of requests, nor on what is beside", async () => {
    for (const options of [{ temperature: 0 }, { temperature: 1 }, { temperature: 1.3, topK: 50, topP: 0.9 }]) {
      const base = await generate(requests, options, { rows: 4 })
      for (const rows of [1, 3, 16]) expectAlike(await generate(requests, options, { rows }), base, 5e-5)
      expectAlike(await generate(requests.toReversed(), options, { rows: 6, prefillTokens: 16 }), base, 5e-5)
      const alone = await generate([requests[2]!], options)
      expectAlike(alone, base.filter(({ promptId }) => promptId === "short"), 5e-5)
    }
  })

  test("members of a group differ, and so do steps", async () => {
    const texts = new Set((await generate([request("a", [1], { count: 8 })])).map(({ tokens }) => tokens.join()))
    expect(texts.size).toBe(8)
    const other = await generate([request("a", [1], { count: 8, key: { seed: 11, step: 4 } })])
    for (const { tokens } of other) expect(texts.has(tokens.join())).toBe(false)
  })

  test("two runs are byte-equal, also when garbage is collected between steps", async () => {
    setFlagsFromString("--expose-gc")
    const gc: () => void = runInNewContext("gc")
    const first = await generate(requests, { topP: 0.95 })
    let steps = 0
    const second = await generate(requests, { topP: 0.95, onProgress: () => Effect.sync(() => void (steps++ % 4 === 0 && gc())) })
    expect(second).toEqual(first)
  })

  test("a stop token ends a completion and belongs to it; maxTokens and the context end the others", async () => {
    const [free] = await generate([request("a", [7, 8], { maxTokens: 20 })])
    const stop = free!.tokens[4]!
    const position = free!.tokens.indexOf(stop)
    const [stopped] = await generate([request("a", [7, 8], { maxTokens: 20 })], { stopTokens: [stop] })
    expect(stopped).toEqual({
      ...free,
      tokens: free!.tokens.slice(0, position + 1),
      logProbs: free!.logProbs.slice(0, position + 1),
      samplingLogProbs: free!.samplingLogProbs.slice(0, position + 1),
      stopReason: "stop"
    })
    const [full] = await generate([request("a", Array.from({ length: 90 }, () => 3), { maxTokens: 20 })])
    expect(full!.tokens.length).toBe(6)
    expect(full!.stopReason).toBe("length")
  })

  test("weights that are changed in place are what the next call uses; weights that aren't finite are reported, and forgotten", async () => {
    const weight = parameters.get("model.layers.1.mlp.down_proj.weight")!.as("float32")
    const saved = weight.data.slice()
    await Effect.runPromise(Effect.gen(function*() {
      const rollout = yield* Rollout
      const before = yield* rollout.generate(requests)
      weight.data.fill(0)
      const changed = yield* rollout.generate(requests)
      expect(changed[0]!.logProbs).not.toEqual(before[0]!.logProbs)
      weight.data.fill(NaN)
      const error = yield* Effect.flip(rollout.generate(requests))
      expect(error._tag).toBe("RolloutError")
      expect(error.message).toContain("not finite")
      weight.data.set(saved)
      expect(yield* rollout.generate(requests)).toEqual(before)
    }).pipe(Effect.ensuring(Effect.sync(() => weight.data.set(saved))), Effect.provide(layer())))
  })

  test("a stream gives each token in turn and each completion at its end", async () => {
    const events = await Effect.runPromise(
      Rollout.use((rollout) => Stream.runCollect(rollout.stream(requests))).pipe(Effect.provide(layer()))
    )
    const completions = events.filter((event) => event._tag === "Completion")
    expectAlike(completions, await generate(requests), 0)
    for (const completion of completions) {
      const tokens = events.filter((event): event is Extract<GenerateEvent, { _tag: "Token" }> =>
        event._tag === "Token" && event.promptId === completion.promptId && event.index === completion.index)
      expect(tokens.map(({ position }) => position)).toEqual(tokens.map((_, i) => i))
      expect(tokens.map(({ token }) => token)).toEqual(Array.from(completion.tokens))
      expect(tokens.map(({ logProb }) => logProb)).toEqual(Array.from(completion.logProbs))
      expect(events.indexOf(tokens.at(-1)!)).toBeLessThan(events.indexOf(completion))
    }
  })

  test("`until` ends generation and gives what there is", async () => {
    const all = await generate(requests)
    const partial = await Effect.runPromise(Effect.gen(function*() {
      const rollout = yield* Rollout
      const enough = yield* Deferred.make<void>()
      return yield* rollout.generate(requests, {
        until: Deferred.await(enough),
        onProgress: ({ tokens }) => tokens < 40 ? Effect.void : Effect.asVoid(Deferred.succeed(enough, undefined))
      })
    }).pipe(Effect.provide(layer())))
    expect(partial.map(name)).toEqual(all.map(name))
    const cancelled = partial.filter(({ stopReason }) => stopReason === "cancelled")
    expect(cancelled.length).toBeGreaterThan(3)
    expect(cancelled.length).toBeLessThan(partial.length)
    partial.forEach((completion, i) => {
      expect(Array.from(completion.tokens)).toEqual(Array.from(all[i]!.tokens.slice(0, completion.tokens.length)))
      expect(completion.logProbs.length).toBe(completion.tokens.length)
    })
  })

  test("interruption ends a call, and the next one is as if it hadn't been", async () => {
    await Effect.runPromise(Effect.gen(function*() {
      const rollout = yield* Rollout
      const before = yield* rollout.generate(requests)
      const underWay = yield* Deferred.make<void>()
      const seen: Array<GenerateEvent> = []
      const fiber = yield* Effect.forkChild(Stream.runForEach(rollout.stream(requests), (event) =>
        Effect.suspend(() => {
          seen.push(event)
          return seen.length === 30 ? Effect.andThen(Deferred.succeed(underWay, undefined), Effect.never) : Effect.void
        })))
      yield* Deferred.await(underWay)
      yield* Fiber.interrupt(fiber)
      expect(seen.length).toBe(30)
      expect(yield* rollout.generate(requests)).toEqual(before)
    }).pipe(Effect.provide(layer())))
  })

  test("progress counts tokens and completions", async () => {
    const seen: Array<{ readonly tokens: number; readonly completed: number; readonly total: number }> = []
    const completions = await generate(requests, { onProgress: (progress) => Effect.sync(() => void seen.push(progress)) })
    expect(seen.at(-1)).toMatchObject({
      completed: completions.length,
      total: completions.length,
      tokens: completions.reduce((sum, { tokens }) => sum + tokens.length, 0)
    })
  })

  const refusals: ReadonlyArray<readonly [string, ReadonlyArray<GenerateRequest>, GenerateOptions, ReadonlyArray<string>]> = [
    ["an empty prompt", [request("p", [])], {}, ["\"p\"", "empty"]],
    ["a prompt as long as the context", [request("p", Array(96).fill(1))], {}, ["\"p\"", "96 tokens", "holds 96"]],
    ["a token out of the vocabulary", [request("p", [1, 300])], {}, ["\"p\"", "token 300 at position 1", "300"]],
    ["a negative token", [request("p", [-1])], {}, ["\"p\"", "token -1 at position 0"]],
    ["no completions", [request("p", [1], { count: 0 })], {}, ["\"p\"", "count is 0"]],
    ["no tokens", [request("p", [1], { maxTokens: 0 })], {}, ["\"p\"", "maxTokens is 0"]],
    ["a negative seed", [request("p", [1], { key: { seed: -1, step: 0 } })], {}, ["\"p\"", "seed -1"]],
    ["an id given twice", [request("p", [1]), request("p", [2])], {}, ["\"p\"", "twice"]],
    ["a negative temperature", [], { temperature: -1 }, ["temperature", "-1"]],
    ["a temperature too close to 0", [], { temperature: 1e-6 }, ["temperature"]],
    ["a fractional k", [], { topK: 1.5 }, ["topK", "1.5"]],
    ["a p of 0", [], { topP: 0 }, ["topP"]],
    ["a p that is not a number", [], { topP: NaN }, ["topP", "NaN"]],
    ["a min-p above 1", [], { minP: 2 }, ["minP"]],
    ["a stop token out of the vocabulary", [], { stopTokens: [2, 300] }, ["stopTokens", "300"]]
  ]
  test("bad calls are refused by name", async () => {
    await Effect.runPromise(Effect.gen(function*() {
      const rollout = yield* Rollout
      for (const [what, given, options, parts] of refusals) {
        const error = yield* Effect.flip(rollout.generate(given, options))
        expect([what, error._tag]).toEqual([what, "RolloutError"])
        for (const part of parts) expect(error.message).toContain(part)
      }
      expect(yield* rollout.generate([])).toEqual([])
    }).pipe(Effect.provide(layer())))
    for (const [options, part] of [[{ rows: 0 }, "rows"], [{ maxLength: 257 }, "1 to 256"], [{ prefillTokens: 1.5 }, "1.5"]] as const) {
      const error = await Effect.runPromise(Effect.flip(Effect.provide(Rollout, layer(options))))
      expect(error.message).toContain(part)
    }
  })
})
