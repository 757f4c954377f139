import { afterAll, expect, test } from "@jest/globals"
import { encodeModel, Graph, tensorValues, toModel } from "@ifrl/onnx"
import { blockAttention, checkGrads, Emit } from "../src/index.ts"
import { f64, noise, ortRunner } from "./ort.ts"

const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())
const random = noise(5)
const E = 4
const tensor = (...dims: Array<number>) => f64(dims, random(dims.reduce((a, b) => a * b, 1), 2))

interface Case {
  readonly name: string
  readonly H: number
  readonly K: number
  readonly T: number
  readonly block: number
  readonly window?: number
}

const cases: ReadonlyArray<Case> = [
  { name: "one short block", H: 2, K: 2, T: 3, block: 8 },
  { name: "whole blocks, grouped queries", H: 4, K: 2, T: 6, block: 3 },
  { name: "short last block, grouped queries", H: 6, K: 2, T: 7, block: 3 },
  { name: "blocks of one", H: 2, K: 1, T: 4, block: 1 },
  { name: "a window shorter than a block", H: 4, K: 2, T: 8, block: 3, window: 2 },
  { name: "a window longer than a block", H: 2, K: 1, T: 9, block: 2, window: 5 },
  { name: "a window of a block", H: 2, K: 2, T: 7, block: 3, window: 3 },
  { name: "a window longer than the row", H: 2, K: 1, T: 5, block: 2, window: 7 }
]

test.each(cases)("gradients: $name", async ({ H, K, T, block, window }) => {
  const checks = await checkGrads({
    inputs: { q: tensor(2, H, T, E), k: tensor(2, K, T, E), v: tensor(2, K, T, E) },
    runner: ort.runner,
    shapes: { q: ["B", H, "T", E], k: ["B", K, "T", E], v: ["B", K, "T", E] },
    build: (graph, { k, q, v }) => blockAttention(graph, { q: q!, k: k!, v: v!, scale: 0.7, block, ...(window === undefined ? {} : { window }) })
  })
  for (const check of checks) expect(check).toMatchObject({ relativeError: expect.closeTo(0, 8) })
})

test("gradients: keys that are the values too", async () => {
  const checks = await checkGrads({
    inputs: { q: tensor(2, 4, 5, E), kv: tensor(2, 2, 5, E) },
    runner: ort.runner,
    build: (graph, { kv, q }) => blockAttention(graph, { q: q!, k: kv!, v: kv!, scale: 0.7, block: 3 })
  })
  for (const check of checks) expect(check).toMatchObject({ relativeError: expect.closeTo(0, 8) })
})

test.each(cases)("values: $name", async ({ H, K, T, block, window }) => {
  const inputs = { q: tensor(2, H, T, E), k: tensor(2, K, T, E), v: tensor(2, K, T, E) }
  const graph = new Graph("values")
  const g = new Emit(graph)
  const q = graph.input("q", "float64", ["B", H, "T", E])
  const k = graph.input("k", "float64", ["B", K, "T", E])
  const v = graph.input("v", "float64", ["B", K, "T", E])
  graph.output(blockAttention(graph, { q, k, v, block, ...(window === undefined ? {} : { window }) }), "blocks")
  const rep = H / K
  const all = (x: typeof k) => g.reshape(g.op("Expand", [g.unsqueeze(x, [2]), g.ints([1, 1, rep, 1, 1])]), [0, H, -1, E])
  const scores = g.matmul(q, all(k), { transB: true, alpha: 1 / Math.sqrt(E) })
  const never = g.op("Expand", [g.scalar(-1e30, q), g.concat([g.dim(q, 2), g.dim(q, 2)], 0)])
  const future = g.op("Trilu", [never, g.int(1)], { upper: 1 })
  const past = window === undefined ? g.scalar(0, q) : g.op("Trilu", [never, g.int(-window)], { upper: 0 })
  graph.output(g.matmul(g.op("Softmax", [g.add(scores, g.add(future, past))]), all(v)), "whole")
  const result = await (await ort.runner(encodeModel(toModel(graph))))(inputs)
  const values = (name: string) => Array.from(tensorValues(result[name]!) as ArrayLike<number>)
  expect(result.blocks!.dims).toEqual([2, H, T, E])
  values("whole").forEach((x, i) => expect(values("blocks")[i]).toBeCloseTo(x, 13))
})
