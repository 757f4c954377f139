// How fast this machine multiplies matrices, from a short measurement: the scale of every time estimate.
import { encodeModel, Graph } from "@ifrl/onnx"
import { Runtime, Tensor } from "@ifrl/runtime"
import { Clock, Effect } from "effect"

const rows = 512
const width = 1024

const product = () => {
  const graph = new Graph("speed")
  const x = graph.input("x", "float32", [rows, width])
  const w = graph.input("w", "float32", [width, width])
  graph.output(graph.op("MatMul", [x, w]), "y")
  return encodeModel(graph)
}

/** fp32 GFLOP/s of a 512 x 1024 by 1024 x 1024 product, the fastest of ten, and the version of ONNX Runtime. */
export const machineSpeed = Effect.scoped(Effect.gen(function*() {
  const runtime = yield* Runtime
  const session = yield* runtime.session(product(), { name: "speed" })
  const binding = yield* session.bind({
    inputs: { x: Tensor.zeros("float32", [rows, width]), w: Tensor.zeros("float32", [width, width]) },
    outputs: { y: Tensor.zeros("float32", [rows, width]) }
  })
  const time = Effect.gen(function*() {
    const started = yield* Clock.currentTimeNanos
    yield* binding.run
    return Number((yield* Clock.currentTimeNanos) - started)
  })
  const times = yield* Effect.replicateEffect(time, 10)
  return { version: runtime.version, gigaflops: (2 * rows * width * width) / Math.min(...times) }
}))
