import { Runtime, Tensor } from "@ifrl/runtime"
import { Effect } from "effect"

/** Gradient descent on |parameter|^2 / 2, for a model that computes updated = parameter - rate * gradient. */
const descend = (model: string) =>
  Effect.gen(function*() {
    const runtime = yield* Runtime
    const session = yield* runtime.session({ path: model })
    const parameter = Tensor.from("float32", [3], [1, 2, 3])
    const gradient = Tensor.zeros("float32", [3])
    const step = yield* session.bind({
      inputs: { parameter, gradient, rate: Tensor.scalar("float32", 0.5) },
      outputs: { updated: parameter } // the memory of the input: updated in place
    })
    for (let i = 0; i < 3; i++) {
      gradient.data.set(parameter.data)
      yield* step.run // off the main thread, interruptible
    }
    return Array.from(parameter.data)
  }).pipe(Effect.scoped, Effect.provide(Runtime.layer()))

console.log(await Effect.runPromise(descend("descent.onnx"))) // => [ 0.125, 0.25, 0.375 ]
