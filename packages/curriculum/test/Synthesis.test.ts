import { describe, expect, test } from "@jest/globals"
import { verify } from "@ifrl/verifiers"
import { Schema } from "effect"
import {
  examineRow,
  hardTypes,
  isSatisfiable,
  isSoft,
  promptRow,
  rowOfSeed,
  sampleConstraints,
  type Seed,
  softType,
  softTypes,
  SynthesisConfig,
  taxonomy
} from "../src/index.ts"
import { witness } from "./Witness.ts"

const config = (rest: object = {}) => Schema.decodeUnknownSync(SynthesisConfig)(rest)

const instructions = [
  "Describe a rainy day in a harbor town.",
  "Is it healthy to drink coffee in the evening?",
  "Summarize the plot of a film that you like, in your own words, for a friend.",
  "List three ways to save water at home and say which is cheapest.",
  "Erkläre, wie ein Segelboot gegen den Wind fährt.",
  "翻译这个句子。",
  "Input: [1, 2, 3]. Reverse the list, then add \"done\"."
]
const seedOf = (i: number): Seed => ({
  id: `s${i}`,
  instruction: `${instructions[i % instructions.length]!}`,
  domain: "d"
})
const rowsOf = (count: number, rest: object = {}) =>
  Array.from({ length: count }, (_, i) =>
    rowOfSeed(seedOf(i), sampleConstraints(config(rest), taxonomy, seedOf(i), i)!)
  )

const rows = rowsOf(700)

describe("synthesized rows", () => {
  test("have five constraints of different types, and all 50 types occur", () => {
    for (const row of rows) expect(new Set(row.instruction_id_list).size).toBe(5)
    const more = rowsOf(1400, { hardShare: 0.5, seed: 2 })
    expect(new Set([...rows, ...more].flatMap((row) => row.instruction_id_list))).toEqual(
      new Set(Object.keys(taxonomy))
    )
  })

  test("have nothing wrong: no fault, and no pair that is kept apart", () => {
    for (const row of rows) expect([row.prompt, examineRow(row)]).toEqual([row.prompt, []])
  })

  test("can be satisfied: a response is put together that follows every hard constraint, as the verifiers decide", () => {
    const unmet = rowsOf(500, { hardShare: 0.8, seed: 3 })
      .concat(rows)
      .flatMap((row) => {
        const response = witness(row)
        const failed = row.instruction_id_list.filter((id, i) => {
          if (isSoft(id)) return false
          const verdict = verify({ id, kwargs: row.kwargs[i]! }, response)
          return verdict._tag !== "Decided" || !verdict.followed
        })
        return failed.length === 0 ? [] : [{ failed, constraints: row.constraints, response }]
      })
    expect(unmet.slice(0, 3)).toEqual([])
  })

  test("have the share of hard constraints that is asked for, or a little less where hard ones do not go together", () => {
    const share = (rows: ReadonlyArray<{ instruction_id_list: ReadonlyArray<string> }>) => {
      const ids = rows.flatMap((row) => row.instruction_id_list)
      return ids.filter((id) => !isSoft(id)).length / ids.length
    }
    expect(share(rows)).toBeGreaterThan(0.33)
    expect(share(rows)).toBeLessThan(0.42)
    expect(share(rowsOf(100, { hardShare: 0 }))).toBe(0)
  })

  test("follow from the seed alone, whatever was made before", () => {
    const again = rowOfSeed(seedOf(77), sampleConstraints(config(), taxonomy, seedOf(77), 77)!)
    expect(again).toEqual(rows[77])
    expect(rowsOf(20, { seed: 1 }).map(({ id }) => id)).not.toEqual(rows.slice(0, 20).map(({ id }) => id))
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
  })

  test("leave out the types that are not wanted, and use those that a user adds", () => {
    const without = Object.keys(hardTypes)
    expect(rowsOf(50, { without }).every((row) => row.instruction_id_list.every(isSoft))).toBe(true)
    const mine = softType({ description: "Mentions a planet.", values: ["Mars"], templates: ["Mention {}"] })
    const only = { "soft:planet": mine, "soft:tone": softTypes["soft:tone"]! }
    const constraints = sampleConstraints(config({ constraints: 2 }), only, seedOf(0), 0)!
    expect(constraints.map(({ id }) => id).toSorted()).toEqual(["soft:planet", "soft:tone"])
    expect(sampleConstraints(config({ constraints: 3 }), only, seedOf(0), 0)).toBeUndefined()
  })
})

test("isSatisfiable refuses what is kept apart, what the authors keep apart, and what is impossible", () => {
  const sections = {
    id: "detectable_format:multiple_sections",
    kwargs: { section_spliter: "Section", num_sections: 3 }
  }
  const of = (id: string, kwargs = {}) => ({ id, kwargs })
  expect(isSatisfiable(taxonomy, [sections, of("change_case:english_lowercase")])).toBe(false)
  expect(isSatisfiable(taxonomy, [of("startend:quotation"), of("detectable_format:title")])).toBe(false)
  expect(isSatisfiable(taxonomy, [of("soft:tone"), of("soft:contradictory")])).toBe(false)
  expect(isSatisfiable(taxonomy, [sections, of("punctuation:no_comma"), of("soft:tone")])).toBe(true)
  expect(promptRow({ instruction: "a", constraints: [], domain: "d" }).level).toBe(0)
})
