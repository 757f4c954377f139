import { afterAll, describe, expect, test } from "@jest/globals"
import { encodeModel, Graph, type TensorData, tensorData, tensorValues, toModel } from "@ifrl/onnx"
import { readFileSync } from "node:fs"
import { differentiate, Emit, type KlClamp, type KlEstimator, klPenalty } from "../src/index.ts"
import { ortRunner } from "./ort.ts"

const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())

interface Case {
  readonly value: ReadonlyArray<number>
  readonly grad: ReadonlyArray<number | "nan">
}
const golden = JSON.parse(readFileSync(new URL("fixtures/kl.json", import.meta.url), "utf8")) as {
  readonly ref_minus_new: ReadonlyArray<number>
  readonly kl: Record<string, Case>
  readonly kl_float32: Record<string, Case>
}
const values = (data: TensorData) => Array.from(tensorValues(data) as ArrayLike<number>)

/** Estimates and their gradients with respect to the policy's log-prob, so by -d. */
const evaluate = async (
  type: "float32" | "float64",
  at: ReadonlyArray<number>,
  estimator?: KlEstimator,
  clamp?: KlClamp
) => {
  const graph = new Graph("kl")
  const g = new Emit(graph)
  const d = graph.input("d", type, [at.length])
  const y = klPenalty(g, d, estimator, clamp)
  graph.output(g.neg(differentiate(graph, { loss: g.sumAll(y), wrt: [d] }).get(d)!), "slope")
  graph.output(y, "value")
  const result = await (await ort.runner(encodeModel(toModel(graph))))({ d: tensorData(type, [at.length], at) })
  return { value: values(result.value!), slope: values(result.slope!) }
}

/** |a - b| relative to b, or absolute below 1. */
const off = (a: number, b: number) => Math.abs(a - b) / Math.max(1, Math.abs(b))

/** Whose estimator is which of ours. In float64 to the goldens' nine digits; "float32 cast" to float32's. */
const cases: ReadonlyArray<readonly [name: string, KlEstimator, KlClamp]> = [
  ["verl_if/kl", "k1", "verl"],
  ["verl_if/abs", "abs", "verl"],
  ["verl_if/mse", "k2", "verl"],
  ["verl_if/low_var_kl", "k3", "verl"],
  ["verl/k1", "k1", "verl"],
  ["verl/abs", "abs", "verl"],
  ["verl/k2", "k2", "verl"],
  ["verl/k3", "k3", "verl"],
  ["verl/k1+", "k1+", "verl"],
  ["verl/k3+", "k3+", "verl"],
  ["easyr1/low_var_kl (float32 cast)", "k3", "verl"],
  ["openrlhf/k1 (float32 cast)", "k1", "openrlhf"],
  ["openrlhf/k2 (float32 cast)", "k2", "openrlhf"],
  ["openrlhf/k3 (float32 cast)", "k3", "openrlhf"],
  ["open_instruct/0 (ratio=1)", "k1", "open-instruct"],
  ["open_instruct/1 (ratio=1)", "k2", "open-instruct"],
  ["open_instruct/2 (ratio=1)", "k3", "open-instruct"],
  // Its estimator 3 is the ratio times k1; here the ratio is a constant 1.
  ["open_instruct/3 (ratio=1)", "k1", "open-instruct"]
]

/** A NaN gradient of theirs, where exp overflowed behind a clamp, is 0 here: NaN would destroy the weights. */
const expected = (x: number | "nan") => (x === "nan" ? 0 : x)

describe("KL estimates against other systems' own code", () => {
  test("every one of them is here", () => {
    expect(cases.map(([name]) => name)).toEqual(Object.keys(golden.kl))
  })
  test.each(cases)("%s", async (name, estimator, clamp) => {
    const at = golden.ref_minus_new
    const { grad, value } = golden.kl[name]!
    const ours = await evaluate("float64", at, estimator, clamp)
    const bound = name.includes("float32 cast") ? 1e-6 : 1e-9
    at.forEach((_, i) => {
      expect(off(ours.value[i]!, value[i]!)).toBeLessThan(bound)
      expect(off(ours.slope[i]!, expected(grad[i]!))).toBeLessThan(bound)
    })
  })
  test.each([
    ["verl_if/low_var_kl", "verl"],
    ["verl/k3", "verl"],
    ["easyr1/low_var_kl", "verl"],
    ["openrlhf/k3", "openrlhf"]
  ] as const)("%s in float32", async (name, clamp) => {
    const at = golden.ref_minus_new
    const { grad, value } = golden.kl_float32[name]!
    const ours = await evaluate("float32", at, "k3", clamp)
    at.forEach((_, i) => {
      expect(off(ours.value[i]!, value[i]!)).toBeLessThan(2e-6)
      expect(off(ours.slope[i]!, expected(grad[i]!))).toBeLessThan(2e-6)
    })
  })
})

describe("k3", () => {
  test("keeps its relative accuracy in float32 near zero", async () => {
    const at = [1e-4, -1e-3, 1e-3, 1e-2, -0.1, 0.3, -0.5, 0.5].map(Math.fround)
    const { slope, value } = await evaluate("float32", at)
    at.forEach((d, i) => {
      // expm1 and the series: exp(d) - d - 1 itself cancels in float64 too.
      let [term, series] = [1, 0]
      for (let n = 1; n <= 21; n++) {
        term *= d / n
        if (n > 1) series += term
      }
      expect(Math.abs(value[i]! / series - 1)).toBeLessThan(1e-6)
      expect(Math.abs(-slope[i]! / Math.expm1(d) - 1)).toBeLessThan(1e-6)
    })
  })
  test("and further out", async () => {
    const at = [-8, -3, -1, 0.75, 1, 3, 6, 9.5].map(Math.fround)
    const { slope, value } = await evaluate("float32", at)
    at.forEach((d, i) => {
      expect(Math.abs(value[i]! / (Math.exp(d) - d - 1) - 1)).toBeLessThan(1e-6)
      expect(Math.abs(-slope[i]! / Math.expm1(d) - 1)).toBeLessThan(1e-6)
    })
  })
  test("is finite everywhere, with a gradient that never vanishes", async () => {
    const at = [-1e4, -100, 12, 30, 100, 1e4]
    const { slope, value } = await evaluate("float32", at)
    const knee = Math.exp(10)
    at.forEach((d, i) => {
      const [v, s] = d > 10 ? [knee - 11 + (knee - 1) * (d - 10), knee - 1] : [Math.exp(d) - d - 1, Math.expm1(d)]
      expect(Math.abs(value[i]! / v - 1)).toBeLessThan(1e-6)
      expect(Math.abs(-slope[i]! / s - 1)).toBeLessThan(1e-6)
    })
  })
  test.each(["verl", "openrlhf", "open-instruct"] as const)(
    "under the clamp of %s overflows nowhere",
    async (clamp) => {
      const { slope, value } = await evaluate("float32", [-1e4, -100, 89, 100, 1e4, 1e30], "k3", clamp)
      expect([...slope, ...value].every(Number.isFinite)).toBe(true)
    }
  )
})
