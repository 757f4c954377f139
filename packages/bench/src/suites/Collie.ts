import { Effect, Schema } from "effect"
import { jsonLines } from "./Lines.ts"
import { type Cell, groupBy, type RecordVerdict, rowsBy, share, type Suite, type SuiteRecord } from "./Suite.ts"

const Line = Schema.Struct({
  id: Schema.NonEmptyString,
  /** Source and structure, `wiki_c14`. */
  group: Schema.NonEmptyString,
  prompt: Schema.NonEmptyString,
  targets: Schema.Unknown,
  constraint: Schema.Unknown
})

const toRecord = ({ constraint, group, id, prompt, targets }: typeof Line.Type): SuiteRecord => ({
  key: id,
  prompt,
  instructions: [{ id: "collie:constraint", kwargs: { constraint, targets } }],
  labels: { group, structure: group.slice(group.indexOf("_") + 1), source: group.slice(0, group.indexOf("_")) }
})

const satisfied = ({ instructions }: RecordVerdict): boolean => instructions.every(({ strict }) => strict)

/** Mean and its standard error, `sqrt(p (1 - p) / n)`. */
const rate = (verdicts: ReadonlyArray<RecordVerdict>): Cell => {
  const cell = share(verdicts.map(satisfied))
  return { ...cell, error: cell.count === 0 ? 0 : Math.sqrt((cell.value * (1 - cell.value)) / cell.count) }
}

/** The mean of the groups' rates, each structure counting alike, and the standard error of that mean. */
const acrossGroups = (verdicts: ReadonlyArray<RecordVerdict>): Cell => {
  const rates = [...groupBy(verdicts, ({ record }) => record.labels["structure"]!).values()].map((group) => rate(group).value)
  const mean = rates.reduce((a, b) => a + b, 0) / Math.max(1, rates.length)
  const variance = rates.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, rates.length - 1)
  return { value: mean, count: rates.length, error: Math.sqrt(variance / Math.max(1, rates.length)) }
}

const by = (label: "structure" | "source" | "group") => (verdicts: ReadonlyArray<RecordVerdict>) =>
  rowsBy(verdicts, ({ record }) => record.labels[label]!, (group) => ({ satisfied: rate(group) }))

/** 2,080 prompts of 13 constraint structures, each with one constraint of a compositional language. */
export const collie: Suite = {
  name: "collie",
  title: "Collie",
  paper: "COLLIE: Systematic Construction of Constrained Text Generation Tasks, arXiv 2307.08689",
  checker: "princeton-nlp/Collie @efce1c88",
  files: ["collie/collie_v1.jsonl"],
  source: "https://github.com/princeton-nlp/Collie, data/all_data.dill with its constraints written as JSON",
  loose: false,
  read: ([path]) => jsonLines(path!, Line).pipe(Effect.map((lines) => lines.map(toRecord))),
  headline: (verdicts) => ({
    title: "Constraints satisfied",
    head: "mean over",
    rows: { prompts: { satisfied: rate(verdicts) }, structures: { satisfied: acrossGroups(verdicts) } },
    note: "± one standard error."
  }),
  breakdowns: (verdicts) => [
    { title: "By structure", head: "structure", rows: by("structure")(verdicts) },
    { title: "By source", head: "source", rows: by("source")(verdicts) },
    { title: "By source and structure", head: "group", rows: by("group")(verdicts) }
  ],
  caveats: []
}
