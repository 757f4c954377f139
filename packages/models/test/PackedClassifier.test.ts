import { describe, expect, test } from "@jest/globals"
import { philox, Tensor } from "@ifrl/runtime"
import {
  type ClassifierConfig,
  classifierGraph,
  packedClassifierGraph,
  packRows,
  type Parameters,
  prefixBatches,
  scoreName,
  scoreParameter
} from "../src/index.ts"
import { familyCase, familyCases } from "./families.ts"
import { evaluate } from "./reference.ts"
import { run } from "./support.ts"

const maxLength = 80
/** Of logits of the order of 1, one graph against the other in float32. */
const bound = 1e-5

const classifierOf = async (name: string) => {
  const { config: decoder, parameters } = await run(familyCase(name))
  const config: ClassifierConfig = { decoder: { ...decoder, tiedEmbeddings: true }, labels: ["no", "yes"] }
  const { shape } = scoreParameter(config)
  const score = philox({ seed: 9, step: 0, row: 0 }, shape[0]! * shape[1]!).map((u) => (u - 0.5) / 2)
  const wanted = Array.from(parameters).filter(([key]) => !key.startsWith("lm_head"))
  return { config, parameters: new Map([...wanted, [scoreName, Tensor.from("float32", shape, score)]]) as Parameters }
}

/** Rows that begin alike by turns, one of them twice, one the beginning of another, from one token to the longest. */
const rowsOf = (vocabulary: number): ReadonlyArray<Int32Array> => {
  const rows = Array.from({ length: 12 }, (_, row) => {
    const u = philox({ seed: 5, step: 0, row }, maxLength)
    const other = philox({ seed: 5, step: 1, row: row % 3 }, maxLength)
    const length = [1, 2, 31, 32, 33, 47, 64, 65, 70, 72, maxLength, 5][row]!
    return Int32Array.from({ length }, (_, t) => Math.floor((t < 20 + row ? other : u)[t]! * vocabulary))
  })
  return [...rows, rows[6]!, rows[10]!.subarray(0, 40)]
}

/** [rows, classes] by the graph that is trained, row by row. */
const plainLogits = async (config: ClassifierConfig, parameters: Parameters, rows: ReadonlyArray<Int32Array>) => {
  const { graph, head, hidden } = classifierGraph(config, { maxLength, attentionBlock: 8 })
  const flat = graph.op("Reshape", [hidden, graph.constant("int64", [-1, config.decoder.hiddenSize])])
  graph.output(graph.op("Gemm", [flat, head], { transB: 1 }), "logits")
  const T = Math.max(...rows.map(({ length }) => length))
  const ids = Tensor.zeros("int64", [rows.length, T])
  rows.forEach((row, b) => row.forEach((token, t) => (ids.data[b * T + t] = BigInt(token))))
  const found = await evaluate(graph, { ...Object.fromEntries(parameters), input_ids: ids })
  const all = found["logits"]!.as("float32").data
  return rows.flatMap(({ length }, b) => [0, 1].map((label) => all[2 * (b * T + length - 1) + label]!))
}

const packedLogits = async (
  config: ClassifierConfig,
  parameters: Parameters,
  rows: ReadonlyArray<Int32Array>,
  constant = true
) => {
  const graph = packedClassifierGraph(config, { maxLength, weights: constant ? parameters : undefined })
  const [order] = prefixBatches(rows, { nodes: 1e6 })
  const inputs = packRows(config.decoder, order!.map((i) => rows[i]!))
  const found = await evaluate(graph, constant ? inputs : { ...Object.fromEntries(parameters), ...inputs })
  const logits = found["logits"]!.as("float32").data
  return rows.flatMap((_, i) => [0, 1].map((label) => logits[2 * order!.indexOf(i) + label]!))
}

const greatestDifference = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))

describe.each(Object.keys(familyCases))("%s", (name) => {
  test("logits are those of the graph that is trained", async () => {
    const { config, parameters } = await classifierOf(name)
    const rows = rowsOf(config.decoder.vocabSize)
    const plain = await plainLogits(config, parameters, rows)
    expect(Math.max(...plain) - Math.min(...plain)).toBeGreaterThan(0.5)
    expect(greatestDifference(await packedLogits(config, parameters, rows), plain)).toBeLessThan(bound)
  })
})

test("weights may be inputs, and one row is enough", async () => {
  const { config, parameters } = await classifierOf("qwen3")
  const rows = rowsOf(config.decoder.vocabSize)
  const plain = await plainLogits(config, parameters, rows)
  expect(greatestDifference(await packedLogits(config, parameters, rows, false), plain)).toBeLessThan(bound)
  const all = await packedLogits(config, parameters, rows)
  for (const i of [0, 3, 7, 10]) {
    // The same bits alone and among others.
    expect(await packedLogits(config, parameters, rows.slice(i, i + 1))).toEqual(all.slice(2 * i, 2 * i + 2))
  }
})

test("the bound catches a window one token longer, and positions in a layer that has none", async () => {
  const { config, parameters } = await classifierOf("mistral-0.1")
  const rows = rowsOf(config.decoder.vocabSize)
  const plain = await plainLogits(config, parameters, rows)
  const slidingWindow = { ...config.decoder.slidingWindow!, size: config.decoder.slidingWindow!.size + 1 }
  const longer = { ...config, decoder: { ...config.decoder, slidingWindow } }
  expect(greatestDifference(await packedLogits(longer, parameters, rows), plain)).toBeGreaterThan(100 * bound)
  const { config: without, parameters: weights } = await classifierOf("smollm3")
  const turned = { ...without, decoder: { ...without.decoder, positionless: [] } }
  const expected = await plainLogits(without, weights, rows)
  expect(greatestDifference(await packedLogits(turned, weights, rows), expected)).toBeGreaterThan(100 * bound)
})
