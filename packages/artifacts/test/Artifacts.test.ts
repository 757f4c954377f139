import { afterAll, describe, expect, test } from "@jest/globals"
import { Graph, type TensorData, tensorData, tensorValues } from "@ifrl/onnx"
import { Tensor } from "@ifrl/runtime"
import { Scope } from "effect"
import { type Artifacts, foreignModel, generateArtifacts } from "../src/index.ts"
import { decoder, parameters, type Sizes } from "./decoder.ts"
import { noise, ortRunner, toTensor } from "./ort.ts"

// x Sigmoid(x) is fused into QuickGelu, which has no float64 kernel: float64 models are loaded at "basic".
const ort = ortRunner({ optimization: "basic" })
const optimizing = ortRunner({ optimization: "all" })
const threaded = ortRunner({}, { threads: 2 })
afterAll(() => Promise.all([ort.close(), optimizing.close(), threaded.close()]))

const sizes: Sizes = { V: 23, D: 16, L: 2, H: 4, K: 2, E: 4, F: 24, tied: true }

type Type = "float32" | "float64"
interface Row {
  readonly ids: ReadonlyArray<number>
  readonly weights: ReadonlyArray<number>
}

const random = noise(21)
const rows: ReadonlyArray<Row> = [9, 4, 12, 7, 2].map((length) => ({
  ids: random(length + 1, 11, 11).map((x) => Math.floor(x)),
  weights: random(length, 0.5, 0.6)
}))

const batchOf = (chosen: ReadonlyArray<Row>, length: number, type: Type): Record<string, TensorData> => {
  const grid = <A>(f: (row: Row, t: number) => A, fill: A) =>
    chosen.flatMap((row) => Array.from({ length }, (_, t) => t < row.weights.length ? f(row, t) : fill))
  const dims = [chosen.length, length]
  return {
    // Padding is filled with real token ids, so that a leak would show.
    input_ids: tensorData("int64", dims, grid((row, t) => row.ids[t]!, 5)),
    labels: tensorData("int64", dims, grid((row, t) => row.ids[t + 1]!, 0)),
    weights: tensorData(type, dims, grid((row, t) => row.weights[t]!, 0))
  }
}

const values = (data: TensorData) => Array.from(tensorValues(data) as ArrayLike<number>)

/** Runs micro-batches one after the other, feeding each accumulated gradient to the next; returns loss and gradients. */
const accumulate = async (
  artifacts: Artifacts,
  batches: ReadonlyArray<Record<string, TensorData>>,
  type: Type,
  extra: Record<string, TensorData> = {},
  runner = ort.runner
) => {
  const run = await runner(artifacts.training)
  const weights = parameters(sizes, type)
  const trained = artifacts.manifest.parameters.filter((parameter) => parameter.trained)
  let buffers = Object.fromEntries(trained.map(({ gradient, shape }) =>
    [gradient!.input, tensorData(type, shape, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0))]
  ))
  let loss = 0
  for (const batch of batches) {
    const outputs = await run({ ...weights, ...buffers, ...batch, ...extra })
    loss += values(outputs.loss!)[0]!
    buffers = Object.fromEntries(trained.map(({ gradient }) => [gradient!.input, outputs[gradient!.output]!]))
  }
  return { loss, gradients: Object.fromEntries(trained.map(({ gradient, name }) => [name, values(buffers[gradient!.input]!)])) }
}

/** |a - b| / |b| over all gradients. */
const distance = (a: Record<string, Array<number>>, b: Record<string, Array<number>>): number => {
  let difference = 0
  let norm = 0
  for (const [name, expected] of Object.entries(b)) {
    expected.forEach((x, i) => {
      difference += (a[name]![i]! - x) ** 2
      norm += x * x
    })
  }
  return Math.sqrt(difference / norm)
}

const make = (type: Type, options = {}) => generateArtifacts({ model: decoder(sizes, { type, block: 4, ...options }), loss: "sft" })

describe.each([["float64", 1e-12], ["float32", 1e-5]] as const)("in %s", (type, bound) => {
  const artifacts = make(type)
  const whole = batchOf(rows, 12, type)
  test.each([1, 2, 3])("micro-batches of %i rows add up to the whole", async (size) => {
    const parts = Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size))
    const split = parts.map((part) => batchOf(part, Math.max(...part.map((row) => row.weights.length)), type))
    const [a, b] = [await accumulate(artifacts, split, type), await accumulate(artifacts, [whole], type)]
    expect(distance(a.gradients, b.gradients)).toBeLessThan(bound)
    expect(Math.abs(a.loss / b.loss - 1)).toBeLessThan(bound)
  })
  test("padding changes nothing", async () => {
    const [a, b] = [await accumulate(artifacts, [batchOf(rows, 19, type)], type), await accumulate(artifacts, [whole], type)]
    expect(distance(a.gradients, b.gradients)).toBeLessThan(bound)
  })
  test("recomputation changes nothing", async () => {
    const recomputing = make(type, { recompute: true })
    expect(recomputing.manifest.recompute).toBe(true)
    const flag = { recompute: tensorData("bool", [], [1]) }
    const [a, b] = [await accumulate(recomputing, [whole, whole], type, flag), await accumulate(artifacts, [whole, whole], type)]
    expect(distance(a.gradients, b.gradients)).toBeLessThan(bound)
  })
})

describe.each([false, true])("gradient buffers bound in place on two threads, recomputation %s", (recompute) => {
  const artifacts = make("float32", { recompute })
  const flag: Record<string, TensorData> = recompute ? { recompute: tensorData("bool", [], [1]) } : {}
  const batches = [batchOf(rows.slice(0, 2), 9, "float32"), batchOf(rows.slice(2), 12, "float32")]
  const inPlace = async () => {
    const session = await threaded.session(artifacts.training)
    const trained = artifacts.manifest.parameters
    const buffers = trained.map(({ gradient, shape }) => [gradient!, Tensor.zeros("float32", shape)] as const)
    const weights = Object.entries(parameters(sizes)).map(([name, data]) => [name, toTensor(data)] as const)
    for (const batch of batches) {
      const inputs = [...Object.entries({ ...batch, ...flag }).map(([name, data]) => [name, toTensor(data)] as const), ...weights]
      const bound = buffers.map(([{ input }, buffer]) => [input, buffer] as const)
      const outputs = Object.fromEntries(buffers.map(([{ output }, buffer]) => [output, buffer]))
      const io = { inputs: Object.fromEntries([...inputs, ...bound]), outputs }
      const binding = await threaded.run(session.bind(io).pipe(Scope.provide(threaded.scope)))
      await threaded.run(binding.run)
    }
    return Object.fromEntries(trained.map(({ name }, i) => [name, Array.from(buffers[i]![1].data as Float32Array)]))
  }
  test("hold what separate buffers would", async () => {
    expect(distance(await inPlace(), (await accumulate(artifacts, batches, "float32", flag)).gradients)).toBeLessThan(1e-6)
  })
  test("hold the same bits every time", async () => {
    expect(await inPlace()).toEqual(await inPlace())
  })
})

test.each([false, true])("ONNX Runtime's own rewriting changes nothing, recomputation %s", async (recompute) => {
  const artifacts = make("float32", { recompute })
  const flag: Record<string, TensorData> = recompute ? { recompute: tensorData("bool", [], [1]) } : {}
  const batch = batchOf(rows, 12, "float32")
  const [a, b] = [await accumulate(artifacts, [batch], "float32", flag, optimizing.runner), await accumulate(artifacts, [batch], "float32", flag)]
  expect(distance(a.gradients, b.gradients)).toBeLessThan(1e-6)
})

test("a half-precision model has float32 gradients close to those of the float32 model", async () => {
  const model = decoder(sizes, { type: "float16", block: 4 })
  const artifacts = generateArtifacts({ model, loss: "sft" })
  expect(artifacts.manifest).toMatchObject({ elementType: "float16", parameters: expect.arrayContaining([
    expect.objectContaining({ gradient: expect.objectContaining({ type: "float32" }) })
  ]) })
  const batch = batchOf(rows, 12, "float32")
  const run = await ort.runner(artifacts.training)
  const halves = Object.fromEntries(Object.entries(parameters(sizes)).map(([name, { dims, ...data }]) =>
    [name, tensorData("float16", dims, Array.from(tensorValues({ dims, ...data }) as Float32Array))]))
  const buffers = Object.fromEntries(artifacts.manifest.parameters.map(({ gradient, shape }) =>
    [gradient!.input, tensorData("float32", shape, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0))]))
  const outputs = await run({ ...halves, ...buffers, ...batch })
  const gradients = Object.fromEntries(artifacts.manifest.parameters.map(({ gradient, name }) => [name, values(outputs[gradient!.output]!)]))
  expect(distance(gradients, (await accumulate(make("float32"), [batch], "float32")).gradients)).toBeLessThan(5e-3)
})

test("recomputation fed false gives NaN, not a wrong gradient", async () => {
  const { gradients } = await accumulate(make("float64", { recompute: true }), [batchOf(rows, 12, "float64")], "float64", {
    recompute: tensorData("bool", [], [0])
  })
  expect(gradients["1.q"]!.every(Number.isNaN)).toBe(true)
})

test("every parameter's gradient agrees with central differences of the evaluation model's loss", async () => {
  const artifacts = make("float64")
  const batch = batchOf(rows, 12, "float64")
  const { gradients } = await accumulate(artifacts, [batch], "float64")
  const run = await ort.runner(artifacts.evaluation)
  const weights = parameters(sizes, "float64")
  const lossAt = async (name: string, direction: ReadonlyArray<number>, t: number) => {
    const moved = tensorData("float64", weights[name]!.dims, values(weights[name]!).map((x, i) => x + t * direction[i]!))
    return values((await run({ ...batch, ...weights, [name]: moved })).loss!)[0]!
  }
  const step = 1e-3
  for (const [name, gradient] of Object.entries(gradients)) {
    const direction = random(gradient.length)
    const [a, b, c, d] = [
      await lossAt(name, direction, step), await lossAt(name, direction, -step),
      await lossAt(name, direction, step / 2), await lossAt(name, direction, -step / 2)
    ]
    const numeric = (8 * (c - d) - (a - b)) / (6 * step)
    const analytic = gradient.reduce((sum, x, i) => sum + x * direction[i]!, 0)
    expect({ name, error: Math.abs(numeric / analytic - 1) }).toMatchObject({ error: expect.closeTo(0, 6) })
  }
})

test("a file that computes its loss itself, as the output \"loss\"", async () => {
  const graph = new Graph("own")
  const w = graph.initializer("w", tensorData("float32", [2], [3, 4]))
  const y = graph.op("Mul", [graph.input("x", "float32", [2]), w])
  graph.output(graph.op("ReduceSum", [graph.op("Mul", [y, y])], { keepdims: 0 }), "loss")
  const model = foreignModel(graph, ["w"])
  const { manifest, training } = generateArtifacts({
    model,
    loss: { name: "own", inputs: [], build: ({ graph: { outputs } }) => ({ loss: outputs[0]!, outputs: {}, metrics: {} }) }
  })
  expect(manifest.training.outputs).toEqual([{ name: "loss", type: "float32", shape: [] }])
  const buffer = tensorData("float32", [2], [0, 0])
  const outputs = await (await ort.runner(training))({
    ...Object.fromEntries(model.initial), x: tensorData("float32", [2], [1, 2]), "w_grad.accumulation.buffer": buffer
  })
  expect([values(outputs.loss!), values(outputs["w_grad.accumulation.out"]!)]).toEqual([[73], [6, 32]])
})
