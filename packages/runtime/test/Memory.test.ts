import { expect, test } from "@jest/globals"
import { peakMemory, residentMemory, resetPeakMemory, Tensor } from "../src/index.ts"

const mebibyte = 2 ** 20

test("the peak rises with what is touched once it was reset", () => {
  const canReset = resetPeakMemory()
  const before = peakMemory()
  expect(residentMemory()).toBeGreaterThan(10 * mebibyte)
  expect(before).toBeGreaterThanOrEqual(residentMemory() - 64 * mebibyte)
  Tensor.zeros("uint8", [128 * mebibyte]).data.fill(1)
  const after = peakMemory()
  // Where it cannot be reset, an earlier peak may lie higher.
  expect(after - before).toBeGreaterThan(canReset ? 100 * mebibyte : -1)
  expect(canReset).toBe(process.platform === "linux")
})
