import { expect, test } from "@jest/globals"
import * as ort from "onnxruntime-node"
import { encodeModel, float, Graph } from "../src/index.ts"

test("a built model runs", async () => {
  const g = new Graph("mlp")
  const x = g.input("x", "float32", ["N", 2])
  const w = g.constant("float32", [1, 2, 3, 4, 5, 6], [3, 2])
  const y = g.op("FusedMatMul", [x, w], { transB: 1, alpha: float(2) })
  const shape = g.op("Concat", [g.op("Shape", [x], { end: 1 }), g.constant("int64", [-1])], { axis: 0 })
  const z = g.output(g.op("Reshape", [g.op("Add", [y, g.constant("float32", 1)]), shape]), "z")
  expect(z.shape).toEqual(["N", 3])
  const session = await ort.InferenceSession.create(encodeModel(g))
  const out = await session.run({ x: new ort.Tensor("float32", Float32Array.of(1, 1, 0, 1), [2, 2]) })
  expect([...out["z"]!.data as Float32Array]).toEqual([7, 15, 23, 5, 9, 13])
})
