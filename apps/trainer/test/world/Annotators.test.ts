import { describe, expect, test } from "@jest/globals"
import { isSoft, random } from "@ifrl/curriculum"
import { buildWorld, constraintTypes, corpus, type Demonstration, demonstrate, imperfect, judge } from "../../src/world/index.ts"

const world = buildWorld({ seed: 1, train: 2000, validation: 0, heldOut: 0 })
const demonstrations = [...corpus({ seed: 1, rows: world.train, count: 6000 })]
const constrained = demonstrations.filter(({ row }) => row.level > 0)
const responseOf = ({ messages }: Demonstration) => messages[1].content

describe("corpus", () => {
  test("demonstrations are always on topic, in form, and report truly what they follow", () => {
    const some = demonstrations.slice(0, 3000)
    const judged = some.map((demonstration) => judge(demonstration.row, responseOf(demonstration)))
    expect(judged.map(({ followed }) => followed)).toEqual(some.map(({ followed }) => followed))
    expect(judged.filter(({ format, relevance }) => !format || relevance < 1)).toEqual([])
    for (const { messages, row } of some.slice(0, 100)) {
      expect(messages.map(({ role }) => role)).toEqual(["user", "assistant"])
      expect(messages[0].content).toBe(row.prompt)
    }
  })

  test.each(Object.keys(constraintTypes))("%s is followed about as often as its table says", (id) => {
    const seen = constrained.flatMap(({ followed, row }) => {
      const index = row.instruction_id_list.indexOf(id)
      return index < 0 ? [] : [followed[index]!]
    })
    expect(seen.length).toBeGreaterThan(150)
    const rate = seen.filter(Boolean).length / seen.length
    const expected = constraintTypes[id]!.rate
    // Four standard errors, and what comes about by itself.
    const error = 4 * Math.sqrt(expected * (1 - expected) / seen.length)
    expect(rate).toBeGreaterThan(expected - error)
    expect(rate).toBeLessThan(expected + error + 0.03)
  })

  test("leave a supervised model room: all hard constraints of a prompt with several are followed in 0.25 to 0.45", () => {
    const several = constrained.filter(({ row }) => row.level > 1)
    const strict = several.filter(({ followed, row }) =>
      row.instruction_id_list.every((id, i) => isSoft(id) || followed[i]!)
    )
    expect(strict.length / several.length).toBeGreaterThan(0.25)
    expect(strict.length / several.length).toBeLessThan(0.45)
  })

  test("plans name exactly the constraints that were attended to", () => {
    const titled = constrained.flatMap((demonstration) => {
      const index = demonstration.row.instruction_id_list.indexOf("detectable_format:title")
      const planned = responseOf(demonstration).split("</think>")[0]!.includes(" Title.")
      return index < 0 ? [] : [planned === demonstration.followed[index]]
    })
    expect(titled.length).toBeGreaterThan(500)
    expect(titled.every(Boolean)).toBe(true)
  })

  test("the given share is of bare instructions", () => {
    const bare = demonstrations.length - constrained.length
    expect(Math.abs(bare - 600)).toBeLessThan(5 * Math.sqrt(6000 * 0.1 * 0.9))
    expect([...corpus({ seed: 1, rows: world.train, count: 200, bare: 0 })].every(({ row }) => row.level > 0)).toBe(true)
  })

  test("is a function of its seed, number by number, and differs from round to round", () => {
    const few = world.train.slice(0, 40)
    const take = (seed: number, count: number) => [...corpus({ seed, rows: few, count })]
    expect(take(1, 120)).toEqual(take(1, 120))
    expect(take(1, 50)).toEqual(take(1, 120).slice(0, 50))
    expect(take(2, 40)).not.toEqual(take(1, 40))
    const rounds = take(1, 80).map(responseOf)
    expect(new Set(rounds.slice(0, 40)).size).toBeGreaterThan(30)
    expect(rounds.slice(0, 40).toSorted()).not.toEqual(rounds.slice(40).toSorted())
  })

  test("is short: a prompt and a response of at most 40 words, a dozen and two dozen in the mean", () => {
    const count = (text: string) => text.split(/\s+/).length
    const mean = (xs: ReadonlyArray<number>) => xs.reduce((sum, x) => sum + x, 0) / xs.length
    const prompts = demonstrations.map(({ messages }) => count(messages[0].content))
    const responses = demonstrations.map((demonstration) => count(responseOf(demonstration)))
    expect(Math.max(...prompts, ...responses)).toBeLessThanOrEqual(48)
    expect(mean(prompts)).toBeLessThan(16)
    expect(mean(responses)).toBeLessThan(26)
  })
})

test("an annotator that follows nothing leaves every constraint unfollowed", () => {
  let followed = 0
  let total = 0
  for (const row of world.train.slice(0, 500)) {
    const demonstration = demonstrate(row, random(8, row.id), () => 0)
    followed += demonstration.followed.filter(Boolean).length
    total += row.level
  }
  expect(followed / total).toBeLessThan(0.01)
  expect(imperfect("detectable_format:title")).toBe(constraintTypes["detectable_format:title"]!.rate)
})
