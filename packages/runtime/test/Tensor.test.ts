import { describe, expect, test } from "@jest/globals"
import { fromFloat16, RuntimeError, storage, Tensor, type TensorType } from "../src/index.ts"

const types = Object.keys(storage) as Array<TensorType>

const refused = (f: () => unknown): RuntimeError => {
  try {
    f()
  } catch (error) {
    if (error instanceof RuntimeError) return error
    throw error
  }
  throw new Error("nothing was refused")
}

describe("Tensor", () => {
  test.each(types)("%s: zeros have the shape's elements in memory of their own, aligned to 64 bytes", (type) => {
    for (const dims of [[], [1], [3, 5], [2, 0, 4], [1000]]) {
      const tensor = Tensor.zeros(type, dims)
      const size = dims.reduce((a, b) => a * b, 1)
      expect(tensor.size).toBe(size)
      expect(tensor.bytes.length).toBe(size * storage[type].bytes)
      expect(tensor.bytes.every((b) => b === 0)).toBe(true)
      expect(tensor.address % 64n).toBe(0n)
    }
  })

  test("numbers are converted to what the type stores", () => {
    expect(Array.from(Tensor.from("int64", [3], [1, -2, 2 ** 40]).data)).toEqual([1n, -2n, 2n ** 40n])
    expect(Array.from(Tensor.from("uint64", [1], Float64Array.of(7)).data)).toEqual([7n])
    expect(Array.from(Tensor.from("bool", [3], [true, false, 5]  as Array<number>).data)).toEqual([1, 0, 1])
    expect(Array.from(Tensor.from("bool", [2], Uint8Array.of(0, 255)).data)).toEqual([0, 1])
    expect(Array.from(Tensor.from("float16", [3], [1, -2, 65504]).data)).toEqual([0x3c00, 0xc000, 0x7bff])
    expect(Array.from(Tensor.from("bfloat16", [2], Float32Array.of(1, -2)).data)).toEqual([0x3f80, 0xc000])
    expect(Array.from(Tensor.from("int8", [2], [-1, 127]).data)).toEqual([-1, 127])
    expect(Tensor.scalar("int64", 9n).dims).toEqual([])
    expect(Tensor.scalar("bool", true).data[0]).toBe(1)
  })

  test("a typed array of the tensor's storage is copied bit for bit", () => {
    const patterns = Uint16Array.of(0x3c00, 0x7e01)
    const half = Tensor.from("float16", [2], patterns)
    expect(Array.from(half.data)).toEqual(Array.from(patterns))
    expect(fromFloat16(half.data)[0]).toBe(1)
    patterns[0] = 0
    expect(half.data[0]).toBe(0x3c00)
  })

  test("a span is one tensor over those that lie one behind the other, and over no others", () => {
    const block = Tensor.from("float32", [3, 2], [0, 1, 2, 3, 4, 5])
    const [head, tail] = [block.view([1, 2]), block.view([2, 2], 2)]
    const whole = Tensor.span([head, tail])!
    expect([whole.dims, Array.from(whole.data), whole.address]).toEqual([[3, 2], [0, 1, 2, 3, 4, 5], block.address])
    tail.data[0] = 7
    expect(whole.data[2]).toBe(7)
    expect(Tensor.span([tail])!.dims).toEqual([2, 2])
    const apart: ReadonlyArray<ReadonlyArray<Tensor>> = [
      [],
      [tail, head],
      [head, block.view([1, 2], 4)],
      [head, block.view([2], 2)],
      [head, block.view([4, 1], 2)],
      [head, Tensor.zeros("float32", [2, 2])],
      [block.view([], 0), block.view([], 1)]
    ]
    for (const tensors of apart) expect(Tensor.span(tensors)).toBeUndefined()
  })

  test("views share memory and stay within it", () => {
    const tensor = Tensor.from("float32", [2, 3], [0, 1, 2, 3, 4, 5])
    const row = tensor.view([3], 3)
    expect(row.address).toBe(tensor.address + 12n)
    row.data[0] = 30
    expect(tensor.data[3]).toBe(30)
    expect(Array.from(row.view([1, 1], 2).data)).toEqual([5])
    expect(tensor.view([3, 2]).dims).toEqual([3, 2])
    expect(tensor.view([0], 6).size).toBe(0)
    const error = refused(() => tensor.view([3], 4))
    expect(error.message).toMatch(/a view \[3\] from element 4 leaves float32\[2,3\]/)
    expect(refused(() => tensor.view([1], -1)).operation).toBe("tensor")
    // A view of a view is bounded by the view.
    refused(() => row.view([4]))
  })

  test("refuses shapes, counts and types that do not fit, by name", () => {
    expect(refused(() => Tensor.zeros("float32", [2, -1])).message).toMatch(/\[2,-1\] is not a shape/)
    expect(refused(() => Tensor.zeros("float32", [1.5])).message).toMatch(/not a shape/)
    expect(refused(() => Tensor.zeros("float32", [2 ** 30, 2 ** 30])).message).toMatch(/too many elements/)
    expect(refused(() => Tensor.from("float32", [2], [1])).message).toMatch(/has 2 elements and 1 were given/)
    expect(refused(() => Tensor.zeros("string" as TensorType, [1])).message).toMatch(/cannot hold string/)
    expect(refused(() => Tensor.zeros("float64", [2 ** 45])).message).toMatch(/no memory for float64\[35184372088832\]/)
    expect(refused(() => Tensor.zeros("float32", [1]).as("int64")).message).toMatch(/float32\[1\] is not int64/)
  })

  test("the caller's shape array is not kept", () => {
    const dims = [2]
    const tensor = Tensor.zeros("int32", dims)
    dims[0] = 99
    expect(tensor.dims).toEqual([2])
    expect(String(tensor)).toBe("int32[2]")
  })
})
