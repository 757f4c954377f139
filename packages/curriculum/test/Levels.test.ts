import { describe, expect, test } from "@jest/globals"
import {
  decodePrompt, decompose, decomposeAll, isReasoning, levelOf, originals, printStatistics, PromptError, reasoningRow, statistics
} from "../src/index.ts"
import { Result } from "effect"
import { cheerful, noComma, rowOf, rowsOf, twoBullets } from "./Rows.ts"

const row = rowOf("tea", [noComma, cheerful, twoBullets])

describe("decompose", () => {
  test("level k is the first k constraints; the last level is the row itself", () => {
    const levels = decompose(row)
    expect(levels.map((level) => level.prompt)).toEqual([
      "Write about tea. Use no commas.",
      "Write about tea. Use no commas. Sound cheerful.",
      "Write about tea. Use no commas. Sound cheerful. Use 2 bullets."
    ])
    expect(levels.map((level) => level.level)).toEqual([1, 2, 3])
    expect(levels.map((level) => level.parent)).toEqual([row.id, row.id, undefined])
    expect(levels[2]).toBe(row)
  })

  test("a level keeps subject, domain and the truth of the soft constraints it has", () => {
    expect(levelOf(row, 1)).not.toHaveProperty("soft")
    expect(levelOf(row, 2)).toMatchObject({
      subject: "tea",
      domain: "writing",
      soft: [{ index: 1, type: "tone", value: "cheerful" }]
    })
  })

  test("level 0 is the bare instruction", () => {
    expect(levelOf(row, 0)).toMatchObject({ prompt: "Write about tea.", instruction_id_list: [], level: 0, parent: row.id })
  })

  test("a level equals the row written with those constraints alone", () => {
    expect(levelOf(row, 2).id).toBe(rowOf("tea", [noComma, cheerful]).id)
  })

  test("levels shared by rows come once", () => {
    const other = rowOf("tea", [noComma, twoBullets])
    expect(decomposeAll([row, other]).map((level) => level.level)).toEqual([1, 2, 3, 2])
    // Also where rows have ids of their own.
    const prompts = decomposeAll([{ ...row, id: "1" }, { ...rowOf("tea", [noComma, cheerful]), id: "2" }]).map(({ prompt }) => prompt)
    expect(prompts.length).toBe(new Set(prompts).size)
  })

  test.each([-1, 4, 1.5, NaN])("there is no level %p", (k) => {
    expect(() => levelOf(row, k)).toThrow(PromptError)
  })

  test("a row without constraint texts has no levels below itself", () => {
    const plain = Result.getOrThrow(decodePrompt({
      key: 7,
      prompt: "Write about tea without commas, in 2 bullets.",
      instruction_id_list: [noComma.id, twoBullets.id],
      kwargs: [{}, twoBullets.kwargs]
    }))
    expect(levelOf(plain, 2)).toBe(plain)
    expect(() => decompose(plain)).toThrow(/row "7".*0 constraint texts.*`constraints`/)
  })

  test("neither has a row whose prompt is not told apart from its instruction: it would have the constraints twice", () => {
    const { instruction: _, ...rest } = row
    const whole = Result.getOrThrow(decodePrompt(rest))
    expect(levelOf(whole, 3)).toBe(whole)
    expect(() => decompose(whole)).toThrow(/not told apart from its `instruction`/)
  })
})

describe("statistics", () => {
  test("count instructions and constraints by level", () => {
    const table = statistics(rowsOf([4, 3, 2]))
    expect(table).toEqual([
      { level: 1, instructions: 4, constraints: 4, soft: 0, hard: 4 },
      { level: 2, instructions: 3, constraints: 6, soft: 3, hard: 3 },
      { level: 3, instructions: 2, constraints: 6, soft: 2, hard: 4 }
    ])
    expect(printStatistics(table)).toBe(
      [
        "level  instructions  constraints  soft  hard",
        "   L1             4            4     0     4",
        "   L2             3            6     3     3",
        "   L3             2            6     2     4",
        "  all             9           16     5    11"
      ].join("\n")
    )
  })
})

describe("levels of levels", () => {
  const row = rowOf("tea", [noComma, cheerful, twoBullets])

  test("decomposing twice changes nothing, and the originals can be told", () => {
    const once = decomposeAll([row])
    expect(decomposeAll(once)).toEqual(once)
    expect(originals(once)).toEqual([row])
  })

  test("a reasoning row has no levels and keeps its answer out of the prompt", () => {
    const question = reasoningRow({ id: "answer:math", question: "What is 6 times 7?", answer: "42", source: "q1" })
    expect(decompose(question)).toEqual([question])
    expect(question.prompt).not.toContain("42")
    expect(question).toMatchObject({ domain: "math", answer: "42", source: "q1", kwargs: [{ answer: "42" }] })
    expect(isReasoning(question)).toBe(true)
    expect(isReasoning(row)).toBe(false)
    expect(isReasoning(levelOf(row, 0))).toBe(false)
  })
})
