import { describe, expect, test } from "@jest/globals"
import { decodePrompt, decompose, isSoft, printPrompt, renderPrompt } from "@ifrl/curriculum"
import { Result } from "effect"
import {
  buildWorld,
  conflict,
  demandsOf,
  domains,
  isDomain,
  reasoningProbe,
  splitOfRow,
  splits
} from "../../src/world/index.ts"

const world = buildWorld({ seed: 1, train: 4000, validation: 300, heldOut: 300 })
const all = splits.flatMap((split) => world[split])

describe("buildWorld", () => {
  test("gives the rows that were asked for, all with distinct prompts", () => {
    expect(splits.map((split) => world[split].length)).toEqual([4000, 300, 300])
    expect(new Set(all.map((row) => row.prompt)).size).toBe(4600)
    expect(new Set(all.map((row) => row.id)).size).toBe(4600)
  })

  test("is a function of its seed", () => {
    const small = { train: 50, validation: 20, heldOut: 20 }
    expect(buildWorld({ seed: 1, ...small }).train).toEqual(world.train.slice(0, 50))
    expect(buildWorld({ seed: 2, ...small }).train).not.toEqual(world.train.slice(0, 50))
  })

  test("splits share no prompt, no level of a prompt, no pair of topic and constraint, no problem", () => {
    const seen = new Map<string, string>()
    const shared: Array<string> = []
    for (const split of splits) {
      for (const row of world[split]) {
        const subject = `${row.domain} ${row.subject}`
        const pairs = row.domain === "writing"
          ? demandsOf(row).map((demand) => `${subject} ${JSON.stringify(demand)}`)
          : [subject]
        for (const key of [...decompose(row).map((level) => level.prompt), ...pairs]) {
          if ((seen.get(key) ?? split) !== split) shared.push(key)
          seen.set(key, split)
        }
      }
    }
    expect(shared).toEqual([])
  })

  test("splits stay apart across seeds", () => {
    const other = buildWorld({ seed: 77, train: 100, validation: 100, heldOut: 100 })
    for (const split of splits) {
      expect(new Set(other[split].map(splitOfRow))).toEqual(new Set([split]))
    }
  })

  test("rows are valid: they survive JSONL, their prompts follow the rule, their domains exist", () => {
    const some = all.filter((_, i) => i % 10 === 0)
    expect(some.map((row) => Result.getOrThrow(decodePrompt(JSON.parse(printPrompt(row)))))).toEqual(some)
    expect(all.map((row) => renderPrompt(row.instruction, row.constraints))).toEqual(all.map((row) => row.prompt))
    expect(all.every((row) => isDomain(row.domain))).toBe(true)
  })

  test("each row has one to three constraints, mostly two, at least one of them hard, none in conflict", () => {
    const levels = [0, 0, 0, 0]
    for (const row of all) levels[row.level]!++
    const conflicting = all.filter((row) => {
      const demands = demandsOf(row)
      return demands.some((a, i) => demands.slice(i + 1).some((b) => conflict(a, b)))
    })
    expect(conflicting).toEqual([])
    expect(all.filter((row) => row.instruction_id_list.every(isSoft))).toEqual([])
    // Shares .15, .6, .25 of 4600, five standard deviations.
    expect(levels[0]).toBe(0)
    for (const [level, share] of [[1, 0.15], [2, 0.6], [3, 0.25]] as const) {
      expect(Math.abs(levels[level]! - 4600 * share)).toBeLessThan(5 * Math.sqrt(4600 * share * (1 - share)))
    }
  })

  test("every type, every domain and both kinds of constraint occur in every split", () => {
    const typesOf = (split: (typeof splits)[number]) => new Set(world[split].flatMap((row) => row.instruction_id_list))
    for (const split of splits) {
      expect(typesOf(split).size).toBe(typesOf("train").size)
      expect(new Set(world[split].map((row) => row.domain))).toEqual(new Set(domains))
    }
    expect(typesOf("train").size).toBeGreaterThanOrEqual(12)
  })

  test("soft: 0 leaves hard constraints only", () => {
    const hard = buildWorld({ seed: 1, train: 200, validation: 0, heldOut: 0, soft: 0 }).train
    expect(hard.flatMap((row) => row.instruction_id_list).some(isSoft)).toBe(false)
  })
})

describe("reasoningProbe", () => {
  test("bare problems of one split, half arithmetic, half sorting", () => {
    const probe = reasoningProbe({ seed: 1, count: 300, split: "heldOut" })
    expect(probe.length).toBe(300)
    expect(probe.filter((row) => row.domain === "arithmetic").length).toBe(150)
    expect(new Set(probe.map((row) => row.level))).toEqual(new Set([0]))
    expect(new Set(probe.map(splitOfRow))).toEqual(new Set(["heldOut"]))
  })
})
