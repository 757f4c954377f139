/**
 * Optimizers as graphs over n elements of any tensor, so that one session serves all parameters: the host binds flat views of 256 Ki to
 * 1 Mi elements, which stay in cache. Every state is bound as input and output at once.
 */
import { type ElementType, Graph, type Value } from "@ifrl/onnx"
import type { AliasPair } from "./Aliases.ts"
import { Emit } from "./Emit.ts"

export interface AdamWOptions {
  /** Of parameters, gradients and moments: float32 (default) or float64. */
  readonly elementType?: "float32" | "float64"
  /** Also writes the parameter in half precision, to `shadow.out`: the copy that a mixed-precision model reads. */
  readonly shadow?: "bfloat16" | "float16"
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
}

export interface OptimizerGraph {
  readonly graph: Graph
  readonly aliases: ReadonlyArray<AliasPair>
}

const states = ["parameter", "first_moment", "second_moment"] as const

/** Named settings of AdamW with their defaults (PyTorch's). */
export const adamWDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const

/**
 * AdamW (Loshchilov & Hutter 2019) with bias correction, as PyTorch computes it. With g = gradient_scale * gradient, t = step (1 for the
 * first update), a = learning_rate, w = weight_decay:
 *
 *     m' = b1 m + (1 - b1) g,  v' = b2 v + (1 - b2) g^2
 *     p' = (1 - a w) p - a / (1 - b1^t) m' / (sqrt(v') / sqrt(1 - b2^t) + epsilon)
 *
 * Inputs: parameter, gradient, first_moment, second_moment [n], the scalars learning_rate, weight_decay, gradient_scale and step
 * (int64). Outputs: parameter.out, first_moment.out, second_moment.out, bound to the memory of the inputs. The powers are
 * computed in float64: 1 - 0.999^1 has four digits left in float32.
 */
export const adamW = (options: AdamWOptions = {}): OptimizerGraph => {
  const { elementType = "float32", shadow } = options
  const { beta1, beta2, epsilon } = { ...adamWDefaults, ...options }
  const graph = new Graph("adamw")
  const g = new Emit(graph)
  const vector = (name: string) => graph.input(name, elementType, ["n"])
  const [p, gradient, m, v] = ["parameter", "gradient", "first_moment", "second_moment"].map(vector) as [Value, Value, Value, Value]
  const rate = graph.input("learning_rate", elementType, [])
  const step = graph.input("step", "int64", [])
  const decay = graph.input("weight_decay", elementType, [])
  const scale = graph.input("gradient_scale", elementType, [])

  const exact = (value: Value) => g.cast(value, "float64")
  const rounded = (value: Value) => g.cast(value, elementType)
  const correction = (beta: number) => g.from(1, g.op("Pow", [g.scalar(beta, "float64"), exact(step)]))
  const stepSize = rounded(g.div(exact(rate), correction(beta1)))
  const deviation = rounded(g.op("Sqrt", [correction(beta2)]))
  const kept = rounded(g.from(1, g.mul(exact(rate), exact(decay))))

  const scaled = g.mul(gradient, scale)
  const m2 = g.add(g.scale(m, beta1), g.scale(scaled, 1 - beta1))
  const v2 = g.add(g.scale(v, beta2), g.scale(g.square(scaled), 1 - beta2))
  const divisor = g.shift(g.div(g.op("Sqrt", [v2]), deviation), epsilon)
  const p2 = g.sub(g.mul(p, kept), g.div(g.mul(m2, stepSize), divisor))
  for (const [i, value] of [p2, m2, v2].entries()) graph.output(value, `${states[i]}.out`)
  if (shadow !== undefined) graph.output(g.cast(p2, shadow), "shadow.out")
  return { graph, aliases: states.map((name) => ({ input: name, output: `${name}.out` })) }
}

/** gradient [n] -> sum_of_squares, a scalar: computed in float64, so that chunks add up on the host to a norm worth clipping by. */
export const gradientNorm = (elementType: ElementType = "float32"): Graph => {
  const graph = new Graph("gradient_norm")
  const g = new Emit(graph)
  const gradient = g.cast(graph.input("gradient", elementType, ["n"]), "float64")
  graph.output(g.cast(g.op("ReduceSumSquare", [gradient], { keepdims: 0 }), elementType), "sum_of_squares")
  return graph
}
