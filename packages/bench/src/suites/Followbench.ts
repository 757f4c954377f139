// FollowBench's records that rules decide. Most of its records are left to a judge model and are not part of this suite.
import { followbenchInstruction } from "@ifrl/verifiers"
import { Effect, Schema } from "effect"
import { json } from "./Lines.ts"
import { type Cell, groupBy, type RecordVerdict, rowsBy, share, type Suite, type SuiteRecord } from "./Suite.ts"

const types = ["content", "situation", "style", "format", "mixed", "example"] as const

const Line = Schema.Struct({
  example_id: Schema.Int,
  source: Schema.String,
  /** How many constraints the instruction has; 0 is the instruction without any. */
  level: Schema.Int,
  instruction: Schema.String,
  target: Schema.String
})
type Line = typeof Line.Type

const toRecords = (type: typeof types[number], lines: ReadonlyArray<Line>): ReadonlyArray<SuiteRecord> =>
  lines.flatMap((line) => {
    // The file's type: in the mixed file, categories are those of the constraints.
    const instruction = followbenchInstruction({ ...line, category: type })
    return instruction === undefined ? [] : [{
      key: `${type}/${line.example_id}/${line.level}`,
      prompt: line.instruction,
      instructions: [instruction],
      labels: { type, group: `${type}/${line.example_id}`, level: `L${line.level}` }
    }]
  })

const satisfied = ({ instructions }: RecordVerdict): boolean => instructions.every(({ strict }) => strict)

/** How many levels of a group are satisfied from the first on without a gap. */
const consecutive = (group: ReadonlyArray<RecordVerdict>): number => {
  const levels = group.toSorted((a, b) => a.record.labels["level"]! < b.record.labels["level"]! ? -1 : 1).map(satisfied)
  const gap = levels.indexOf(false)
  return gap === -1 ? levels.length : gap
}

/** Hard satisfaction rate of each level, their mean, and the consistent satisfaction levels. */
const row = (verdicts: ReadonlyArray<RecordVerdict>): Readonly<Record<string, Cell>> => {
  const levels = rowsBy(verdicts, ({ record }) => record.labels["level"]!, (level) => ({ HSR: share(level.map(satisfied)) }))
  const groups = [...groupBy(verdicts, ({ record }) => record.labels["group"]!).values()]
  const rates = Object.entries(levels).map(([level, { HSR }]) => [level, HSR!] as const)
  return {
    ...Object.fromEntries(rates),
    mean: { value: rates.reduce((sum, [, { value }]) => sum + value, 0) / Math.max(1, rates.length), count: rates.length },
    CSL: { value: groups.reduce((sum, group) => sum + consecutive(group), 0) / Math.max(1, groups.length), unit: "levels", count: groups.length }
  }
}

/** The 350 records with a constraint that rules decide, of 820. */
export const followbench: Suite = {
  name: "followbench",
  title: "FollowBench (rule-checked records)",
  paper: "FollowBench: A Multi-level Fine-grained Constraints Following Benchmark for Large Language Models, arXiv 2310.20410",
  checker: "YJiangcm/FollowBench @6278f4c1",
  files: types.map((type) => `followbench/data/${type}_constraints.json`),
  source: "https://github.com/YJiangcm/FollowBench/tree/main/data",
  loose: false,
  read: (paths) =>
    Effect.forEach(types, (type, i) => json(paths[i]!, Schema.Array(Line)).pipe(Effect.map((lines) => toRecords(type, lines)))).pipe(
      Effect.map((records) => records.flat())
    ),
  headline: (verdicts) => ({
    title: "Hard satisfaction rate by level",
    head: "level",
    rows: Object.fromEntries(Object.entries(row(verdicts)).map(([name, cell]) =>
      name === "CSL" ? ["all levels", { CSL: cell }] : [name, { HSR: cell }]
    )),
    note: "Soft satisfaction equals hard satisfaction where rules decide. CSL: consecutive levels satisfied from the first on, 0 to 5. " +
      "The published figures of a type pool these records with those that a model judges."
  }),
  breakdowns: (verdicts) => [
    { title: "By type of constraint", head: "type", rows: rowsBy(verdicts, ({ record }) => record.labels["type"]!, row) },
    {
      title: "By rule",
      head: "rule",
      rows: rowsBy(verdicts, ({ record }) => record.instructions[0]!.id, (group) => ({ HSR: share(group.map(satisfied)) }))
    }
  ],
  caveats: []
}
