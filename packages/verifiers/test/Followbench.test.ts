import { expect } from "@jest/globals"
import { followbench, followbenchInstruction, type FollowBenchRecord, prepare, verify, VerifierError } from "../src/index.ts"
import { readJson, readLines, reportParity, testWithData } from "./support/Data.ts"

interface Vector {
  readonly rule: string
  readonly example_id: number
  readonly level: number
  readonly target?: string
  readonly template?: string
  readonly generation: string
  readonly expected: boolean
}

const instructionOf = ({ example_id, level, rule, target, template }: Vector) =>
  rule === "example_match"
    ? { id: "followbench:example", kwargs: { target: template } }
    : { id: `followbench:${rule === "format" ? `format_${example_id}` : rule}`, kwargs: { level, target } }

const rules = "followbench/rule_vectors.jsonl"
testWithData([rules], "FollowBench: rule vectors", () => {
  const vectors = readLines<Vector>(rules)
  expect(vectors).toHaveLength(872)
  const bad = vectors.filter((vector) => {
    const prepared = prepare(instructionOf(vector))
    return prepared instanceof VerifierError || prepared.check(vector.generation) !== vector.expected
  })
  expect(bad).toEqual([])
  reportParity("FollowBench's rules", vectors.length)
})

const files = ["content", "situation", "style", "format", "mixed", "example"].map((kind) => `followbench/data/${kind}_constraints.json`)
testWithData(files, "FollowBench: every record is either checked by a rule or left to a judge", () => {
  const records = files.flatMap((file) => readJson<Array<FollowBenchRecord>>(file))
  const instructions = records.flatMap((record) => followbenchInstruction(record) ?? [])
  expect(new Set(instructions.map(({ id }) => id)).size).toBe(Object.keys(followbench).length)
  expect(instructions.filter((instruction) => verify(instruction, "text")._tag !== "Decided")).toEqual([])
})
