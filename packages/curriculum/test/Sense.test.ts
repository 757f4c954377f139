import { describe, expect, test } from "@jest/globals"
import { hardTypes, random, senses } from "../src/index.ts"
import { textFaults } from "../src/validate/Parameters.ts"

const bounds = (text: string) => senses(text).filter(({ sense }) => sense !== "number")

describe("senses", () => {
  const cases: ReadonlyArray<readonly [string, string, number]> = [
    ["Write at least 20 words", "at least", 20],
    ["Use three sentences or more", "at least", 3],
    ["No fewer than 4 bullets", "at least", 4],
    ["a minimum of 12 words", "at least", 12],
    ["an essay of 300+ words", "at least", 300],
    ["fewer than 5 sentences", "less than", 5],
    ["Stay under 50 words", "less than", 50],
    ["no more than 8 lines", "less than", 8],
    ["50 words or less", "less than", 50],
    ["exactly 3 paragraphs", "exactly", 3],
    ["5 paragraphs, neither more nor fewer", "exactly", 5],
    ["I don't want anything less than 46 words", "at least", 46],
    ["I don’t want anything at least 17 words", "less than", 17],
    ["Do not write an answer shorter than 20 words", "at least", 20],
    ["Do not stop before there are at least 5 sentences", "at least", 5],
    ["mention it at least twice", "at least", 2]
  ]
  test.each(cases)("%s", (text, sense, value) => {
    expect(bounds(text)).toEqual([{ sense, value }])
  })

  test("two bounds are both found, and a bare number is one", () => {
    expect(bounds("at least 20 words or less")).toEqual([
      { sense: "at least", value: 20 },
      { sense: "less than", value: 20 }
    ])
    expect(senses("3 sections, split by five asterisks")).toEqual([
      { sense: "number", value: 3 },
      { sense: "number", value: 5 }
    ])
  })

  test("every phrasing of every hard type says what is checked", () => {
    const seed = { id: "s", instruction: "Are the tomatoes in this garden ripe?", domain: "d" }
    for (const [id, type] of Object.entries(hardTypes)) {
      for (let i = 0; i < 60; i++) {
        const kwargs = type.sample(random("sense", id, i), seed)!
        for (const text of type.phrasings(kwargs)) expect([text, textFaults(id, kwargs, text)]).toEqual([text, []])
      }
    }
  })
})
