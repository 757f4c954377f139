import { differentiate, nodesWithoutCudaKernel } from "@ifrl/artifacts"
import { describe, expect, test } from "@jest/globals"
import {
  configJson,
  type DecoderConfig,
  decoderGraph,
  type DecoderOptions,
  parseConfig,
  ropeTables
} from "../src/index.ts"
import { familyCase, familyCases, ropeCase, ropeCases } from "./families.ts"
import { evaluate, feeds, lossOf, maxDifference, relativeDifference, withLogits } from "./reference.ts"
import { run } from "./support.ts"

/** Small blocks, so that windows and causality cross them. */
const options: DecoderOptions = { attentionBlock: 4, maxLength: 32 }
const logitBound = 1e-4
const gradientBound = 1e-4

const deviation = (values: Float32Array): number => {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)
}

test("there are enough cases, and every family has one", () => {
  expect(Object.keys(familyCases).length).toBeGreaterThanOrEqual(12)
  const types = new Set(Object.values(familyCases).map((json) => json["model_type"]))
  expect([...types].sort()).toEqual(["llama", "mistral", "qwen2", "qwen3", "smollm3"])
})

describe.each(Object.keys(familyCases))("%s", (name) => {
  test("logits are those of transformers, gradients those of PyTorch", async () => {
    const { config, expected, parameters } = await run(familyCase(name))
    expect(deviation(expected["logits"]!.as("float32").data)).toBeGreaterThan(1)
    const model = decoderGraph(config, options)
    withLogits(model)
    const loss = lossOf(model)
    const gradients = differentiate(model.graph, { loss, wrt: model.parameters })
    model.graph.output(loss, "loss")
    for (const [value, gradient] of gradients) model.graph.output(gradient, `grad.${value.name}`)
    const found = await evaluate(model.graph, feeds(parameters, expected, ["input_ids", "labels", "weights"]))
    expect(maxDifference(found["logits"]!, expected["logits"]!)).toBeLessThan(logitBound)
    expect(maxDifference(found["loss"]!, expected["loss"]!)).toBeLessThan(1e-5)
    const wanted = Object.keys(expected).filter((key) => key.startsWith("grad."))
    expect(Object.keys(found).sort()).toEqual([...wanted, "logits", "loss"].sort())
    for (const key of wanted) {
      // A key bias moves all scores of a query alike where keys aren't turned: its true gradient is 0.
      const nil = Math.max(...expected[key]!.as("float32").data.map(Math.abs)) < 1e-6
      const difference = nil ? maxDifference : relativeDifference
      const [error, bound] = [difference(found[key]!, expected[key]!), nil ? 1e-6 : gradientBound]
      expect([key, error < bound, error]).toEqual([key, true, error])
    }
  })

  test("its own config.json means the same, and every node has a CUDA kernel", async () => {
    const { config } = await run(familyCase(name))
    expect(parseConfig(configJson(config))).toMatchObject({ success: config })
    const model = decoderGraph(config, { ...options, elementType: "bfloat16" })
    for (const [value, gradient] of differentiate(model.graph, { loss: lossOf(model), wrt: model.parameters }))
      model.graph.output(gradient, `grad.${value.name}`)
    expect(nodesWithoutCudaKernel(model.graph)).toEqual([])
  })
})

test.each<[string, string, Partial<DecoderConfig>]>([
  ["no rope scaling", "llama-3.1", { ropeScaling: undefined }],
  ["no window", "mistral-0.1", { slidingWindow: undefined }],
  ["a window one token longer", "qwen2-window", { slidingWindow: { size: 6, layers: [1] } }],
  ["the window in another layer", "qwen3-options", { slidingWindow: { size: 7, layers: [1] } }],
  ["positions in every layer", "smollm3", { positionless: [] }],
  ["no norm of queries and keys", "qwen3", { qkNorm: false }],
  ["no bias of the output projection", "llama-biases", { outputBias: false }],
  ["no biases of the MLP", "smollm3-window", { mlpBias: false }]
])("the bound catches %s", async (_, name, change) => {
  const { config, expected, parameters } = await run(familyCase(name))
  const graph = withLogits(decoderGraph({ ...config, ...change }, options))
  const taken = new Set(graph.inputs.map((input) => input.name))
  const fed = Object.entries(feeds(parameters, expected, ["input_ids"])).filter(([input]) => taken.has(input))
  const { logits } = await evaluate(graph, Object.fromEntries(fed))
  expect(maxDifference(logits!, expected["logits"]!)).toBeGreaterThan(1000 * logitBound)
})

test.each(Object.keys(ropeCases))(
  "rotary positions of %s are transformers' at near and far positions",
  async (name) => {
    const { config, positions, ...wanted } = await run(ropeCase(name))
    const plain = ropeTables({ ...config, ropeScaling: undefined }, 1, 4096)
    positions.forEach((t, row) => {
      const { half, ...tables } = ropeTables(config, 1, t)
      for (const side of ["cos", "sin"] as const) {
        const errors = tables[side].map((x, i) => Math.abs(x - wanted[side].data[row * half + i]!))
        errors.forEach((error, i) => {
          // PyTorch's vectorised power is off by a last bit now and then, which the position multiplies.
          const angle = t * config.ropeTheta ** (-i / half)
          expect([t, side, i, error < 2e-6 + 2.4e-7 * angle, error]).toEqual([t, side, i, true, error])
        })
      }
    })
    // And scaling does something: the same position without it stands elsewhere.
    const scaled = ropeTables(config, 1, 4096)
    expect(Math.max(...scaled.cos.map((x, i) => Math.abs(x - plain.cos[i]!)))).toBeGreaterThan(0.1)
  }
)
