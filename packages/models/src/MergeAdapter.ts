/** An adapter folded into the weights that it adapts: W + scale B A, computed in the weights' own memory. */
import { encodeModel, float, Graph } from "@ifrl/onnx"
import { Runtime, type Tensor } from "@ifrl/runtime"
import { Effect } from "effect"
import type { Adapter } from "./Lora.ts"
import type { Parameters } from "./Model.ts"

/** weight [out, in], a [R, in], b [out, R] -> weight.out, meant to be bound to the weight's memory. */
const mergeGraph = (scale: number): Graph => {
  const g = new Graph("merge")
  const weight = g.input("weight", "float32", ["O", "I"])
  const a = g.input("a", "float32", ["R", "I"])
  const b = g.input("b", "float32", ["O", "R"])
  g.output(g.op("Gemm", [b, a, weight], { alpha: float(scale) }), "weight.out")
  return g
}

/**
 * Adds an adapter to the weights of its model in place, which needs no further memory and can't be undone exactly: load
 * the model again where both are needed. What the adapter holds whole (a classifier's head) takes the place of the
 * model's own. Returns the parameters of the merged model.
 */
export const mergeAdapter = Effect.fn("mergeAdapter")(function*(base: Parameters, adapter: Adapter) {
  const runtime = yield* Runtime
  const session = yield* runtime.session(encodeModel(mergeGraph(adapter.shape.scale)), { name: "merge" })
  const merged = new Map(base)
  const factor = (name: string): Tensor<"float32"> => adapter.parameters.get(name)!
  for (const module of adapter.shape.modules) {
    const weight = base.get(`${module}.weight`)!
    const inputs = { weight, a: factor(`${module}.lora_A.weight`), b: factor(`${module}.lora_B.weight`) }
    yield* session.run(inputs, { "weight.out": weight })
  }
  for (const [name, tensor] of adapter.parameters) if (merged.has(name)) merged.set(name, tensor)
  return merged as Parameters
}, Effect.scoped)
