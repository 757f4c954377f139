import { expect, test } from "@jest/globals"
import { decodeModel, fromModel } from "@ifrl/onnx"
import {
  generateArtifacts,
  hasCudaKernel,
  importanceNames,
  type LossName,
  type LossSpec,
  nodesWithoutCudaKernel,
  policyLoss,
  type PolicySpec,
  type SurrogateName,
  surrogates
} from "../src/index.ts"
import { decoder, type Sizes } from "./decoder.ts"

const sizes: Sizes = { V: 64, D: 16, L: 1, H: 4, K: 2, E: 4, F: 24, tied: true }

const emitted = (type: "float32" | "float16" | "bfloat16", loss: LossName | LossSpec, recompute: boolean) => {
  const model = decoder({ ...sizes, ...(loss === "classification" ? { classes: 2 } : {}) }, { type, recompute })
  const requiresGrad = model.parameters.map(({ name }) => name)
  const { evaluation, gradientNorm, optimizer, training } = generateArtifacts({
    model,
    loss,
    device: "cuda",
    requiresGrad
  })
  return Object.entries({ training, evaluation, optimizer, gradientNorm }).flatMap(([name, bytes]) =>
    nodesWithoutCudaKernel(fromModel(decodeModel(bytes))).map(({ inLoop, operator, type }) => ({
      name,
      operator,
      type,
      inLoop
    }))
  )
}

const losses: ReadonlyArray<LossName> = ["sft", "grpo", "grpo+kl", "classification"]

test.each(
  (["float32", "float16", "bfloat16"] as const).flatMap((type) =>
    losses.flatMap((loss) => [true, false].map((recompute) => [type, loss, recompute] as const))
  )
)("every node emitted for CUDA has a kernel: %s, %s, recompute %s", (type, loss, recompute) => {
  expect(emitted(type, loss, recompute)).toEqual([])
})

/** Everything that can be added to an objective. */
const everything: PolicySpec = {
  dualClip: 3,
  ratioCap: 4,
  entropy: true,
  offPolicyLimit: 0.1,
  kl: { estimator: "k3+", clamp: "verl", corrected: true }
}
const names = Object.keys(surrogates) as ReadonlyArray<SurrogateName>

test.each(
  (["float32", "float16", "bfloat16"] as const).flatMap((type) =>
    names.map((surrogate, i) => [type, surrogate, importanceNames[i % importanceNames.length]!] as const)
  )
)("so has every node of an objective: %s, %s, %s", (type, surrogate, name) => {
  const loss = policyLoss(surrogate, { ...everything, surrogate, importance: { name, low: 0.5, high: 2 } }, 0.7)
  expect(emitted(type, loss, false)).toEqual([])
})

test.each((["float32", "float16", "bfloat16"] as const).flatMap((type) => names.map((surrogate) => [type, surrogate] as const)))(
  "and every node of one over tokens, which stands in the head's Loop: %s, %s",
  (type, surrogate) => {
    const spec: PolicySpec = { ...everything, offPolicyLimit: undefined, surrogate, importance: { name: "token-mask", low: 0.5, high: 2 } }
    expect(emitted(type, policyLoss(surrogate, spec), false)).toEqual([])
  }
)

test("the table tells operator and type", () => {
  expect(hasCudaKernel("com.microsoft.GroupQueryAttention", "float32")).toBe(false)
  expect(hasCudaKernel("com.microsoft.GroupQueryAttention", "bfloat16")).toBe(true)
  expect(hasCudaKernel("LogSoftmax", "bfloat16")).toBe(false)
  expect(hasCudaKernel("Multinomial", "float32")).toBe(false)
})
