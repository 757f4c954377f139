import { differentiate, nodesWithoutCudaKernel } from "@ifrl/artifacts"
import { describe, expect, test } from "@jest/globals"
import { Tensor } from "@ifrl/runtime"
import { decoderWithRope } from "../src/Decoder.ts"
import { type DecoderConfig, decoderGraph, type DecoderOptions, type Parameters, ropeTables } from "../src/index.ts"
import {
  evaluate,
  feeds,
  lossOf,
  maxDifference,
  reference,
  relativeDifference,
  type Tensors,
  withLogits
} from "./reference.ts"

const names = ["qwen2-tied", "qwen2-untied", "qwen2-long", "qwen2-bf16-sharded", "qwen2-fp16"]
const options: DecoderOptions = { maxLength: 160 }
/** Bounds that issue and design set: absolute for logits, relative L2 for the gradient of each parameter. */
const logitBound = 1e-4
const gradientBound = 1e-4

const logits = (config: DecoderConfig, parameters: Parameters, expected: Tensors, change: DecoderOptions = {}) =>
  evaluate(withLogits(decoderGraph(config, { ...options, ...change })), feeds(parameters, expected, ["input_ids"]))

describe("logits against transformers", () => {
  test.each(names)("%s", async (name) => {
    const { config, expected, parameters } = await reference(name)
    const found = (await logits(config, parameters, expected)).logits!
    expect(maxDifference(found, expected.logits!)).toBeLessThan(logitBound)
    const values = expected.logits!.data as Float32Array
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length
    expect(Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)).toBeGreaterThan(1)
  })

  test.each([1, 7, 64, 1000])("attention in blocks of %i", async (attentionBlock) => {
    const { config, expected, parameters } = await reference("qwen2-long")
    const found = (await logits(config, parameters, expected, { attentionBlock })).logits!
    expect(maxDifference(found, expected.logits!)).toBeLessThan(logitBound)
  })
})

/** Loss and the gradient of every parameter, `grad.<name>`. */
const gradients = async (
  config: DecoderConfig,
  parameters: Parameters,
  expected: Tensors,
  change: DecoderOptions = {}
) => {
  const model = decoderGraph(config, { ...options, ...change })
  const loss = lossOf(model)
  const found = differentiate(model.graph, { loss, wrt: model.parameters })
  model.graph.output(loss, "loss")
  for (const [value, gradient] of found) model.graph.output(gradient, `grad.${value.name}`)
  const inputs = feeds(parameters, expected, ["input_ids", "labels", "weights"])
  return evaluate(
    model.graph,
    change.recompute === true ? { ...inputs, recompute: Tensor.scalar("bool", true) } : inputs
  )
}

describe("gradients against PyTorch", () => {
  test.each([...names.map((name) => [name, false] as const), ["qwen2-tied", true] as const])(
    "%s, recompute %p",
    async (name, recompute) => {
      const { config, expected, parameters } = await reference(name)
      const found = await gradients(config, parameters, expected, { recompute })
      expect(maxDifference(found.loss!, expected.loss!)).toBeLessThan(1e-5)
      const wanted = Object.keys(expected).filter((key) => key.startsWith("grad."))
      expect(Object.keys(found).sort()).toEqual([...wanted, "loss"].sort())
      for (const key of wanted) {
        const error = relativeDifference(found[key]!, expected[key]!)
        expect([key, error < gradientBound, error]).toEqual([key, true, error])
      }
    }
  )
})

test("float64: the same logits", async () => {
  const { config, expected, parameters } = await reference("qwen2-untied")
  const wide = new Map([...parameters].map(([name, { data, dims }]) => [name, Tensor.from("float64", dims, data)]))
  const graph = withLogits(decoderGraph(config, { ...options, elementType: "float64" }))
  // Beyond "basic" ONNX Runtime fuses x sigmoid(x) into an operator that has no float64 kernel.
  const found = await evaluate(
    graph,
    { ...Object.fromEntries(wide), input_ids: expected.input_ids! },
    { optimization: "basic" }
  )
  expect(found.logits!.type).toBe("float64")
  expect(maxDifference(found.logits!, expected.logits!)).toBeLessThan(logitBound)
})

test.each(["float32", "float16", "bfloat16"] as const)(
  "%s: every node of the training graph has a CUDA kernel",
  async (elementType) => {
    const { config } = await reference("qwen2-tied")
    const model = decoderGraph(config, { ...options, elementType, recompute: true })
    const { graph, hidden, parameters } = model
    expect(new Set([...parameters, hidden].map(({ type }) => type))).toEqual(new Set([elementType]))
    const loss = lossOf(model)
    for (const [value, gradient] of differentiate(graph, { loss, wrt: parameters }))
      graph.output(gradient, `grad.${value.name}`)
    expect(
      nodesWithoutCudaKernel(graph).map(
        ({ inLoop, operator, type }) => `${operator} ${type}${inLoop ? " in a Loop" : ""}`
      )
    ).toEqual([])
  }
)

describe("mutants that the bounds must catch", () => {
  test("a decoder without rotary positions", async () => {
    const { config, expected, parameters } = await reference("qwen2-tied")
    const { cos, sin, ...size } = ropeTables(config, 160)
    const still = decoderWithRope(config, options, { ...size, cos: cos.fill(1), sin: sin.fill(0) })
    const found = await evaluate(withLogits(still), feeds(parameters, expected, ["input_ids"]))
    expect(maxDifference(found.logits!, expected.logits!)).toBeGreaterThan(1000 * logitBound)
  })

  /** Copies of the parameters with two heads of `headDim` rows (or columns) of one weight swapped. */
  const swapped = (
    config: DecoderConfig,
    parameters: Parameters,
    changes: Record<string, "rows" | "columns">,
    heads: [number, number]
  ) =>
    new Map(
      [...parameters].map(([name, tensor]) => {
        const side = Object.entries(changes).find(([part]) => name === `model.layers.1.self_attn.${part}`)?.[1]
        if (side === undefined) return [name, tensor]
        const copy = Tensor.from("float32", tensor.dims, tensor.data)
        const [rows, columns] = [tensor.dims[0]!, tensor.dims[1] ?? 1]
        const E = config.headDim
        const move = (i: number) =>
          Math.floor(i / E) === heads[0]
            ? i + (heads[1] - heads[0]) * E
            : Math.floor(i / E) === heads[1]
              ? i - (heads[1] - heads[0]) * E
              : i
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) {
            const [from, to] = side === "rows" ? [move(i), j] : [i, move(j)]
            copy.data[i * columns + j] = tensor.data[from * columns + to]!
          }
        }
        return [name, copy]
      })
    )

  test.each<[string, Record<string, "rows" | "columns">, [number, number], boolean]>([
    ["two query heads swapped", { "q_proj.weight": "rows", "q_proj.bias": "rows" }, [0, 1], false],
    ["two key heads swapped", { "k_proj.weight": "rows", "k_proj.bias": "rows" }, [0, 1], false],
    [
      "two heads swapped across groups on both sides",
      { "q_proj.weight": "rows", "q_proj.bias": "rows", "o_proj.weight": "columns" },
      [1, 2],
      false
    ],
    // Within a group the order of heads is free: this one must pass.
    [
      "two heads swapped within a group on both sides",
      { "q_proj.weight": "rows", "q_proj.bias": "rows", "o_proj.weight": "columns" },
      [0, 1],
      true
    ]
  ])("%s", async (_, changes, heads, same) => {
    const { config, expected, parameters } = await reference("qwen2-tied")
    const found = await logits(config, swapped(config, parameters, changes, heads) as Parameters, expected)
    const difference = maxDifference(found.logits!, expected.logits!)
    if (same) expect(difference).toBeLessThan(logitBound)
    else expect(difference).toBeGreaterThan(1000 * logitBound)
  })
})
