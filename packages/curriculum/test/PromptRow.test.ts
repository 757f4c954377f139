import { describe, expect, test } from "@jest/globals"
import { constraintsOf, contentId, isSoft, promptRow, renderPrompt } from "../src/index.ts"
import { cheerful, noComma, rowOf, twoBullets } from "./Rows.ts"

describe("renderPrompt", () => {
  test.each([
    [["Use no commas", "Add a title"], "Write. Use no commas. Add a title."],
    [["Is it short?", "Stop there."], "Write. Is it short? Stop there."],
    [["End with \"Bye.\""], "Write. End with \"Bye.\"."],
    [[], "Write."]
  ])("%j", (constraints, prompt) => {
    expect(renderPrompt("Write.", constraints)).toBe(prompt)
  })
})

describe("promptRow", () => {
  test("puts constraints into IFEval's aligned lists, with the truth of soft ones beside them", () => {
    expect(rowOf("tea", [twoBullets, cheerful])).toMatchObject({
      prompt: "Write about tea. Use 2 bullets. Sound cheerful.",
      instruction: "Write about tea.",
      instruction_id_list: ["detectable_format:number_bullet_lists", "soft:tone"],
      kwargs: [{ num_bullets: 2 }, {}],
      constraints: ["Use 2 bullets", "Sound cheerful"],
      level: 2,
      soft: [{ index: 1, type: "tone", value: "cheerful" }]
    })
  })

  test("constraintsOf gives the constraints back", () => {
    const constraints = [noComma, cheerful, twoBullets]
    expect(constraintsOf(rowOf("tea", constraints))).toEqual(constraints)
  })

  test("soft constraints are those whose ids say so", () => {
    expect([noComma, cheerful].map(({ id }) => isSoft(id))).toEqual([false, true])
  })
})

describe("contentId", () => {
  const content = { prompt: "p", instruction_id_list: ["a"], kwargs: [{ x: 1, y: [1, 2] }] }

  test("is a fixed function of the content", () => {
    // sha256sum of ["p",["a"],[[["x",1],["y",[1,2]]]]] begins with these digits.
    expect(contentId(content)).toBe("ed7ad567e2057b2c")
  })

  test("does not depend on the order of members, and depends on everything else", () => {
    expect(contentId({ ...content, kwargs: [{ y: [1, 2], x: 1 }] })).toBe(contentId(content))
    const others = [
      { ...content, prompt: "q" },
      { ...content, instruction_id_list: ["b"] },
      { ...content, kwargs: [{ x: 2, y: [1, 2] }] },
      { ...content, kwargs: [{ x: 1, y: [2, 1] }] },
      { ...content, kwargs: [{ x: "1", y: [1, 2] }] }
    ].map(contentId)
    expect(new Set([contentId(content), ...others]).size).toBe(6)
  })

  test("ignores what a model does not see", () => {
    const parts = { instruction: "Write.", constraints: [noComma] }
    expect(promptRow({ ...parts, domain: "a", parent: "p" }).id).toBe(promptRow({ ...parts, domain: "b" }).id)
  })
})
