import { afterAll, describe, expect, test } from "@jest/globals"
import { encodeModel, Graph, type TensorData, tensorValues, toModel } from "@ifrl/onnx"
import { readFileSync } from "node:fs"
import { differentiate, Emit, generateArtifacts, policyObjective } from "../src/index.ts"
import { decoder, parameters } from "./decoder.ts"
import { f64, i64, noise, ortRunner } from "./ort.ts"

const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())

interface Golden {
  readonly fixture: { old: Array<Array<number>>; new: Array<Array<number>>; ref: Array<Array<number>>; mask: Array<Array<number>>; advantage_per_row: Array<number> }
  readonly losses: Record<string, { readonly loss: number; readonly grad: Array<Array<number>>; readonly metrics?: Record<string, number> }>
}
const golden = JSON.parse(readFileSync(new URL("fixtures/policy-losses.json", import.meta.url), "utf8")) as Golden
const { fixture } = golden
const [B, T] = [fixture.mask.length, fixture.mask[0]!.length]
const values = (data: TensorData) => Array.from(tensorValues(data) as ArrayLike<number>)
const grid = (rows: ReadonlyArray<ReadonlyArray<number>>) => f64([B, T], rows.flat())

/** Weights of a token: over all tokens, over its row and all rows, or over rows times the longest row. */
const weightings = {
  token: fixture.mask.map((row) => row.map((m) => m / fixture.mask.flat().reduce((a, b) => a + b))),
  row: fixture.mask.map((row) => row.map((m) => m / row.reduce((a, b) => a + b) / B)),
  fixed: fixture.mask.map((row) => row.map((m) => m / (B * T)))
}

const policy = async (weights: Array<Array<number>>, low: number, high: number, kl?: number) => {
  const graph = new Graph("policy")
  const g = new Emit(graph)
  const input = (name: string) => graph.input(name, "float64", ["B", "T"])
  const scalar = (x: number) => g.scalar(x, "float64")
  const logProbs = input("log_probs")
  const inputs = {
    logProbs,
    oldLogProbs: input("old"),
    advantages: input("advantages"),
    weights: input("weights"),
    clipLow: scalar(low),
    clipHigh: scalar(high),
    ...(kl === undefined ? {} : { refLogProbs: input("ref"), klCoefficient: scalar(kl) })
  }
  const { loss, metrics } = policyObjective(g, inputs, kl === undefined ? {} : { kl: {} })
  for (const [name, value] of Object.entries(metrics)) graph.output(value, name)
  graph.output(differentiate(graph, { loss, wrt: [logProbs] }).get(logProbs)!, "gradient")
  graph.output(loss, "loss")
  const result = await (await ort.runner(encodeModel(toModel(graph))))({
    log_probs: grid(fixture.new),
    old: grid(fixture.old),
    weights: grid(weights),
    advantages: grid(fixture.advantage_per_row.map((a) => Array.from({ length: T }, () => a))),
    ...(kl === undefined ? {} : { ref: grid(fixture.ref) })
  })
  return Object.fromEntries(Object.entries(result).map(([name, data]) => [name, values(data)]))
}

describe("the clipped objective against other systems' own code", () => {
  test.each([
    ["verl_if/clip0.2/whole_batch", "token", 0.2, 0.2, undefined, 11],
    ["verl_if/clip0.2+0.01*low_var_kl/whole_batch", "token", 0.2, 0.2, 0.01, 11],
    ["trl/dapo/token/eps0.2/beta0", "token", 0.2, 0.2, undefined, 11],
    ["trl/dapo/token/eps0.2-0.28", "token", 0.2, 0.28, undefined, 11],
    ["trl/dapo/token/eps0.2/beta0.04(k3)", "token", 0.2, 0.2, 0.04, 11],
    ["trl/grpo/token/eps0.2/beta0", "row", 0.2, 0.2, undefined, 11],
    ["trl/dr_grpo/token/eps0.2/beta0", "fixed", 0.2, 0.2, undefined, 11],
    ["open_instruct/dapo/token/clip0.2-0.272/beta0.05/kl_estimator2", "token", 0.2, 0.272, 0.05, 11],
    ["openrlhf/ppo/token/clip0.2", "token", 0.2, 0.2, undefined, 11],
    // It adds 1e-8 to its denominators.
    ["openrlhf/ppo/sample/clip0.2", "row", 0.2, 0.2, undefined, 7]
  ] as const)("%s", async (name, weighting, low, high, kl, digits) => {
    const expected = golden.losses[name]!
    const { gradient, loss } = await policy(weightings[weighting], low, high, kl)
    expect(loss![0]).toBeCloseTo(expected.loss, digits)
    expected.grad.flat().forEach((x, i) => expect(gradient![i]).toBeCloseTo(x, digits))
  })
  test("metrics are sums over tokens with weight", async () => {
    const { clipped_high, clipped_low, kl, old_kl, ratio, tokens } = await policy(weightings.token, 0.2, 0.2, 0.01)
    const { metrics } = golden.losses["verl_if/clip0.2+0.01*low_var_kl/whole_batch"]!
    expect(tokens).toEqual([20])
    expect((clipped_low![0]! + clipped_high![0]!) / 20).toBeCloseTo(metrics!.pg_clipfrac!, 12)
    expect(old_kl![0]! / 20).toBeCloseTo(metrics!.ppo_kl!, 11)
    expect(kl![0]! / 20).toBeCloseTo(metrics!.kl_loss!, 11)
    const ratios = fixture.new.flatMap((row, i) => row.map((x, t) => fixture.mask[i]![t]! * Math.exp(x - fixture.old[i]![t]!)))
    expect(ratio![0]).toBeCloseTo(ratios.reduce((a, b) => a + b), 11)
  })
})

test("log-ratios far out of range give finite losses and gradients", async () => {
  const far = { ...fixture, new: fixture.new.map((row, i) => row.map((x, t) => x + (i === 0 ? 300 : i === 1 ? -300 : 0) + t)) }
  Object.assign(fixture, { new: far.new })
  const { gradient, loss } = await policy(weightings.token, 0.2, 0.2, 0.01)
  expect([...gradient!, ...loss!].every(Number.isFinite)).toBe(true)
})

describe("classification", () => {
  const sizes = { V: 11, D: 8, L: 1, H: 2, K: 1, E: 4, F: 12, classes: 2 }
  const artifacts = generateArtifacts({ model: decoder(sizes, { type: "float64", block: 4 }), loss: "classification" })
  const weights = parameters(sizes, "float64")
  const random = noise(2)
  const batch = {
    input_ids: i64([3, 5], random(15, 5, 5).map(Math.floor)),
    positions: i64([3], [4, 1, 2]),
    labels: i64([3], [1, 0, 1]),
    weights: f64([3], [0.5, 0.25, 0])
  }
  test("is the cross-entropy of the logits at each row's position", async () => {
    const result = await (await ort.runner(artifacts.evaluation))({ ...weights, ...batch })
    const logits = values(result.logits!)
    const nll = [0, 1, 2].map((row) => {
      const [a, b] = [logits[2 * row]!, logits[2 * row + 1]!]
      return Math.log(Math.exp(a) + Math.exp(b)) - [a, b][Number(values(batch.labels)[row])]!
    })
    expect(values(result.loss!)[0]).toBeCloseTo(nll[0]! * 0.5 + nll[1]! * 0.25, 12)
    const correct = [0, 1].filter((row) => Number(logits[2 * row + 1]! > logits[2 * row]!) === Number(values(batch.labels)[row])).length
    expect(values(result.correct!)).toEqual([correct])
    expect(values(result.rows!)).toEqual([2])
  })
  test("what comes after the position doesn't matter", async () => {
    const run = await ort.runner(artifacts.evaluation)
    const ids = Array.from(tensorValues(batch.input_ids) as BigInt64Array, Number)
    const changed = ids.map((id, i) => i === 7 || i === 8 || i === 13 ? (id + 3) % 11 : id)
    const [a, b] = [await run({ ...weights, ...batch }), await run({ ...weights, ...batch, input_ids: i64([3, 5], changed) })]
    values(a.logits!).forEach((x, i) => expect(values(b.logits!)[i]).toBeCloseTo(x, 13))
  })
  test("its gradient agrees with central differences", async () => {
    const zeros = Object.fromEntries(artifacts.manifest.parameters.map(({ gradient, shape }) =>
      [gradient!.input, f64(shape, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0))]))
    const result = await (await ort.runner(artifacts.training))({ ...weights, ...batch, ...zeros })
    const run = await ort.runner(artifacts.evaluation)
    for (const name of ["score", "embed", "0.q"]) {
      const data = values(weights[name]!)
      const direction = random(data.length)
      const at = async (t: number) =>
        values((await run({ ...weights, ...batch, [name]: f64(weights[name]!.dims, data.map((x, i) => x + t * direction[i]!)) })).loss!)[0]!
      const numeric = (8 * (await at(5e-4) - await at(-5e-4)) - (await at(1e-3) - await at(-1e-3))) / 6e-3
      const analytic = values(result[`${name}_grad.accumulation.out`]!).reduce((sum, x, i) => sum + x * direction[i]!, 0)
      expect(Math.abs(numeric / analytic - 1)).toBeLessThan(1e-7)
    }
  })
})
