// The paper's table of a dataset: instructions and constraints by level, soft and hard; and what the paper does not
// count.
import { isSoft, type PromptRow } from "./PromptRow.ts"
import { isReasoning } from "./Reasoning.ts"

/** One line of the paper's table of levels. */
export interface LevelStatistics {
  readonly level: number
  readonly instructions: number
  readonly constraints: number
  readonly soft: number
  readonly hard: number
}

/** What a dataset consists of. */
export interface DatasetStatistics {
  readonly rows: number
  /** By level, in ascending order; reasoning rows are no instructions with constraints and stand apart. */
  readonly levels: ReadonlyArray<LevelStatistics>
  /** Rows by what a right answer is, `answer:math` and `answer:choice`. */
  readonly reasoning: Readonly<Record<string, number>>
  /** How often each type of constraint occurs, the most frequent first. */
  readonly types: Readonly<Record<string, number>>
}

const count = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

const descending = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)))

/** Statistics that rows are added to one by one. */
export const makeStatistics = () => {
  const levels = new Map<number, LevelStatistics>()
  const reasoning = new Map<string, number>()
  const types = new Map<string, number>()
  let rows = 0
  const add = (row: Pick<PromptRow, "instruction_id_list" | "level">): void => {
    rows++
    const ids = row.instruction_id_list
    if (isReasoning(row)) return count(reasoning, ids[0]!)
    for (const id of ids) count(types, id)
    const soft = ids.filter(isSoft).length
    const line = levels.get(row.level) ?? { level: row.level, instructions: 0, constraints: 0, soft: 0, hard: 0 }
    levels.set(row.level, {
      level: row.level,
      instructions: line.instructions + 1,
      constraints: line.constraints + ids.length,
      soft: line.soft + soft,
      hard: line.hard + ids.length - soft
    })
  }
  const end = (): DatasetStatistics => ({
    rows,
    levels: [...levels.values()].toSorted((a, b) => a.level - b.level),
    reasoning: descending(reasoning),
    types: descending(types)
  })
  return { add, end }
}

/** Instructions and constraints by level, in ascending order. */
export const statistics = (rows: ReadonlyArray<PromptRow>): ReadonlyArray<LevelStatistics> => {
  const all = makeStatistics()
  for (const row of rows) all.add(row)
  return all.end().levels
}

/** The statistics as an aligned table, one line a level and a line of sums. */
export const printStatistics = (table: ReadonlyArray<LevelStatistics>): string => {
  const columns = ["instructions", "constraints", "soft", "hard"] as const
  const sum = columns.map((column) => String(table.reduce((total, line) => total + line[column], 0)))
  const lines = [
    ["level", ...columns],
    ...table.map((line) => [`L${line.level}`, ...columns.map((column) => String(line[column]))]),
    ["all", ...sum]
  ]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines.map((line) => line.map((cell, column) => cell.padStart(widths[column]!)).join("  ")).join("\n")
}

/** All statistics for a person: the table of levels, the reasoning rows and the types. */
export const printDataset = ({ levels, reasoning, rows, types }: DatasetStatistics): string => {
  const width = Math.max(0, ...Object.keys(types).map((id) => id.length))
  return [
    printStatistics(levels),
    "",
    `${rows} rows, of them reasoning: ${Object.entries(reasoning).map(([id, n]) => `${n} ${id}`).join(", ") || "none"}`,
    "",
    ...Object.entries(types).map(([id, n]) => `${id.padEnd(width)}  ${String(n).padStart(6)}`)
  ].join("\n")
}
