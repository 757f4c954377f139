import { expect, test } from "@jest/globals"
import { tokenWeights } from "../src/index.ts"

const sums = (lengths: ReadonlyArray<number>, name: "token-mean" | "sequence-mean" | "fixed-length") =>
  tokenWeights(lengths, name, 10).map((w) => w.reduce((a, b) => a + b, 0))

const close = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>) =>
  actual.forEach((a, i) => expect(a).toBeCloseTo(expected[i]!, 6))

test("each aggregation gives a completion its share of the step", () => {
  close(sums([1, 3], "token-mean"), [0.25, 0.75])
  close(sums([1, 3], "sequence-mean"), [0.5, 0.5])
  close(sums([1, 3], "fixed-length"), [0.05, 0.15])
})

test("a masked completion takes no share", () => {
  close(sums([0, 4, 4], "sequence-mean"), [0, 0.5, 0.5])
})
