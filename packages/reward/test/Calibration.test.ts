import { describe, expect, test } from "@jest/globals"
import { random } from "@ifrl/curriculum"
import {
  areaUnderCurve, classifierReport, expectedCalibrationError, fitTemperature, negativeLogLikelihood, sigmoid, temperatureBounds
} from "../src/index.ts"

describe("calibration", () => {
  test("the temperature that margins were scaled by is found again", () => {
    const draw = random(1, "calibration")
    const margins = Array.from({ length: 5000 }, () => 6 * (draw.uniform() - 0.5))
    const labels = margins.map((margin) => draw.chance(sigmoid(margin)))
    // Three standard errors of the estimate at this count.
    expect(fitTemperature(margins, labels)).toBeGreaterThan(0.87)
    expect(fitTemperature(margins, labels)).toBeLessThan(1.13)
    const doubled = margins.map((m) => 2 * m)
    expect(fitTemperature(doubled, labels) / fitTemperature(margins, labels)).toBeCloseTo(2, 9)
  })

  test("no temperature nearby does better, and calibration error falls", () => {
    const draw = random(2, "calibration")
    const margins = Array.from({ length: 4000 }, () => 12 * (draw.uniform() - 0.5))
    const labels = margins.map((margin) => draw.chance(sigmoid(margin / 3)))
    const t = fitTemperature(margins, labels)
    const at = (x: number) => negativeLogLikelihood(margins, labels, x)
    // The smoothing of the labels moves the minimum by less than this at this count.
    expect(at(t)).toBeLessThanOrEqual(Math.min(at(t * 1.02), at(t / 1.02)))
    expect(classifierReport(margins, labels, t).ece).toBeLessThan(0.3 * classifierReport(margins, labels, 1).ece)
  })

  test("labels that the margins separate leave doubt, less with more of them; reversed ones end at the bound", () => {
    // One label each way: targets 2/3 and 1/3, so sigmoid(margin / t) = 2/3 at margin / t = log 2.
    expect(fitTemperature([3, -3], [true, false])).toBeCloseTo(3 / Math.log(2), 9)
    const many = (n: number) => fitTemperature([...Array(n).fill(3), ...Array(n).fill(-3)], [...Array(n).fill(true), ...Array(n).fill(false)])
    expect(many(100)).toBeCloseTo(3 / Math.log(101), 9)
    expect(fitTemperature([3, -2], [false, true])).toBeCloseTo(temperatureBounds[1], 9)
    expect(fitTemperature([], [])).toBe(1)
  })

  test("expected calibration error by hand: two bins of two", () => {
    // Bin 0: mean 0.2, none true: |0.4 - 0|; bin 1: mean 0.8, both true: |1.6 - 2|; over four.
    expect(expectedCalibrationError([0.1, 0.3, 0.7, 0.9], [false, false, true, true], 2)).toBeCloseTo(0.2, 12)
    expect(expectedCalibrationError([0, 1], [false, true])).toBe(0)
    expect(expectedCalibrationError([1, 1], [false, false])).toBe(1)
  })

  test("area under the curve by hand, ties by half", () => {
    expect(areaUnderCurve([1, 2, 3, 4], [false, false, true, true])).toBe(1)
    expect(areaUnderCurve([1, 2, 3, 4], [true, false, true, false])).toBe(0.25)
    expect(areaUnderCurve([1, 1], [true, false])).toBe(0.5)
    expect(areaUnderCurve([1, 2], [true, true])).toBe(0.5)
  })

  test("the report counts a margin of 0 as yes", () => {
    const report = classifierReport([0, -1, 2], [true, false, false])
    expect(report.accuracy).toBeCloseTo(2 / 3, 12)
    expect(report.negativeLogLikelihood).toBeCloseTo((Math.log(2) + Math.log1p(Math.exp(-1)) + Math.log1p(Math.exp(2))) / 3, 12)
  })

  test("extreme margins stay finite", () => {
    expect(sigmoid(-1000)).toBe(0)
    expect(sigmoid(1000)).toBe(1)
    expect(negativeLogLikelihood([1000, -1000], [false, true])).toBe(1000)
  })
})
