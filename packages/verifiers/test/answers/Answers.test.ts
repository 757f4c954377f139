import { describe, expect, test } from "@jest/globals"
import { answerAfterThink, chosenLetter, compareAnswers, finalLine, lastBoxed, verifyChoice, verifyMath } from "../../src/index.ts"
import { readLines, testWithData } from "../support/Data.ts"

const same: ReadonlyArray<readonly [string, string]> = [
  ["42", "42"], ["42.0", "42"], ["+7", "7"], ["-0", "0"], ["1,234", "1234"], ["1{,}234", "1234"], ["1\\!,\\!234", "1234"],
  ["0.5", "\\frac{1}{2}"], ["\\dfrac12", "1/2"], ["\\frac{2}{4}", "0.5"], ["-\\frac{1}{3}", "\\frac{-1}{3}"],
  ["2\\frac{1}{2}", "2.5"], ["2 1/2", "5/2"], ["0.\\overline{3}", "1/3"], ["0.1\\overline{6}", "1/6"], ["1e3", "1e3"],
  ["50\\%", "0.5"], ["50%", "50"], ["50 percent", "1/2"], ["\\$12.50", "12.5"], ["12 dollars", "\\$12"],
  ["12 cm", "12"], ["12\\text{ cm}", "12 cm"], ["12\\text{ cm}^2", "12"], ["90^\\circ", "90"], ["90^{\\circ}", "90 degrees"],
  ["90\u00b0", "90"], ["\\sqrt{4}", "2"], ["\\sqrt{12}", "2\\sqrt{3}"], ["\\frac{\\sqrt{2}}{2}", "\\frac{1}{\\sqrt{2}}"],
  ["\u221a3", "\\sqrt3"], ["\\sqrt[3]{8}", "2"], ["2\\pi", "2\\cdot\\pi"], ["\\frac{\\pi}{2}", "pi/2"], ["2^{10}", "1024"],
  ["10^{-2}", "0.01"], ["1.5 \\times 10^3", "1500"], ["3 - 5", "-2"], ["2(3+4)", "14"], ["x = 5", "5"], ["5.", "5"],
  ["$5$", "5"], ["\\left( 1, 2 \\right)", "(1,2)"], ["(1/2, 3)", "(0.5,3)"], ["\\{1,2,3\\}", "\\{3,2,1\\}"],
  ["\\{1, 1, 2\\}", "\\{2,1\\}"], ["1,2", "2, 1"], ["1 and 2", "\\{2,1\\}"], ["x=1, x=2", "2,1"], ["1, 2", "(1,2)"],
  ["1 \\pm \\sqrt{2}", "1+\\sqrt{2}, 1-\\sqrt{2}"], ["\\emptyset", "\\{\\}"], ["[0, \\infty)", "[0,\\infty)"],
  ["(-\\infty, 1] \\cup [2, 3)", "[2,3)\\cup(-\\infty,1]"], ["x \\in (1,2)", "(1, 2)"], ["\\text{Tuesday}", "tuesday"],
  ["Yes", "\\text{yes}"], ["3x + 2", "3x+2"], ["\\infty", "\u221e"],
  ["x = 1, y = 2", "y=2, x=1"], ["x = 1, y = 2", "1, 2"], ["10^{400}\\pi", "10^{400}\\pi"], ["1.5...", "1.5..."]
]

const other: ReadonlyArray<readonly [string, string]> = [
  ["42", "43"], ["0.33", "1/3"], ["3.14", "\\pi"], ["1.41", "\\sqrt{2}"], ["50%", "5"], ["12 cm", "13"], ["(1,2)", "(2,1)"],
  ["[1,2]", "(1,2)"], ["\\{1,2\\}", "\\{1,3\\}"], ["1,2", "1,2,3"], ["yes", "no"], ["True", "False"], ["\\infty", "-\\infty"],
  ["1", "(1,2)"], ["1,2", "[1,2]"], ["[0,1]", "[0,1] \\cup [2,3]"], ["1,3", "(1,2)"], ["x = 1, y = 2", "x = 2, y = 1"]
]

const unknown: ReadonlyArray<readonly [string, string]> = [
  ["x+1", "1+x"], ["12 cm", "12 m"], ["a blue car", "blue car"], ["\\sin 1", "0.84"], ["1/0", "1/0 "], ["2,1", "(1,2)"],
  ["9^{9^{9}}", "1"], ["", "1"], ["three", "3"], ["1 < x < 2", "(1,2)"], ["\\frac{1}{", "1"],
  ["0.333...", "1/3"], ["0.17 ...", "1/6"], ["5, as shown", "5"], ["1, 2, as shown", "1, 2"], ["\\$0.50", "50 cents"], ["\\$5", "5 cents"],
  ["\\frac{1}{10^{400}\\pi}", "0"], ["10^{500}\\pi/10^{500}", "\\pi"], ["x=1, y=2 or x=2, y=1", "x=1, y=1 or x=2, y=2"]
]

describe("comparison by value", () => {
  test.each(same)("%s is %s", (a, b) => {
    expect([compareAnswers(a, b)._tag, compareAnswers(b, a)._tag]).toEqual(["Equal", "Equal"])
  })
  test.each(other)("%s is not %s", (a, b) => {
    expect([compareAnswers(a, b)._tag, compareAnswers(b, a)._tag]).toEqual(["Different", "Different"])
  })
  test.each(unknown)("%s and %s are not compared", (a, b) => {
    const tag = a.trim() === b.trim() ? "Equal" : "Undecided"
    expect([compareAnswers(a, b)._tag, compareAnswers(b, a)._tag]).toEqual([tag, tag])
  })
})

describe("extraction", () => {
  test("the last box whose braces match", () => {
    expect(lastBoxed("\\boxed{1} then \\boxed{\\frac{1}{2}}.")).toBe("\\frac{1}{2}")
    expect(lastBoxed("\\boxed{\\{1,2\\}} and \\boxed{3")).toBe("\\{1,2\\}")
    expect(lastBoxed("\\fbox {7}")).toBe("7")
    expect(lastBoxed("boxed{7}")).toBeUndefined()
  })
  test("the final line", () => {
    expect(finalLine("Thus.\nThe answer is **12**.\n\n")).toBe("12")
    expect(finalLine("a\n-3\n")).toBe("-3")
    expect(finalLine(" \n")).toBeUndefined()
    expect(["- 5", "> 5", "The answer is - 5.", "The answer is > 5."].map(finalLine)).toEqual(["5", "5", "- 5", "> 5"])
    expect(["The answer is **0.333...**", "The answer is 5...", "Answer: 0.5."].map(finalLine)).toEqual(["0.333...", "5", "0.5"])
  })
  test("the answer behind the thought", () => {
    expect(answerAfterThink("<think>\nso\n</think>\n\nYes.")).toBe("Yes.")
    expect(answerAfterThink("</think>  indented")).toBe("  indented")
    expect(answerAfterThink("<think> endless")).toBeUndefined()
  })
  test("choices", () => {
    expect(chosenLetter("So \\boxed{\\text{(B)}}", "ABCD")).toBe("B")
    expect(chosenLetter("The answer is (C). Answer: D", "ABCD")).toBe("C")
    expect(chosenLetter("Answer: A\nAnswer: B", "ABCD")).toBe("A")
    expect(chosenLetter("A or B, I take B!", "ABCD")).toBe("B")
    expect(chosenLetter("none", "ABCD")).toBeUndefined()
  })
})

test.each([".", " ", "\n", "\u3000"])("a long run of %j takes no time", (piece) => {
  const run = piece.repeat(100_000)
  expect(compareAnswers(`1${run}x`, "1")._tag).toBe("Undecided")
  expect(compareAnswers(`1${run}`, "1")._tag).toBe("Equal")
})

test("verdicts", () => {
  expect(verifyMath("1/2", "It is \\boxed{0.5}")).toEqual({ _tag: "Decided", followed: true })
  expect(verifyMath("1/2", "\n")).toEqual({ _tag: "Decided", followed: false })
  expect(verifyMath("1/2", "It is a half")._tag).toBe("Undecided")
  expect(verifyChoice("B", "The answer is (B)")).toEqual({ _tag: "Decided", followed: true })
  expect(verifyChoice("B", "who knows")).toEqual({ _tag: "Decided", followed: false })
  expect(verifyChoice("Z", "The answer is (B)")._tag).toBe("Undecided")
})

interface Extracted {
  readonly question_id: number
  readonly generated_text: string
  readonly extracted_l2: string | null
}

const sample = "mmlu-pro/sample_with_outputs.jsonl"
testWithData([sample], "letters of MMLU-Pro's sample", () => {
  const rows = readLines<Extracted>(sample)
  const letter = ({ generated_text }: Extracted) => chosenLetter(generated_text, "ABCDEFGHIJ") ?? null
  expect(rows.filter((row) => letter(row) !== row.extracted_l2).map(({ question_id }) => question_id)).toEqual([])
  expect(rows).toHaveLength(812)
})
