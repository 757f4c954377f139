/** Small models and the way tests run effects over them. */
import { type ElementType, encodeModel, Graph, type Shape, toModel } from "@ifrl/onnx"
import { Effect, type Scope } from "effect"
import { Runtime, type RuntimeOptions, type Session, type SessionOptions } from "../src/index.ts"

export const build = (name: string, emit: (g: Graph) => void): Uint8Array => {
  const graph = new Graph(name)
  emit(graph)
  return encodeModel(toModel(graph))
}

/** sum = a + b over any n. */
export const adder = (type: ElementType = "float32", shape: Shape = ["n"]): Uint8Array =>
  build("adder", (g) => {
    g.output(g.op("Add", [g.input("a", type, shape), g.input("b", type, shape)]), "sum")
  })

/** parameter' = parameter - rate * gradient. */
export const descent = (): Uint8Array =>
  build("descent", (g) => {
    const parameter = g.input("parameter", "float32", ["n"])
    const step = g.op("Mul", [g.input("gradient", "float32", ["n"]), g.input("rate", "float32", [])])
    g.output(g.op("Sub", [parameter, step]), "updated")
  })

/** y = tanh(x w) repeated `layers` times, N rows of D. */
export const tower = (d: number, layers: number): Uint8Array =>
  build("tower", (g) => {
    const weight = g.input("w", "float32", [d, d])
    let x = g.input("x", "float32", ["N", d])
    for (let l = 0; l < layers; l++) x = g.op("Tanh", [g.op("MatMul", [x, weight])])
    g.output(x, "y")
  })

/** y = x + count, one iteration of a Loop at a time. */
export const counter = (): Uint8Array =>
  build("counter", (g) => {
    const x = g.input("x", "float32", ["n"])
    const count = g.input("count", "int64", [])
    const body = g.subgraph("body")
    body.input("iteration", "int64", [])
    const going = body.input("going", "bool", [])
    const state = body.input("state", "float32", ["n"])
    body.output(body.op("Identity", [going]))
    body.output(body.op("Add", [state, body.constant("float32", 1)]))
    g.output(g.op("Loop", [count, undefined, x], { body }), "y")
  })

/** The coordinates of x's nonzero elements: a shape that no metadata tells. */
export const nonZero = (): Uint8Array =>
  build("nonZero", (g) => {
    g.output(g.op("NonZero", [g.input("x", "float32", ["n"])]), "where")
  })

/** The sum of 2 exp(0) over `count` elements, with two intermediates of that size. */
export const hungry = (): Uint8Array =>
  build("hungry", (g) => {
    const zeros = g.op("Expand", [g.constant("float32", 0), g.input("count", "int64", [1])])
    g.output(g.op("ReduceSum", [g.op("Exp", [g.op("Add", [zeros, zeros])])], { keepdims: 0 }), "sum")
  })

/** Runs with a Runtime layer, in one scope. */
export const run = <A, E>(
  effect: Effect.Effect<A, E, Runtime | Scope.Scope>,
  options: RuntimeOptions = { threads: 2 }
): Promise<A> => Effect.runPromise(effect.pipe(Effect.scoped, Effect.provide(Runtime.layer(options))))

export const load = (model: Uint8Array, options?: SessionOptions) =>
  Runtime.use((runtime) => runtime.session(model, options))

/** Loads a model and uses it. */
export const using = <A, E>(
  model: Uint8Array,
  use: (session: Session) => Effect.Effect<A, E, Runtime | Scope.Scope>,
  options?: SessionOptions
): Promise<A> => run(Effect.flatMap(load(model, options), use))
