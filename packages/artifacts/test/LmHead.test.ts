import { afterAll, expect, test } from "@jest/globals"
import { encodeModel, Graph, tensorData, tensorValues, toModel } from "@ifrl/onnx"
import { checkGrads, differentiate, Emit, lmHeadChunk, lmHeadLogProbs } from "../src/index.ts"
import { f64, i64, noise, ortRunner } from "./ort.ts"

const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())
const random = noise(3)

const N = 7
const D = 5
const V = 11
const inputs = {
  hidden: f64([N, D], random(N * D, 2)),
  weight: f64([V, D], random(V * D)),
  labels: i64([N], [0, 10, 3, 3, 7, 1, 10])
}

test.each([1, 2, 3, 7, 64])("log-probs, entropy and their gradients in chunks of %i tokens", async (chunk) => {
  const checks = await checkGrads({
    inputs,
    runner: ort.runner,
    shapes: { hidden: ["N", D], labels: ["N"] },
    build: (graph, { hidden, labels, weight }) => {
      const { entropy, logProbs } = lmHeadLogProbs(graph, { hidden: hidden!, weight: weight!, labels: labels!, chunk })
      return [logProbs, entropy]
    }
  })
  for (const check of checks) expect(check).toMatchObject({ relativeError: expect.closeTo(0, 8) })
})

test.each(["logProbs", "entropy"] as const)("only %s in the loss", async (which) => {
  const checks = await checkGrads({
    inputs,
    runner: ort.runner,
    build: (graph, { hidden, labels, weight }) =>
      lmHeadLogProbs(graph, { hidden: hidden!, weight: weight!, labels: labels!, chunk: 4 })[which]
  })
  for (const check of checks) expect(check).toMatchObject({ relativeError: expect.closeTo(0, 8) })
})

test("values are those of LogSoftmax over all logits; no tensor is N x V", async () => {
  const graph = new Graph("values")
  const g = new Emit(graph)
  const hidden = graph.input("hidden", "float64", ["N", D])
  const weight = graph.input("weight", "float64", [V, D])
  const labels = graph.input("labels", "int64", ["N"])
  const { entropy, logProbs } = lmHeadLogProbs(graph, { hidden, weight, labels, chunk: 3 })
  graph.output(logProbs, "logProbs")
  graph.output(entropy, "entropy")
  const whole = g.op("LogSoftmax", [g.matmul(hidden, weight, { transB: true })])
  graph.output(g.squeeze(g.op("GatherElements", [whole, g.unsqueeze(labels, [1])], { axis: 1 }), [1]), "expected")
  graph.output(g.neg(g.sum(g.mul(g.exp(whole), whole), [1])), "expectedEntropy")
  const result = await (await ort.runner(encodeModel(toModel(graph))))(inputs)
  const values = (name: string) => Array.from(tensorValues(result[name]!) as ArrayLike<number>)
  values("expected").forEach((x, i) => expect(values("logProbs")[i]).toBeCloseTo(x, 13))
  values("expectedEntropy").forEach((x, i) => expect(values("entropy")[i]).toBeCloseTo(x, 13))
})

test("a tied weight collects head and embedding in one buffer", async () => {
  const graph = new Graph("tied")
  const g = new Emit(graph)
  const weight = graph.input("weight", "float64", [V, D])
  const buffer = graph.input("buffer", "float64", [V, D])
  const labels = graph.input("labels", "int64", ["N"])
  const hidden = graph.op("Gather", [weight, labels])
  const { logProbs } = lmHeadLogProbs(graph, { hidden, weight, labels, chunk: 2 })
  const loss = g.sumAll(logProbs)
  const into = differentiate(graph, { loss, wrt: [weight], accumulators: new Map([[weight, buffer]]) }).get(weight)!
  graph.output(into, "accumulated")
  expect(graph.consumers(buffer).map(({ opType }) => opType)).toEqual(["Loop"])
  expect(graph.producer(into)?.opType).toBe("ScatterElements")
  const run = await ort.runner(encodeModel(toModel(graph)))
  const start = random(V * D)
  const once = await run({ weight: inputs.weight, labels: inputs.labels, buffer: f64([V, D], start) })
  const zero = await run({ weight: inputs.weight, labels: inputs.labels, buffer: tensorData("float64", [V, D], new Float64Array(V * D)) })
  const [a, b] = [once, zero].map(({ accumulated }) => tensorValues(accumulated!) as Float64Array) as [Float64Array, Float64Array]
  a.forEach((value, i) => expect(value).toBeCloseTo(b[i]! + start[i]!, 12))
})

test("chunks hold about four million logits, but at least 256 tokens", () => {
  expect([2048, 4096, 32000, 151936].map(lmHeadChunk)).toEqual([2048, 1024, 256, 256])
})
