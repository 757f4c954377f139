import { describe, expect, test } from "@jest/globals"
import fc from "fast-check"
import {
  elementSize,
  type ElementType,
  elementTypes,
  Graph,
  stringTensor,
  tensorData,
  tensorValues
} from "../src/index.ts"
import { runGraph } from "./Ort.ts"

/** Floats of every magnitude, with the neighbourhood of halves' limits well represented. */
const floats = fc.sample(
  fc.oneof(
    fc.float(),
    fc.float({ min: -70000, max: 70000 }),
    fc.float({ min: Math.fround(-1e-4), max: Math.fround(1e-4) }),
    fc.tuple(fc.integer({ min: -2048, max: 2048 }), fc.integer({ min: -26, max: 14 })).map(([m, e]) => m * 2 ** e),
    fc.tuple(fc.integer({ min: 0, max: 2 ** 24 }), fc.integer({ min: -38, max: 5 })).map(([m, e]) => m * 2 ** e)
  ),
  { numRuns: 20000, seed: 1 }
).map(Math.fround)

describe("halves round as ONNX Runtime's Cast does", () => {
  test.each(["float16", "bfloat16"] as const)("%s", async (type) => {
    const g = new Graph("g")
    const x = g.input("x", "float32", ["N"])
    const cast = g.op("Cast", [x], { to: type })
    g.output(g.op("BitCast", [cast], { to: "uint16" }), "bits")
    g.output(g.op("Cast", [cast], { to: "float32" }), "back")
    const { back, bits } = await runGraph(g, { x: tensorData("float32", [floats.length], floats) })
    const data = tensorData(type, [floats.length], floats)
    const ours = new Uint16Array(data.bytes.buffer)
    const theirs = bits!.data as Uint16Array
    const wrong = floats.flatMap((value, i) =>
      value !== value || ours[i] === theirs[i] ? [] : [{ value, ours: ours[i], theirs: theirs[i] }]
    )
    expect(wrong).toEqual([])
    expect(Array.from(tensorValues(data) as Float32Array)).toEqual(Array.from(back!.data as Float32Array))
  })
  test.each(["float16", "bfloat16"] as const)("every %s comes back from its value", (type) => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const values = tensorValues(tensorData(type, [65536], bits)) as Float32Array
    const again = new Uint16Array(tensorData(type, [65536], Array.from(values)).bytes.buffer)
    const changed = Array.from(bits).filter((pattern) => again[pattern] !== pattern && !Number.isNaN(values[pattern]))
    expect(changed).toEqual([])
    expect(Array.from(again).every((pattern, i) => !Number.isNaN(values[i]) || (pattern & 0x7fff) > 0x7c00)).toBe(true)
  })
})

test("values come back, at their limits too", () => {
  const limits: Partial<Record<ElementType, ReadonlyArray<number | bigint>>> = {
    int64: [-(2n ** 63n), 2n ** 63n - 1n],
    uint64: [0n, 2n ** 64n - 1n],
    int32: [-(2 ** 31), 2 ** 31 - 1],
    uint32: [0, 2 ** 32 - 1],
    int16: [-32768, 32767],
    uint16: [0, 65535],
    int8: [-128, 127],
    uint8: [0, 255],
    bool: [0, 1],
    float32: [-0.5, Infinity],
    float64: [0.1, -1e300],
    float16: [-2, 65504],
    bfloat16: [1, -3]
  }
  for (const type of elementTypes.filter((type) => type !== "string")) {
    const values = limits[type]!
    const data = tensorData(type, [2], values)
    expect(data.bytes.byteLength).toBe(2 * elementSize(type))
    expect(Array.from(tensorValues(data) as ArrayLike<number | bigint>)).toEqual(values)
    // Bytes at an odd address read the same.
    const shifted = new Uint8Array(data.bytes.byteLength + 1)
    shifted.set(data.bytes, 1)
    expect(tensorValues({ ...data, bytes: shifted.subarray(1) })).toEqual(tensorValues(data))
    expect(tensorValues({ ...data, bytes: Buffer.from(shifted).subarray(1) })).toEqual(tensorValues(data))
  }
})

test("strings", () => {
  const words = ["", "é", "a\0b", "🙂"]
  expect(tensorValues(stringTensor([2, 2], words))).toEqual(words)
  expect(() => stringTensor([3], words)).toThrow(/4 values don't fill/)
  expect(() => tensorData("string", [1], [1])).toThrow(/Use stringTensor/)
})

test("a typed array of the right layout is shared, others are copied", () => {
  const array = Float32Array.of(1, 2)
  expect(tensorData("float32", [2], array).bytes.buffer).toBe(array.buffer)
  expect(tensorData("float64", [2], array).bytes.buffer).not.toBe(array.buffer)
  expect(tensorData("bool", [1], Uint8Array.of(1)).bytes).toEqual(Uint8Array.of(1))
  expect(() => tensorData("bool", [1], Uint8Array.of(2))).toThrow(/2 is no bool/)
})
