import { describe, expect, test } from "@jest/globals"
import { encodeModel, Graph } from "@ifrl/onnx"
import { philox, Runtime, Tensor } from "@ifrl/runtime"
import { Effect } from "effect"
import { sample, type Sampling, samplingScalars } from "../src/index.ts"

/** A model that only samples, run on one batch of logits for several settings. */
const draw = (
  logits: ReadonlyArray<Float32Array>,
  draws: number,
  settings: ReadonlyArray<Sampling & { readonly uniforms?: Float32Array; readonly seed?: number; readonly step?: number }>,
  candidates?: number
) => {
  const vocabSize = logits[0]!.length
  const g = new Graph("sampling")
  const [temperature, topK, topP, minP] = samplingScalars.map(({ name, type }) => g.input(name, type, []))
  const sampled = sample(g, {
    logits: g.input("logits", "float32", ["B", vocabSize]),
    uniforms: g.input("uniforms", "float32", ["B", "G", 2]),
    temperature: temperature!,
    topK: topK!,
    topP: topP!,
    minP: minP!
  }, { vocabSize, ...(candidates === undefined ? {} : { candidates }) })
  for (const [name, value] of Object.entries(sampled)) g.output(value, name)
  const flat = Tensor.zeros("float32", [logits.length, vocabSize])
  logits.forEach((row, i) => flat.data.set(row, i * vocabSize))
  return Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const runtime = yield* Runtime
    const session = yield* runtime.session(encodeModel(g), { name: "sampling" })
    return yield* Effect.forEach(settings, (setting) => {
      const uniforms = setting.uniforms ??
        philox({ seed: setting.seed ?? 1, step: setting.step ?? 0, row: 0 }, logits.length * draws * 2)
      return Effect.map(
        session.run({
          logits: flat,
          uniforms: Tensor.from("float32", [logits.length, draws, 2], uniforms),
          temperature: Tensor.scalar("float32", setting.temperature ?? 1),
          top_k: Tensor.scalar("int64", setting.topK ?? 0),
          top_p: Tensor.scalar("float32", setting.topP ?? 1),
          min_p: Tensor.scalar("float32", setting.minP ?? 0)
        }),
        (outputs) => ({
          tokens: Array.from(outputs["tokens"]!.as("int64").data, Number),
          logProbs: outputs["logProbs"]!.as("float32").data,
          samplingLogProbs: outputs["samplingLogProbs"]!.as("float32").data
        })
      )
    })
  })).pipe(Effect.provide(Runtime.layer())))
}

/** The distribution that should be sampled, in float64 and by definition: zeros where a filter drops an id. */
const distribution = (logits: Float32Array, { minP = 0, temperature = 1, topK = 0, topP = 1 }: Sampling): Array<number> => {
  const max = logits.reduce((a, b) => Math.max(a, b))
  const mass = Array.from(logits, (x) => Math.exp((x - max) / temperature))
  const order = mass.map((_, i) => i).sort((a, b) => mass[b]! - mass[a]! || a - b)
  const limited = topK > 0 ? order.slice(0, topK) : order
  const total = limited.reduce((sum, i) => sum + mass[i]!, 0)
  let before = 0
  const kept = limited.filter((i) => {
    const keep = (topP >= 1 || before < topP * total) && mass[i]! >= minP
    before += mass[i]!
    return keep
  })
  const sum = kept.reduce((sum, i) => sum + mass[i]!, 0)
  const probabilities = mass.map(() => 0)
  for (const i of kept) probabilities[i] = mass[i]! / sum
  return probabilities
}

/**
 * Chi-square statistic of counts against probabilities, over cells of at least `least` expected draws, as a z-score.
 */
const zScore = (counts: ReadonlyArray<number>, probabilities: ReadonlyArray<number>, draws: number, least = 10): number => {
  let [chi, cells, count, expected] = [0, 0, 0, 0]
  probabilities.forEach((p, i) => {
    count += counts[i]!
    expected += p * draws
    if (expected < least) return
    chi += (count - expected) ** 2 / expected
    cells++
    ;[count, expected] = [0, 0]
  })
  return (chi - (cells - 1)) / Math.sqrt(2 * (cells - 1))
}

const normals = (n: number, scale: number, seed = 1): Float32Array => {
  const u = philox({ seed, step: 7, row: 0 }, 2 * n)
  return Float32Array.from({ length: n }, (_, i) =>
    scale * Math.sqrt(-2 * Math.log(1 - u[2 * i]!)) * Math.cos(2 * Math.PI * u[2 * i + 1]!))
}

const tally = (tokens: ReadonlyArray<number>, size: number): Array<number> => {
  const counts = Array.from({ length: size }, () => 0)
  for (const token of tokens) counts[token]!++
  return counts
}

describe("sample", () => {
  test("a million tokens at V = 151,936 are distributed as the logits say, first and last id included", async () => {
    const V = 151_936
    const logits = normals(V, 3)
    // The ends carry a known probability of 1 in 1,000 each.
    const total = logits.subarray(1, V - 1).reduce((sum, x) => sum + Math.exp(x), 0)
    logits[0] = logits[V - 1] = Math.log(total * 1e-3 / (1 - 2e-3))
    const [runs, each] = [125, 8_000]
    const batches = await draw([logits], each, Array.from({ length: runs }, (_, step) => ({ step })))
    const counts = tally(batches.flatMap(({ tokens }) => tokens), V)
    const probabilities = distribution(logits, {})
    expect(probabilities[V - 1]).toBeCloseTo(1e-3, 8)
    expect(Math.abs(zScore(counts, probabilities, runs * each))).toBeLessThan(4)
    // Binomial with mean 1,000 and deviation 31.6.
    for (const id of [0, V - 1]) expect(Math.abs(counts[id]! - 1000)).toBeLessThan(4 * 31.6)
  }, 300_000)

  test("an improbable last id is not over-emitted", async () => {
    const V = 151_936
    const logits = normals(V, 3)
    logits[V - 1] = -40
    const batches = await draw([logits], 8_000, Array.from({ length: 25 }, (_, step) => ({ step })))
    expect(tally(batches.flatMap(({ tokens }) => tokens), V)[V - 1]).toBe(0)
  }, 300_000)

  const settings: ReadonlyArray<Sampling> = [
    {},
    { temperature: 0.7 },
    { topK: 5 },
    { topK: 5, temperature: 1.5 },
    { topP: 0.3 },
    { topP: 0.95 },
    { topP: 0.999, temperature: 2 },
    { minP: 0.05 },
    { minP: 0.05, topP: 0.9 },
    { topK: 40, topP: 0.8, minP: 0.1, temperature: 1.2 },
    { topK: 100_000 },
    { topP: 1e-6 }
  ]
  for (const [V, candidates] of [[1000, 256], [1000, 8], [128, 256], [5, 256]] as const) {
    test(`filters keep what their definitions say, V = ${V}, ${candidates} candidates`, async () => {
      const rows = [normals(V, 2, 3), normals(V, 4, 4)]
      const draws = 4_000
      const results = await draw(rows, draws, settings, candidates)
      results.forEach(({ logProbs, samplingLogProbs, tokens }, s) => {
        rows.forEach((row, b) => {
          const [probabilities, plain] = [distribution(row, settings[s]!), distribution(row, {})]
          const drawn = tokens.slice(b * draws, (b + 1) * draws)
          const counts = tally(drawn, V)
          expect(counts.filter((count, id) => count > 0 && probabilities[id] === 0)).toEqual([])
          if (probabilities.filter((p) => p * draws > 20).length > 1) {
            expect(zScore(counts, probabilities, draws)).toBeLessThan(4)
          }
          const worst = (found: Float32Array, expected: ReadonlyArray<number>) =>
            drawn.reduce((max, token, i) => Math.max(max, Math.abs(found[b * draws + i]! - Math.log(expected[token]!))), 0)
          expect(worst(samplingLogProbs, probabilities)).toBeLessThan(1e-5)
          expect(worst(logProbs, plain)).toBeLessThan(1e-5)
        })
      })
    })
  }

  test("a row's tokens don't depend on whether another row needs the whole vocabulary sorted", async () => {
    const [peaked, flat] = [normals(1000, 4), normals(1000, 0.1)]
    const uniforms = philox({ seed: 1, step: 0, row: 0 }, 200)
    const both = Float32Array.from([...uniforms, ...uniforms])
    const [alone] = await draw([peaked], 100, [{ topP: 0.9, uniforms }], 64)
    const [beside] = await draw([peaked, flat], 100, [{ topP: 0.9, uniforms: both }], 64)
    expect(beside!.tokens.slice(0, 100)).toEqual(alone!.tokens)
    expect(beside!.samplingLogProbs.slice(0, 100)).toEqual(alone!.samplingLogProbs)
  })

  test("temperature 0 takes the most probable id, the lowest of equals", async () => {
    const logits = Float32Array.from({ length: 300 }, (_, i) => i === 7 || i === 200 ? 3 : 0)
    const [result] = await draw([logits], 2, [{ temperature: 0, topP: 0.5 }])
    expect(result!.tokens).toEqual([7, 7])
    expect(Array.from(result!.samplingLogProbs)).toEqual([0, 0])
    expect(result!.logProbs[0]).toBeCloseTo(Math.log(Math.exp(3) / (2 * Math.exp(3) + 298)), 5)
  })

  test("the extreme uniforms give the first and last id that have any probability", async () => {
    for (const V of [384, 300]) {
      const logits = new Float32Array(V).fill(-Infinity)
      logits[100] = 0
      logits[150] = 1
      const extremes = Float32Array.from([0, 0, 1 - 2 ** -24, 1 - 2 ** -24])
      const results = await draw([logits], 2, [{ uniforms: extremes }, { topK: 300, uniforms: extremes }])
      expect(results[0]!.tokens).toEqual([100, 150])
      expect(results[1]!.tokens).toEqual([150, 100])
    }
  })
})
