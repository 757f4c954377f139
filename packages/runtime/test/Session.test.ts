import { describe, expect, test } from "@jest/globals"
import { encodeModel, Graph, toModel } from "@ifrl/onnx"
import { Effect } from "effect"
import { Runtime, Tensor } from "../src/index.ts"

const add = () => {
  const g = new Graph("add")
  const a = g.input("a", "float32", ["n"])
  const b = g.input("b", "float32", ["n"])
  g.output(g.op("Add", [a, b]), "sum")
  return encodeModel(toModel(g))
}

describe("Session", () => {
  test("adds", async () => {
    const sum = await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const runtime = yield* Runtime
      const session = yield* runtime.session(add(), { name: "add" })
      console.log(runtime.version, session.inputs, session.outputs)
      const a = Tensor.from("float32", [3], [1, 2, 3])
      return yield* session.run({ a, b: a })
    })).pipe(Effect.provide(Runtime.layer())))
    expect(Array.from(sum["sum"]!.as("float32").data)).toEqual([2, 4, 6])
  })
})
