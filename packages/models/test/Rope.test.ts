import { expect, test } from "@jest/globals"
import { readSafetensors, ropeTables } from "../src/index.ts"
import { fixture, run } from "./support.ts"

test("tables agree with PyTorch's at near and far positions", async () => {
  const { tensors } = await run(readSafetensors(fixture("rope.safetensors")))
  const positions = Array.from(tensors.get("positions")!.data, Number)
  const keys = [...tensors.keys()].filter((name) => name.endsWith("/cos"))
  expect(keys.length).toBe(7)
  for (const key of keys) {
    const [theta, headDim] = key.split("/").map(Number) as [number, number]
    const { half, length, ...tables } = ropeTables({ ropeTheta: theta, headDim }, 32768)
    expect([half, length]).toEqual([headDim / 2, 32768])
    for (const side of ["cos", "sin"] as const) {
      const expected = tensors.get(`${theta}/${headDim}/${side}`)!.data as Float32Array
      let most = 0
      positions.forEach((t, row) => {
        for (let i = 0; i < half; i++)
          most = Math.max(most, Math.abs(tables[side][t * half + i]! - expected[row * half + i]!))
      })
      expect([key, side, most < 2e-6]).toEqual([key, side, true])
    }
  }
})
