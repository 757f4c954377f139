import { describe, expect, test } from "@jest/globals"
import { random } from "@ifrl/curriculum"
import { domains, tasks } from "../../src/world/index.ts"

describe("arithmetic", () => {
  const { answer, phrasings, think } = tasks.arithmetic

  test("is done from left to right, step by step", () => {
    expect(think("7 plus 5 minus 3")).toBe("7 plus 5 is 12. 12 minus 3 is 9.")
    expect(answer("7 plus 5 minus 3")).toBe("9")
  })

  test("is asked for in three ways", () => {
    expect(phrasings("7 plus 5 minus 3")).toEqual([
      "What is 7 plus 5 minus 3?",
      "Compute 7 plus 5 minus 3.",
      "Tom has 7 coins and gets 5 and loses 3. How many are there?"
    ])
  })

  test("never goes below zero", () => {
    for (let i = 0; i < 500; i++) {
      expect(think(tasks.arithmetic.subject(random(1, i)))).toMatch(/^(\d+ (plus|minus) \d is \d+\. ?){2}$/)
    }
  })
})

describe("sorting", () => {
  const { answer, think } = tasks.sorting

  test("lists the numbers in rising order", () => {
    expect(think("9 1 7 4")).toBe("1 then 4 then 7 then 9.")
    expect(answer("9 1 7 4")).toBe("1 4 7 9")
  })

  test("has four different digits", () => {
    for (let i = 0; i < 200; i++) expect(new Set(tasks.sorting.subject(random(2, i)).split(" ")).size).toBe(4)
  })
})

test("the shares of the kinds of work add up", () => {
  expect(domains.reduce((sum, domain) => sum + tasks[domain].share, 0)).toBeCloseTo(1, 12)
})

test("a topic that the world does not know is refused", () => {
  expect(() => tasks.writing.relevance("unicorns", "x")).toThrow(/unicorns/)
})
