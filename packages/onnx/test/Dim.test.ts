import { expect, test } from "@jest/globals"
import fc from "fast-check"
import {
  addDims,
  broadcast,
  type Dim,
  differentDims,
  divideDims,
  formatShape,
  isUnknownDim,
  mergeShapes,
  multiplyDims,
  productDims,
  sameDim,
  substituteDims,
  subtractDims
} from "../src/index.ts"

/** An expression beside what it is worth when A = 2, B = 3, C = 5. */
const expression: fc.Arbitrary<readonly [Dim, number]> = fc.letrec<{ e: readonly [Dim, number] }>((tie) => ({
  e: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<readonly [Dim, number]>(["A", 2], ["B", 3], ["C", 5]),
    fc.integer({ min: -4, max: 9 }).map((n): readonly [Dim, number] => [n, n]),
    fc.tuple(fc.constantFrom("+", "-", "*"), tie("e"), tie("e")).map(([op, [a, x], [b, y]]): readonly [Dim, number] =>
      op === "+" ? [addDims(a, b), x + y] : op === "-" ? [subtractDims(a, b), x - y] : [multiplyDims(a, b), x * y]
    )
  )
})).e

const values = new Map<string, Dim>([["A", 2], ["B", 3], ["C", 5]])

test("arithmetic agrees with numbers, and is a commutative ring", () => {
  fc.assert(
    fc.property(expression, expression, expression, ([a, x], [b, y], [c]) => {
      expect(substituteDims(a, values)).toBe(x)
      expect(sameDim(addDims(a, b), addDims(b, a))).toBe(true)
      expect(sameDim(multiplyDims(a, addDims(b, c)), addDims(multiplyDims(a, b), multiplyDims(a, c)))).toBe(true)
      expect(subtractDims(a, a)).toBe(0)
      expect(substituteDims(productDims([a, b]), values)).toBe(x * y)
      if (sameDim(a, b)) expect(x).toBe(y)
      if (differentDims(a, b)) expect(x).not.toBe(y)
      const quotient = divideDims(multiplyDims(a, b), b)
      if (quotient !== undefined && y !== 0) expect(substituteDims(quotient, values)).toBe(x)
    }),
    { seed: 1 }
  )
})

test("expressions have one spelling, and read what exporters write", () => {
  expect(addDims("T", "B")).toBe("B+T")
  expect(multiplyDims("T", addDims("B", 1))).toBe("B*T+T")
  expect(subtractDims(1, "B")).toBe("1-B")
  expect(subtractDims(0, "B")).toBe("-B")
  expect(sameDim("past_length + length", addDims("length", "past_length"))).toBe(true)
  expect(sameDim("2*B", addDims("B", "B"))).toBe(true)
  expect(divideDims("2*B*T", "2*T")).toBe("B")
  expect(divideDims("B+1", 2)).toBeUndefined()
  expect(divideDims(6, 0)).toBeUndefined()
  const opaque = "floor(n*m/2)"
  expect(sameDim(opaque, opaque)).toBe(true)
  expect(subtractDims(addDims(opaque, 3), opaque)).toBe(3)
})

test("unknown sizes equal nothing, made-up ones themselves", () => {
  expect(sameDim("", "")).toBe(false)
  expect(differentDims("", 3)).toBe(false)
  expect([isUnknownDim(""), isUnknownDim("?1+2"), isUnknownDim("B"), isUnknownDim(3)]).toEqual([
    true,
    true,
    false,
    false
  ])
  expect(formatShape(["B", "", 3])).toBe("[B, ?, 3]")
  expect(formatShape(undefined)).toBe("[...]")
})

test("broadcasting", () => {
  let made = 0
  const fresh = () => `?${made++}`
  expect(broadcast([["B", 1, 3], ["T", 1]], fresh)).toEqual(["B", "T", 3])
  expect(broadcast([["B"], [4]], fresh)).toEqual([4])
  expect(broadcast([["B"], ["T"]], fresh)).toEqual(["?0"])
  expect(broadcast([["B*T"], ["T*B"]], fresh)).toEqual(["B*T"])
  expect(broadcast([[2], [3]], fresh)).toBe("conflict")
  expect(broadcast([[2], undefined], fresh)).toBeUndefined()
  expect(broadcast([[0], [1], ["B"]], fresh)).toEqual([0])
})

test("two descriptions of one tensor", () => {
  expect(mergeShapes(["?0", "B", 3], ["T", 4, "C"])).toEqual(["T", 4, 3])
  expect(mergeShapes(["S"], ["S+1"])).toBe("conflict")
  expect(mergeShapes([1], [1, 2])).toBe("conflict")
  expect(mergeShapes(undefined, [1])).toEqual([1])
})
