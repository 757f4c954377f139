import { afterAll, describe, expect, test } from "@jest/globals"
import { encodeModel, toModel } from "@ifrl/onnx"
import { Tensor } from "@ifrl/runtime"
import { Scope } from "effect"
import { readFileSync } from "node:fs"
import { adamW, checkAliases, gradientNorm } from "../src/index.ts"
import { f32, ortRunner } from "./ort.ts"

const ort = ortRunner()
afterAll(() => ort.close())

interface Step {
  readonly gradient: Array<number>
  readonly parameter: Array<number>
  readonly first_moment: Array<number>
  readonly second_moment: Array<number>
}
interface Fixture {
  readonly parameter: Array<number>
  readonly learning_rates: Array<number>
  readonly weight_decay: number
  readonly betas: [number, number]
  readonly epsilon: number
  readonly float64: Array<Step>
  readonly float32: Array<Step>
}
const fixture = JSON.parse(readFileSync(new URL("fixtures/adamw.json", import.meta.url), "utf8")) as Fixture
const n = fixture.parameter.length

describe.each([["float64", 1e-13], ["float32", 3e-6]] as const)("AdamW in %s, in place", (type, bound) => {
  test("is PyTorch's, step by step", async () => {
    const { aliases, graph } = adamW({ elementType: type, beta1: fixture.betas[0], beta2: fixture.betas[1], epsilon: fixture.epsilon })
    checkAliases(graph, aliases)
    const session = await ort.session(encodeModel(toModel(graph)))
    const vector = (values: Array<number>) => Tensor.from(type, [n], values)
    const state = {
      parameter: vector(fixture.parameter), first_moment: vector(Array(n).fill(0)), second_moment: vector(Array(n).fill(0))
    }
    const scalars = {
      learning_rate: Tensor.scalar(type, 0), weight_decay: Tensor.scalar(type, fixture.weight_decay), gradient_scale: Tensor.scalar(type, 0.25),
      step: Tensor.scalar("int64", 0n)
    }
    const gradient = vector(Array(n).fill(0))
    const outputs = Object.fromEntries(Object.entries(state).map(([name, tensor]) => [`${name}.out`, tensor]))
    const binding = await ort.run(session.bind({ inputs: { ...state, ...scalars, gradient }, outputs }).pipe(Scope.provide(ort.scope)))
    for (const [i, step] of fixture[type].entries()) {
      scalars.learning_rate.data[0] = fixture.learning_rates[i]!
      scalars.step.data[0] = BigInt(i + 1)
      // Scaled by 1/4 in the graph, which is exact.
      gradient.data.set(step.gradient.map((x) => 4 * x))
      await ort.run(binding.run)
      for (const [name, tensor] of Object.entries(state)) {
        step[name as keyof Step].forEach((x, j) => {
          // Sums may cancel: they are as accurate as the largest terms that went into them.
          const largest = Math.max(...fixture[type].map((at) => Math.abs(at[name as keyof Step][j]!)))
          const size = name === "parameter" ? Math.max(largest, 0.01) : largest
          const error = Math.abs(Number(tensor.data[j]) - x) / Math.max(size, Number.MIN_VALUE)
          expect({ step: i, name, j, error }).toEqual({ step: i, name, j, error: Math.min(error, bound) })
        })
      }
    }
  })
})

test("the shadow is the parameter rounded to half precision", async () => {
  const { graph } = adamW({ shadow: "bfloat16" })
  const run = await ort.runner(encodeModel(toModel(graph)))
  const result = await run({
    parameter: f32([3], [1.00390625, -2.7, 1e-3]), gradient: f32([3], [0, 0, 0]), first_moment: f32([3], [0, 0, 0]),
    second_moment: f32([3], [0, 0, 0]), learning_rate: f32([], [0]), weight_decay: f32([], [0]), gradient_scale: f32([], [1]),
    step: { type: "int64", dims: [], bytes: new Uint8Array(new BigInt64Array([1n]).buffer) }
  })
  expect(Array.from(new Uint16Array(result["shadow.out"]!.bytes.slice().buffer))).toEqual([0x3f80, 0xc02d, 0x3a83])
})

test("the gradient norm is summed in float64", async () => {
  const run = await ort.runner(encodeModel(toModel(gradientNorm("float32"))))
  const values = Float32Array.from({ length: 100_003 }, (_, i) => Math.sin(i) * (i % 7 === 0 ? 1e3 : 1e-3))
  const exact = values.reduce((sum, x) => sum + x * x, 0)
  const { sum_of_squares } = await run({ gradient: f32([values.length], values) })
  expect(new Float32Array(sum_of_squares!.bytes.slice().buffer)[0]).toBe(Math.fround(exact))
})
