import { afterAll, describe, expect, test } from "@jest/globals"
import { encodeModel, type TensorData, tensorValues, toModel } from "@ifrl/onnx"
import {
  importanceNames,
  policyInputs,
  policyObjectiveGraph,
  type PolicySpec,
  type SurrogateName,
  surrogates
} from "../src/index.ts"
import { f32, f64, noise, ortRunner } from "./ort.ts"

const ort = ortRunner({ optimization: "basic" })
afterAll(() => ort.close())

const names = Object.keys(surrogates) as ReadonlyArray<SurrogateName>
const everything: PolicySpec = {
  dualClip: 3,
  entropy: true,
  offPolicyLimit: 0.1,
  kl: { estimator: "k3", clamp: "tangent", corrected: true }
}
const scalars: Readonly<Record<string, number>> = {
  clip_low: 0.3,
  clip_high: 0.2,
  kl_coefficient: 0.1,
  entropy_coefficient: 0.01
}
const values = (data: TensorData) => Array.from(tensorValues(data) as ArrayLike<number>)

test("an objective asks for what it reads, and nothing else", () => {
  expect(policyInputs({}).map(({ name }) => name)).toEqual([
    "weights",
    "advantages",
    "old_log_probs",
    "clip_low",
    "clip_high"
  ])
  expect(policyInputs({ surrogate: "sapo", ...everything }).map(({ name }) => name)).toEqual([
    "weights",
    "advantages",
    "old_log_probs",
    "ref_log_probs",
    "sampler_log_probs",
    "kl_coefficient",
    "entropy_coefficient"
  ])
})

describe.each(names)("%s", (surrogate) => {
  test("is finite in float32 however far log-probs are apart", async () => {
    const far = [0, -1e-3, -5, -90, -700, -1e4]
    const [B, T] = [far.length, far.length]
    const cells = Array.from({ length: B * T }, (_, i) => i)
    const grid = (f: (row: number, column: number) => number) =>
      f32(
        [B, T],
        cells.map((i) => f(Math.floor(i / T), i % T))
      )
    for (const name of importanceNames) {
      const spec: PolicySpec = { ...everything, surrogate, importance: { name, low: 0.5, high: 2 } }
      const all: Record<string, TensorData> = {
        log_probs: grid((row) => far[row]!),
        old_log_probs: grid((_, column) => far[column]!),
        ref_log_probs: grid((row, column) => far[(row + column) % T]!),
        sampler_log_probs: grid((row, column) => far[(row + 2 * column) % T]!),
        entropy: grid(() => 1),
        advantages: grid((_, column) => (column % 3) - 1),
        weights: grid(() => 1 / (B * T)),
        ...Object.fromEntries(Object.entries(scalars).map(([key, value]) => [key, f32([], [value])]))
      }
      const asked = ["log_probs", "entropy", ...policyInputs(spec).map((input) => input.name)]
      const run = await ort.runner(encodeModel(toModel(policyObjectiveGraph(spec, "float32"))))
      const { gradient, loss } = await run(Object.fromEntries(asked.map((key) => [key, all[key]!])))
      expect([...values(loss!), ...values(gradient!)].filter((x) => !Number.isFinite(x))).toEqual([])
    }
  })

  test("has the gradient that central differences find, unless factors of it are constants", async () => {
    // Detached factors are constants of the surrogate: differences see them move, so those surrogates are held against
    // goldens alone.
    if (surrogate === "cispo" || surrogate === "vespo" || surrogate === "sequence-token") return
    const [B, T] = [4, 5]
    const random = noise(11)
    const start = random(B * T, 0.05, -1)
    const fixed = random(B * T, 0.05, -1)
    const spec: PolicySpec = { surrogate, kl: { estimator: "k3" } }
    const run = await ort.runner(encodeModel(toModel(policyObjectiveGraph(spec, "float64"))))
    const at = (x: ReadonlyArray<number>) => {
      const all: Record<string, TensorData> = {
        log_probs: f64([B, T], x),
        old_log_probs: f64([B, T], fixed),
        ref_log_probs: f64(
          [B, T],
          fixed.map((y) => y - 0.3)
        ),
        advantages: f64(
          [B, T],
          fixed.map((_, i) => Math.floor(i / T) - 1.5)
        ),
        weights: f64(
          [B, T],
          fixed.map((_, i) => (i % T <= Math.floor(i / T) + 1 ? 0.1 : 0))
        ),
        ...Object.fromEntries(Object.entries(scalars).map(([key, value]) => [key, f64([], [value])]))
      }
      const asked = ["log_probs", ...policyInputs(spec).map((input) => input.name)]
      return run(Object.fromEntries(asked.map((key) => [key, all[key]!])))
    }
    const gradient = values((await at(start)).gradient!)
    const direction = random(B * T)
    const along = async (t: number) => values((await at(start.map((x, i) => x + t * direction[i]!))).loss!)[0]!
    const numeric =
      (8 * ((await along(5e-4)) - (await along(-5e-4))) - ((await along(1e-3)) - (await along(-1e-3)))) / 6e-3
    const analytic = gradient.reduce((sum, x, i) => sum + x * direction[i]!, 0)
    expect(Math.abs(numeric / analytic - 1)).toBeLessThan(1e-8)
  })
})
