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

const world = buildWorld({ seed: 1, train: 4000, validation: 500, heldOut: 500 })
const all = splits.flatMap((split) => world[split])

describe("buildWorld", () => {
  test("gives the rows that were asked for, all with distinct prompts", () => {
    expect(splits.map((split) => world[split].length)).toEqual([4000, 500, 500])
    expect(new Set(all.map((row) => row.prompt)).size).toBe(5000)
    expect(new Set(all.map((row) => row.id)).size).toBe(5000)
  })

  test("is a function of its seed", () => {
    const small = { train: 50, validation: 20, heldOut: 20 }
    expect(buildWorld({ seed: 1, ...small }).train).toEqual(world.train.slice(0, 50))
    expect(buildWorld({ seed: 2, ...small }).train).not.toEqual(world.train.slice(0, 50))
  })

  test("splits share no prompt, no level of a prompt, no pair of topic and constraint, no problem", () => {
    const seen = new Map<string, string>()
    for (const split of splits) {
      for (const row of world[split]) {
        const subject = `${row.domain} ${row.subject}`
        const pairs = row.domain === "writing"
          ? demandsOf(row).map((demand) => `${subject} ${JSON.stringify(demand)}`)
          : [subject]
        for (const key of [...decompose(row).map((level) => level.prompt), ...pairs]) {
          expect(seen.get(key) ?? split).toBe(split)
          seen.set(key, split)
        }
      }
    }
  })

  test("splits stay apart across seeds", () => {
    const other = buildWorld({ seed: 77, train: 300, validation: 300, heldOut: 300 })
    for (const split of splits) {
      for (const row of other[split]) expect(splitOfRow(row)).toBe(split)
    }
  })

  test("rows are valid: they survive JSONL, their prompts follow the rule, their domains exist", () => {
    for (const row of all.filter((_, i) => i % 5 === 0)) {
      expect(decodePrompt(JSON.parse(printPrompt(row)))).toEqual(Result.succeed(row))
      expect(row.prompt).toBe(renderPrompt(row.instruction, row.constraints))
      expect(isDomain(row.domain)).toBe(true)
    }
  })

  test("each row has one to three constraints, mostly two, at least one of them hard, none in conflict", () => {
    const levels = [0, 0, 0, 0]
    for (const row of all) {
      levels[row.level]!++
      expect(row.instruction_id_list.some((id) => !isSoft(id))).toBe(true)
      const demands = demandsOf(row)
      for (const [i, a] of demands.entries()) {
        for (const b of demands.slice(i + 1)) expect(conflict(a, b)).toBe(false)
      }
    }
    // Shares .15, .6, .25 of 5000, five standard deviations.
    expect(levels[0]).toBe(0)
    for (const [level, share] of [[1, 0.15], [2, 0.6], [3, 0.25]] as const) {
      expect(Math.abs(levels[level]! - 5000 * share)).toBeLessThan(5 * Math.sqrt(5000 * share * (1 - share)))
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
    for (const row of probe) {
      expect(row.level).toBe(0)
      expect(splitOfRow(row)).toBe("heldOut")
    }
  })
})
