/**
 * Checks gradients as autograd's test suites do: the function's outputs are projected on a random vector, and the derivative of that
 * number along a random direction is compared with central differences of fourth order, in float64.
 */
import { encodeModel, Graph, type Shape, type TensorData, tensorData, tensorValues, toModel, type Value } from "@ifrl/onnx"
import { artifactError } from "./ArtifactError.ts"
import { differentiate } from "./Differentiate.ts"
import { Emit } from "./Emit.ts"

/** Runs a model: with @ifrl/runtime, onnxruntime-node, onnxruntime-web, ... Called once per model, then once per evaluation. */
export type Runner = (
  model: Uint8Array
) => Promise<(inputs: Readonly<Record<string, TensorData>>) => Promise<Readonly<Record<string, TensorData>>>>

export interface CheckGradsOptions {
  /** Emits the function: its float outputs are all checked together. */
  readonly build: (graph: Graph, inputs: Readonly<Record<string, Value>>) => Value | ReadonlyArray<Value>
  /** Where to check. float64 tensors are differentiated by, others (indices, ...) stay fixed. */
  readonly inputs: Readonly<Record<string, TensorData>>
  readonly runner: Runner
  /** The float inputs to check; by default all of float64. In float32 take a large step, and expect about 1e-4 at best. */
  readonly wrt?: ReadonlyArray<string>
  /** Declared shapes by input, instead of the exact ones: symbolic dimensions, or undefined for an unknown rank. */
  readonly shapes?: Readonly<Record<string, Shape | undefined>>
  /** Distance of the outer differences; the error is of the order of step^4. Default 1e-3. */
  readonly step?: number
  readonly seed?: number
  readonly opset?: number
}

export interface GradCheck {
  readonly input: string
  /** The directional derivative by differences and by the emitted gradient. */
  readonly numeric: number
  readonly analytic: number
  /** |numeric - analytic| over the larger of their magnitudes (over 1e-8 where both vanish). */
  readonly relativeError: number
}

/** A small generator with the quality that test directions need (mulberry32). */
const generator = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const doubles = (data: TensorData): Float64Array => Float64Array.from(tensorValues(data) as ArrayLike<number>)

export const checkGrads = async (options: CheckGradsOptions): Promise<ReadonlyArray<GradCheck>> => {
  const { inputs, opset, runner, step = 1e-3 } = options
  const wrt = options.wrt ?? Object.keys(inputs).filter((name) => inputs[name]!.type === "float64")
  const random = generator(options.seed ?? 1)
  const graph = new Graph("check_grads")
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { dims, type }]) => {
      const shape = options.shapes !== undefined && name in options.shapes ? options.shapes[name] : dims
      return [name, graph.input(name, type, shape)]
    })
  )
  const built = options.build(graph, values)
  const outputs = "name" in built ? [built] : built
  const g = new Emit(graph)
  const loss = outputs.map((y) => {
    const places = g.op("Range", [g.int(0), g.op("Size", [y]), g.int(1)])
    const phase = g.shift(g.scale(g.cast(places, "float64"), 1 + random()), random())
    return g.sumAll(g.mul(g.cast(y, "float64"), g.like(g.op("Sin", [phase]), y)))
  }).reduce((a, b) => g.add(a, b))
  const gradients = differentiate(graph, { loss, wrt: wrt.map((name) => values[name]!) })
  graph.output(loss, "loss")
  for (const name of wrt) graph.output(gradientOf(gradients, values[name]!), `gradient.${name}`)
  const run = await runner(encodeModel(toModel(graph, opset === undefined ? {} : { opset })))

  const at = await run(inputs)
  const checks: Array<GradCheck> = []
  for (const name of wrt) {
    const x = doubles(inputs[name]!)
    const direction = x.map(() => random() * 2 - 1)
    const along = async (t: number): Promise<number> => {
      const moved = tensorData(inputs[name]!.type, inputs[name]!.dims, x.map((value, i) => value + t * direction[i]!))
      return doubles((await run({ ...inputs, [name]: moved })).loss!)[0]!
    }
    const near = (await along(step / 2)) - (await along(-step / 2))
    const far = (await along(step)) - (await along(-step))
    const numeric = (8 * near - far) / (6 * step)
    const gradient = at[`gradient.${name}`]!
    if (gradient.dims.join() !== inputs[name]!.dims.join()) {
      throw artifactError(
        "NotDifferentiable",
        `The gradient of "${name}" has shape [${gradient.dims.join(", ")}] instead of [${inputs[name]!.dims.join(", ")}]`,
        "A rule forgot to undo a change of shape",
        { tensor: name }
      )
    }
    const analytic = doubles(gradient).reduce((sum, value, i) => sum + value * direction[i]!, 0)
    const scale = Math.max(Math.abs(numeric), Math.abs(analytic), 1e-8)
    checks.push({ input: name, numeric, analytic, relativeError: Math.abs(numeric - analytic) / scale })
  }
  return checks
}

const gradientOf = (gradients: ReadonlyMap<Value, Value>, value: Value): Value => {
  const gradient = gradients.get(value)
  if (gradient === undefined) {
    throw artifactError("NotDifferentiable", `The outputs don't depend on "${value.name}"`, "Leave it out of wrt", {
      tensor: value.name
    })
  }
  return gradient
}
