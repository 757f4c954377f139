import { describe, expect, test } from "@jest/globals"
import fc from "fast-check"
import { completionLength, packMicroBatches, type TrainingRow, unpackCompletions } from "../src/index.ts"

const row = (id: string, prompt: ReadonlyArray<number>, completion: ReadonlyArray<number>): TrainingRow => ({
  id,
  tokens: Int32Array.from([...prompt, ...completion]),
  promptLength: prompt.length,
  fields: { weights: Float32Array.from(completion, (_, i) => i + 1) }
})

const anyRow = fc.tuple(
  fc.array(fc.nat(50), { minLength: 1, maxLength: 6 }),
  fc.array(fc.nat(50), { minLength: 0, maxLength: 9 })
).map(([prompt, completion]) => row("r", prompt, completion))

describe("packMicroBatches", () => {
  test("the value of a completion token stands where that token is predicted", () => {
    const [batch] = packMicroBatches([row("a", [7, 8], [9, 10, 11]), row("b", [5], [6])])
    expect(batch!.T).toBe(4)
    expect(Array.from(batch!.inputIds, Number)).toEqual([7, 8, 9, 10, 5, 0, 0, 0])
    expect(Array.from(batch!.labels, Number)).toEqual([0, 9, 10, 11, 6, 0, 0, 0])
    expect(Array.from(batch!.fields.weights!)).toEqual([0, 1, 2, 3, 1, 0, 0, 0])
  })

  test("every row is packed once, limits hold, and unpacking restores each completion's values", () => {
    fc.assert(fc.property(
      fc.array(anyRow, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 8, max: 64 }),
      fc.constantFrom(1, 4),
      (rows, maxRows, maxTokens, multipleOf) => {
        const batches = packMicroBatches(rows, { maxRows, maxTokens, multipleOf })
        expect(batches.flatMap((b) => b.rows).toSorted((a, b) => a - b)).toEqual(rows.map((_, i) => i))
        for (const batch of batches) {
          expect(batch.B).toBeLessThanOrEqual(maxRows)
          expect(batch.B === 1 || batch.B * batch.T <= maxTokens).toBe(true)
          expect(batch.T % multipleOf).toBe(0)
        }
        const values = unpackCompletions(rows, batches, batches.map((b) => b.fields.weights!))
        rows.forEach((r, i) => expect(values[i]).toEqual(r.fields.weights))
        const total = batches.reduce((sum, b) => sum + b.fields.weights!.reduce((x, y) => x + y, 0), 0)
        expect(total).toBe(rows.reduce((sum, r) => sum + r.fields.weights!.reduce((x, y) => x + y, 0), 0))
        expect(values.map((v) => v.length)).toEqual(rows.map(completionLength))
      }
    ))
  })

  test("a field of the wrong length and a row without a prompt are refused by name", () => {
    const bad = { ...row("short", [1], [2, 3]), fields: { weights: new Float32Array(1) } }
    expect(() => packMicroBatches([bad])).toThrow(/short: field weights has 1 values for 2 completion tokens/)
    expect(() => packMicroBatches([{ ...row("bare", [1], [2]), promptLength: 0 }])).toThrow(/bare: prompt length 0/)
  })
})
