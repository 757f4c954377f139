import { describe, expect, test } from "@jest/globals"
import { random } from "@ifrl/curriculum"
import { domains, tasks } from "../../src/world/index.ts"

describe("arithmetic", () => {
  const { answer, phrasings, subject, think } = tasks.arithmetic

  test.each([
    ["17 plus 25", "7 plus 5 is 12. 1 plus 2 plus 1 is 4.", "42"],
    ["34 plus 25", "4 plus 5 is 9. 3 plus 2 is 5.", "59"],
    ["52 minus 27", "12 minus 7 is 5. 5 minus 2 minus 1 is 2.", "25"],
    ["58 minus 27", "8 minus 7 is 1. 5 minus 2 is 3.", "31"],
    ["40 minus 40", "0 minus 0 is 0. 4 minus 4 is 0.", "0"]
  ])("%s is done column by column", (problem, thought, result) => {
    expect(think(problem)).toBe(thought)
    expect(answer(problem)).toBe(result)
  })

  test("the digits that the thought arrives at are those of the answer", () => {
    const wrong = Array.from({ length: 1000 }, (_, i) => subject(random(1, i))).filter((problem) => {
      const [ones, tens] = [...think(problem).matchAll(/ is (\d+)/g)].map(([, digits]) => Number(digits))
      return String(10 * tens! + ones! % 10) !== answer(problem) || Number(answer(problem)) > 99
    })
    expect(wrong).toEqual([])
  })

  test("is asked for in three ways", () => {
    expect(phrasings("52 minus 27")).toEqual([
      "What is 52 minus 27?",
      "Take 27 from 52.",
      "Tom has 52 coins and loses 27. How many are there?"
    ])
  })
})

describe("sorting", () => {
  const { answer, subject, think } = tasks.sorting

  test("lists the numbers in rising order, by value and not by first digit", () => {
    expect(think("31 7 22")).toBe("7 then 22 then 31.")
    expect(answer("31 7 22")).toBe("7 22 31")
  })

  test("has three different numbers", () => {
    const sizes = Array.from({ length: 200 }, (_, i) => new Set(subject(random(2, i)).split(" ")).size)
    expect(new Set(sizes)).toEqual(new Set([3]))
  })
})

test("the shares of the kinds of work add up", () => {
  expect(domains.reduce((sum, domain) => sum + tasks[domain].share, 0)).toBeCloseTo(1, 12)
})

test("a topic that the world does not know is refused", () => {
  expect(() => tasks.writing.relevance("unicorns", "x")).toThrow(/unicorns/)
})
