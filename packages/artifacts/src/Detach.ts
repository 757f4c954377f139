import type { Value } from "@ifrl/onnx"
import { customGradient } from "./CustomGradient.ts"
import type { Emit } from "./Emit.ts"

/** The value itself, through which no gradient flows. */
export const detach = (g: Emit, value: Value): Value =>
  customGradient(g.graph, "detach", [value], (graph, [x]) => [graph.op("Identity", [x])], () => [undefined])[0]!
