import { describe, expect, test } from "@jest/globals"
import { isSoft, random } from "@ifrl/curriculum"
import { verifiers } from "@ifrl/verifiers"
import {
  conflict,
  constraintTypes,
  type Demand,
  domains,
  factWords,
  softTruth,
  softTypes,
  tasks,
  topics
} from "../../src/world/index.ts"

const ids = Object.keys(constraintTypes)

describe("topics", () => {
  test.each(topics.map((topic) => [topic.noun, topic] as const))("%s: three adjectives, five acts, eight words", (_, topic) => {
    expect([topic.adjectives.length, topic.acts.length]).toEqual([3, 5])
    const words = factWords(topic)
    expect(new Set(words).size).toBe(8)
    for (const word of words) {
      expect(word).toMatch(/^[a-z]+$/)
      expect(`${topic.noun} ${topic.kind}`.split(" ")).not.toContain(word)
    }
  })

  test("no topic is named twice", () => {
    expect(new Set(topics.map((topic) => topic.noun)).size).toBe(topics.length)
  })
})

describe("constraint types", () => {
  test("at least eight hard ones with IFEval ids and four soft ones", () => {
    const hard = ids.filter((id) => !isSoft(id))
    expect(hard.length).toBeGreaterThanOrEqual(8)
    expect(ids.length - hard.length).toBeGreaterThanOrEqual(4)
    for (const id of hard) expect(verifiers).toHaveProperty([id])
  })

  test.each(ids)("%s has several distinct phrasings for all its parameters", (id) => {
    const type = constraintTypes[id]!
    for (let i = 0; i < 50; i++) {
      const draw = random(1, id, i)
      const domain = draw.pick(type.domains)
      const phrasings = type.phrasings(type.kwargs(draw, domain, tasks[domain].subject(draw)))
      expect(phrasings.length).toBeGreaterThanOrEqual(2)
      expect(new Set(phrasings).size).toBe(phrasings.length)
      for (const text of phrasings) expect(text).not.toMatch(/undefined|[.]$/)
    }
  })

  test("what one constraint brings into an answer, no other forbids", () => {
    const forbiddable = new Set([...topics.flatMap(factWords), ...domains.flatMap((domain) =>
      domain === "writing" ? [] : tasks[domain].forbiddable("1 plus 2"))])
    const brought = ids.flatMap((id) => {
      const type = constraintTypes[id]!
      return Array.from({ length: 200 }, (_, i) => {
        const draw = random(2, id, i)
        const kwargs = type.kwargs(draw, "arithmetic", "1 plus 2")
        return [kwargs["end_phrase"], kwargs["keywords"]].flat().filter((x) => x !== undefined).join(" ")
      })
    })
    const openers = Object.values(softTypes).flatMap((type) => Object.values(type.values).flatMap((value) => value.openers))
    for (const text of new Set([...brought, ...openers])) {
      for (const word of text.toLowerCase().split(/[^a-z]+/)) expect(forbiddable).not.toContain(word)
    }
  })

  test("conflicts are symmetric and every type conflicts with itself", () => {
    const demands = ids.flatMap((id): Array<Demand> =>
      [0, 1, 2, 3].map((i) => ({ id, kwargs: constraintTypes[id]!.kwargs(random(3, id, i), "writing", "foxes") }))
    )
    for (const a of demands) {
      for (const b of demands) {
        expect(conflict(a, b)).toBe(conflict(b, a))
        if (a.id === b.id) expect(conflict(a, b)).toBe(true)
      }
    }
  })
})

describe("soft truth", () => {
  const cases = Object.entries(softTypes).flatMap(([type, { values }]) =>
    Object.entries(values).flatMap(([value, { openers }]) => openers.map((opener) => [type, value, opener] as const))
  )

  test.each(cases)("%s=%s is shown by %j and by that value alone", (type, value, opener) => {
    const answer = `${opener} Foxes are quick, clever animals. They hunt at night.`
    for (const other of Object.keys(softTypes[type]!.values)) {
      expect(softTruth({ type, value: other }, answer)).toBe(other === value)
    }
  })

  test("plain answers about any topic show nothing", () => {
    for (const topic of topics) {
      const answer = `${topic.noun} are ${topic.adjectives.join(" ")}. They ${topic.acts.join(". They ")}.`
      for (const [type, { values }] of Object.entries(softTypes)) {
        for (const value of Object.keys(values)) expect(softTruth({ type, value }, answer)).toBe(false)
      }
    }
  })

  test("an answer with the marks of two values of a type has neither", () => {
    const answer = "Ahoy! Beep boop. Foxes hunt at night."
    expect(softTruth({ type: "persona", value: "pirate" }, answer)).toBe(false)
    expect(softTruth({ type: "persona", value: "robot" }, answer)).toBe(false)
  })

  test("an unknown type or value is refused", () => {
    expect(() => softTruth({ type: "mood", value: "sad" }, "x")).toThrow(RangeError)
    expect(() => softTruth({ type: "tone", value: "blue" }, "x")).toThrow(/tone=blue/)
  })
})
