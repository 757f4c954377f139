import { describe, expect, test } from "@jest/globals"
import type { ChatTokenizer } from "@ifrl/models"
import { random } from "@ifrl/curriculum"
import { gap, RewardModelError, rewardTemplate, rewardTemplates } from "../src/index.ts"

/** One token a character, so that what is kept can be read off. */
const characters = {
  encode: (text: string) => Int32Array.from(Array.from(text), (c) => c.codePointAt(0)!)
} as ChatTokenizer
const textOf = (tokens: Int32Array) => Array.from(tokens, (t) => String.fromCodePoint(t)).join("")

const pair = { constraint: "Use a sad tone", response: "Alas. Foxes sleep.", instruction: "Write about foxes." }

describe("rewardTemplate", () => {
  test("renders what the model reads", () => {
    expect(rewardTemplate(rewardTemplates.constraint).render(pair)).toBe(
      "Constraint: Use a sad tone\nResponse: Alas. Foxes sleep.\nFollowed:"
    )
    expect(rewardTemplate(rewardTemplates.instruction).render(pair)).toBe(
      "Instruction: Write about foxes.\nConstraint: Use a sad tone\nResponse: Alas. Foxes sleep.\nFollowed:"
    )
  })

  test("takes nothing that a pair says for a slot", () => {
    const sly = { constraint: "Say {response}", response: "{constraint} {instruction} $&", instruction: "" }
    expect(rewardTemplate(rewardTemplates.constraint).render(sly)).toBe(
      "Constraint: Say {response}\nResponse: {constraint} {instruction} $&\nFollowed:"
    )
  })

  test.each([
    ["Response: {response}\nFollowed:", "holds {constraint} 0 times"],
    ["{constraint} {response} {response} so:", "holds {response} 2 times"],
    ["{instruction} {instruction} {constraint} {response} so:", "holds {instruction} more than once"],
    ["{response}\n{constraint}", "ends in what it is given"]
  ])("refuses %j", (text, reason) => {
    expect(() => rewardTemplate(text)).toThrow(RewardModelError)
    expect(() => rewardTemplate(text)).toThrow(reason)
  })

  test("the constraint is never truncated: random pairs at random lengths keep it whole, or are refused", () => {
    const draw = random(7, "template")
    const words = (n: number) => Array.from({ length: n }, () => draw.pick(["fox", "sad", "😀", "é", "a,", "{response}"])).join(" ")
    let refused = 0
    for (let i = 0; i < 400; i++) {
      const template = rewardTemplate(draw.pick(Object.values(rewardTemplates)))
      const some = { constraint: words(1 + draw.int(12)), response: words(draw.int(80)), instruction: words(draw.int(60)) }
      const maxLength = 40 + draw.int(200)
      const bare = Array.from(template.render({ ...some, instruction: "", response: gap })).length
      if (Array.from(template.render(some)).length > maxLength && bare > maxLength) {
        refused++
        expect(() => template.encode(characters, some, maxLength)).toThrow("rewardModel.maxLength")
        continue
      }
      const tokens = template.encode(characters, some, maxLength)
      expect(tokens.length).toBeLessThanOrEqual(maxLength)
      expect(textOf(tokens)).toContain(`Constraint: ${some.constraint}\nResponse: `)
      expect(textOf(tokens).endsWith("\nFollowed:")).toBe(true)
    }
    expect(refused).toBeGreaterThan(10)
  })

  test("a long response keeps its head and its tail, and fills what is allowed", () => {
    const template = rewardTemplate(rewardTemplates.constraint)
    const long = { ...pair, response: `start ${"x".repeat(500)} end` }
    const text = textOf(template.encode(characters, long, 100))
    expect(Array.from(text).length).toBe(100)
    expect(text).toMatch(/Response: start x+ \.\.\. x+ end\nFollowed:$/)
  })

  test("a long instruction keeps its beginning, in a quarter of what is free", () => {
    const template = rewardTemplate(rewardTemplates.instruction)
    const text = textOf(template.encode(characters, { ...pair, instruction: "i".repeat(900), response: "r".repeat(900) }, 200))
    expect(Array.from(text).length).toBe(200)
    const [, kept] = /^Instruction: (i+)\n/.exec(text)!
    const bare = Array.from(template.render({ ...pair, instruction: "", response: gap })).length
    expect(kept!.length).toBe(Math.floor((200 - bare) / 4))
  })
})
