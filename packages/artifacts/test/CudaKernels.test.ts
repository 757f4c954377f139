import { expect, test } from "@jest/globals"
import { decodeModel, fromModel } from "@ifrl/onnx"
import { generateArtifacts, hasCudaKernel, type LossName, nodesWithoutCudaKernel } from "../src/index.ts"
import { decoder, type Sizes } from "./decoder.ts"

const sizes: Sizes = { V: 64, D: 16, L: 1, H: 4, K: 2, E: 4, F: 24, tied: true }

const emitted = (type: "float32" | "float16" | "bfloat16", loss: LossName, recompute: boolean) => {
  const model = decoder({ ...sizes, ...(loss === "classification" ? { classes: 2 } : {}) }, { type, recompute })
  const requiresGrad = model.parameters.map(({ name }) => name)
  const { evaluation, gradientNorm, optimizer, training } = generateArtifacts({ model, loss, device: "cuda", requiresGrad })
  return Object.entries({ training, evaluation, optimizer, gradientNorm }).flatMap(([name, bytes]) =>
    nodesWithoutCudaKernel(fromModel(decodeModel(bytes))).map(({ inLoop, operator, type }) => ({ name, operator, type, inLoop }))
  )
}

const losses: ReadonlyArray<LossName> = ["sft", "grpo", "grpo+kl", "classification"]

test.each((["float32", "float16", "bfloat16"] as const).flatMap((type) =>
  losses.flatMap((loss) => [true, false].map((recompute) => [type, loss, recompute] as const))
))("every node emitted for CUDA has a kernel: %s, %s, recompute %s", (type, loss, recompute) => {
  expect(emitted(type, loss, recompute)).toEqual([])
})

test("the table tells operator and type", () => {
  expect(hasCudaKernel("com.microsoft.GroupQueryAttention", "float32")).toBe(false)
  expect(hasCudaKernel("com.microsoft.GroupQueryAttention", "bfloat16")).toBe(true)
  expect(hasCudaKernel("LogSoftmax", "bfloat16")).toBe(false)
  expect(hasCudaKernel("Multinomial", "float32")).toBe(false)
})
