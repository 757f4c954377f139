import { generateArtifacts } from "@ifrl/artifacts"
import { expect, test } from "@jest/globals"
import { Runtime, Tensor } from "@ifrl/runtime"
import { Effect } from "effect"
import { decoderGraph } from "../src/index.ts"
import { maxDifference, reference, relativeDifference, type Tensors } from "./reference.ts"

/** One tensor's rows from `start`, as a batch of their own, cut to `width` columns. */
const rows = (tensor: Tensor, start: number, count: number, width: number): Tensor => {
  const T = tensor.dims[1]!
  const out = Tensor.zeros(tensor.type, [count, width])
  for (let b = 0; b < count; b++)
    out.data.set(tensor.data.subarray((start + b) * T, (start + b) * T + width) as never, b * width)
  return out
}

const batchOf = (expected: Tensors, start: number, count: number, width: number): Tensors =>
  Object.fromEntries(
    ["input_ids", "labels", "weights"].map((name) => [name, rows(expected[name]!, start, count, width)])
  )

const add = (a: Tensor, b: Tensor) => (b.data as Float32Array).forEach((x, i) => ((a.data as Float32Array)[i]! += x))

test.each([
  ["qwen2-tied", false],
  ["qwen2-untied", true]
] as const)(
  "%s trains from artifacts: loss and accumulated gradients of two micro-batches equal PyTorch's (recompute %p)",
  async (name, recompute) => {
    const { config, expected, parameters } = await reference(name)
    const artifacts = generateArtifacts({
      model: decoderGraph(config, { maxLength: 64, recompute }),
      loss: "sft",
      elementType: "float32"
    })
    const { manifest } = artifacts
    const buffers = Object.fromEntries([...parameters].map(([key, { dims }]) => [key, Tensor.zeros("float32", dims)]))
    const pairs = manifest.parameters.map((parameter) => [parameter.name, parameter.gradient!] as const)
    const bound = {
      ...Object.fromEntries(parameters),
      ...(recompute ? { recompute: Tensor.scalar("bool", true) } : {}),
      ...Object.fromEntries(pairs.map(([key, { input }]) => [input, buffers[key]!]))
    }
    const outputs = Object.fromEntries(pairs.map(([key, { output }]) => [output, buffers[key]!]))
    const loss = Tensor.zeros("float32", [1])
    await Effect.runPromise(
      Effect.gen(function*() {
        const runtime = yield* Runtime
        const training = yield* runtime.session(artifacts.training, { name: "training" })
        // The last row is shorter: its micro-batch is padded less than the batch.
        for (const [start, count, width] of [
          [0, 2, 24],
          [2, 1, 16]
        ] as const) {
          const result = yield* training.run({ ...bound, ...batchOf(expected, start, count, width) }, outputs)
          add(loss, result.loss!)
        }
        const evaluation = yield* runtime.session(artifacts.evaluation, { name: "evaluation" })
        const whole = yield* evaluation.run({ ...Object.fromEntries(parameters), ...batchOf(expected, 0, 3, 24) })
        expect(maxDifference(whole.log_probs!, expected.log_probs!)).toBeLessThan(1e-4)
        expect(maxDifference(whole.entropy!, expected.entropy!)).toBeLessThan(1e-4)
        expect(maxDifference(whole.loss!, expected.loss!)).toBeLessThan(1e-5)
      }).pipe(Effect.scoped, Effect.provide(Runtime.layer({ threads: 2 })))
    )
    expect(maxDifference(loss, expected.loss!)).toBeLessThan(1e-5)
    for (const [key, buffer] of Object.entries(buffers)) {
      const error = relativeDifference(buffer, expected[`grad.${key}`]!)
      expect([key, error < 1e-4, error]).toEqual([key, true, error])
    }
  }
)
