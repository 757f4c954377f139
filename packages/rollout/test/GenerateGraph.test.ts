import { describe, expect, test } from "@jest/globals"
import { type DecoderConfig, initializeWeights, joinParameters } from "@ifrl/models"
import { encodeModel } from "@ifrl/onnx"
import { Runtime, Tensor } from "@ifrl/runtime"
import { Effect } from "effect"
import { cacheNames, generateGraph, type Projection } from "../src/index.ts"
import { argMax, logitsOf, logSoftmax, randomParameters, tiny } from "./support/Reference.ts"

/** `randomParameters` in memory in which projections lie side by side. */
const sideBySide = (config: DecoderConfig) => {
  const parameters = initializeWeights(config, 1)
  for (const [name, { data }] of randomParameters(config)) parameters.get(name)!.data.set(data as Float32Array)
  return parameters
}

const prompts = [[5, 17, 200, 3, 3, 42, 99], [1], [7, 250, 13], [9, 9, 9, 9, 9]]

/**
 * Feeds slices of right-padded rows, greedily samples after each row's last token, then decodes `steps` more tokens.
 */
const generate = (config: DecoderConfig, projection: Projection, options: {
  readonly rows: ReadonlyArray<ReadonlyArray<number>>
  readonly steps: number
  readonly slice?: number
  readonly capacity?: number
  readonly padId?: number
  /** Decode with the graph for one token a row. */
  readonly single?: boolean
  readonly joint?: boolean
}) =>
  Effect.gen(function*() {
    const { joint = false, rows, single = false, slice = 100, steps } = options
    const B = rows.length
    const S = options.capacity ?? 32
    const runtime = yield* Runtime
    const [prefill, decode] = yield* Effect.forEach([false, true], (single) =>
      runtime.session(encodeModel(generateGraph(config, { maxLength: 64, projection, single, joint }))))
    const names = cacheNames(config.layers)
    const cache = names.map(() => Tensor.zeros("float32", [B, config.kvHeads, S, config.headDim]))
    for (const tensor of cache) tensor.data.fill(1e3)
    const fixed = {
      ...Object.fromEntries(joint ? joinParameters(config, sideBySide(config))! : randomParameters(config)),
      ...Object.fromEntries(names.map(({ past }, i) => [past, cache[i]!])),
      uniforms: Tensor.zeros("float32", [B, 1, 2]),
      temperature: Tensor.scalar("float32", 0),
      top_k: Tensor.scalar("int64", 0),
      top_p: Tensor.scalar("float32", 1),
      min_p: Tensor.scalar("float32", 0)
    }
    const presents = Object.fromEntries(names.map(({ present }, i) => [present, cache[i]!]))
    const tokens: Array<Array<number>> = rows.map(() => [])
    const logProbs: Array<Array<number>> = rows.map(() => [])
    const feed = (ids: ReadonlyArray<ReadonlyArray<number>>, past: ReadonlyArray<number>, last?: ReadonlyArray<number>) =>
      (last === undefined ? decode! : prefill!).run({
        ...fixed,
        input_ids: Tensor.from("int64", [B, ids[0]!.length], ids.flat()),
        past_lengths: Tensor.from("int64", [B], past),
        ...(last !== undefined && { last_token: Tensor.from("int64", [B], last) })
      }, presents)
    const longest = Math.max(...rows.map((row) => row.length))
    const collect = (outputs: Record<string, Tensor>, row: number) => {
      tokens[row]!.push(Number(outputs["tokens"]!.as("int64").data[row]))
      logProbs[row]!.push(outputs["log_probs"]!.as("float32").data[row]!)
    }
    for (let from = 0; from < longest; from += slice) {
      const width = Math.min(slice, longest - from)
      const ids = rows.map((row) => Array.from({ length: width }, (_, i) => row[from + i] ?? options.padId ?? 0))
      const last = rows.map((row) => Math.max(0, Math.min(row.length - 1 - from, width - 1)))
      const outputs = yield* feed(ids, rows.map(() => from), last)
      rows.forEach((row, i) => {
        if (row.length - 1 >= from && row.length - 1 < from + width) collect(outputs, i)
      })
    }
    for (let step = 0; step < steps; step++) {
      const outputs = yield* feed(tokens.map((row) => [row.at(-1)!]), rows.map((row) => row.length + step), single ? undefined : rows.map(() => 0))
      rows.forEach((_, i) => collect(outputs, i))
    }
    return { tokens, logProbs }
  }).pipe(Effect.scoped, Effect.provide(Runtime.layer()), Effect.runPromise)

const configs: Record<string, DecoderConfig> = {
  "grouped heads, biases, own head": tiny,
  "tied head, no biases, one head a group": { ...tiny, tiedEmbeddings: true, attentionBias: false, kvHeads: 6 },
  "one key and value head": { ...tiny, kvHeads: 1, layers: 1 }
}

const forms = [["rows", false, false], ["rows", true, true], ["columns", false, true], ["columns", true, false]] as const

describe("generateGraph", () => {
  for (const [name, config] of Object.entries(configs)) {
    for (const [projection, single, joint] of forms) {
      const form = `${projection}${single ? ", a form of its own for T = 1" : ""}${joint ? ", joint projections" : ""}`
      test(`greedy tokens and log-probs of ragged prompts are those of a float64 decoder: ${name}, ${form}`, async () => {
        const { logProbs, tokens } = await generate(config, projection, { rows: prompts, steps: 5, single, joint })
        const parameters = randomParameters(config)
        prompts.forEach((prompt, i) => {
          const expected = logitsOf(config, parameters, [...prompt, ...tokens[i]!]).slice(prompt.length - 1, -1).map(logSoftmax)
          expect(tokens[i]).toEqual(expected.map(argMax))
          expected.forEach((row, t) => expect(Math.abs(logProbs[i]![t]! - row[tokens[i]![t]!]!)).toBeLessThan(2e-5))
        })
      })
    }
  }

  test("neither padding, nor slicing the prompt, nor the cache's capacity changes anything", async () => {
    const whole = await generate(tiny, "rows", { rows: prompts, steps: 3 })
    const padded = await generate(tiny, "rows", { rows: prompts, steps: 3, padId: 123 })
    expect(padded).toEqual(whole)
    for (const options of [{ slice: 2 }, { slice: 3, capacity: 11 }, { capacity: 64 }]) {
      const other = await generate(tiny, "rows", { rows: prompts, steps: 3, ...options })
      expect(other.tokens).toEqual(whole.tokens)
      other.logProbs.forEach((row, i) => row.forEach((x, t) => expect(Math.abs(x - whole.logProbs[i]![t]!)).toBeLessThan(1e-5)))
    }
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(tiny, "rows", { rows: [prompt], steps: 3 })
      expect(alone.tokens[0]).toEqual(whole.tokens[i])
      alone.logProbs[0]!.forEach((x, t) => expect(Math.abs(x - whole.logProbs[i]![t]!)).toBeLessThan(1e-5))
    }
  })
})
