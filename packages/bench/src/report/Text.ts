// A result as text for a terminal.
import type { SuiteResult } from "../SuiteResult.ts"
import type { Table } from "../suites/Suite.ts"
import { columnsOf, formatCount, formatValue, namedVerdict, some, spread } from "./Format.ts"

/** A table with its columns aligned: labels to the left, figures to the right. */
export const printTable = (table: Table): string => {
  const columns = columnsOf(table)
  const lines = [
    [table.head, ...columns.flatMap((column) => [column, ""])],
    ...Object.entries(table.rows).map(([label, cells]) => [
      label,
      ...columns.flatMap((column) => {
        const cell = cells[column]
        return cell === undefined ? ["", ""] : [formatValue(cell), formatCount(cell)]
      })
    ])
  ]
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
  const pad = (text: string, i: number) => i === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[i]!)
  return lines.map((line) => `  ${line.map(pad).join("  ").trimEnd()}`).join("\n")
}

const plural = (n: number, one: string) => `${n.toLocaleString("en-US")} ${one}${n === 1 ? "" : "s"}`

/** What is said about the responses before any figure. */
const provenance = ({ responses: { duplicates, missing, rows, unmatched } }: SuiteResult): ReadonlyArray<string> => [
  plural(rows, "response"),
  ...(missing.length === 0 ? [] : [`${plural(missing.length, "prompt")} without one, counted as failed: ${some(missing, 5)}`]),
  ...(unmatched.length === 0 ? [] : [`${plural(unmatched.length, "row")} of no prompt: line ${some(unmatched, 5)}`]),
  ...(duplicates.length === 0 ? [] : [`${plural(duplicates.length, "row")} said before: line ${some(duplicates, 5)}`])
]

const settings = ({ settings }: SuiteResult): ReadonlyArray<string> => {
  const entries = Object.entries(settings).map(([name, value]) => `${name} ${typeof value === "string" ? value || "none" : JSON.stringify(value)}`)
  return entries.length === 0 ? [] : [entries.join(", ")]
}

/** The figures as papers quote them, then by type, then what to be careful about. */
export const printSuiteResult = (result: SuiteResult): string => {
  const { answered, breakdowns, caveats, checker, headline } = result
  const section = (title: string, table: Table) => `${title}\n${table.note === undefined ? "" : `  ${table.note}\n`}${printTable(table)}`
  return [
    [
      `${result.title}: ${plural(result.prompts, "prompt")}, ${plural(result.instructions, "instruction")}`,
      ...provenance(result).map((line) => `  ${line}`),
      ...settings(result).map((line) => `  ${line}`),
      `  verdicts of ${checker.reproduces}, by @ifrl/verifiers ${checker.versions["@ifrl/verifiers"]}`
    ].join("\n"),
    section(headline.title, headline),
    ...(answered === undefined ? [] : [section(answered.title, answered)]),
    ...breakdowns.map((table) => section(table.title, table)),
    ...(caveats.length === 0 ? [] : [[
      "Verdicts that the original may give differently",
      ...caveats.map(({ between, named, reason, verdicts }) =>
        [
          `  ${plural(verdicts, "verdict")}: ${reason}`,
          ...named.slice(0, 24).map((one) => `    ${namedVerdict(one)}`),
          ...(named.length > 24 ? [`    and ${named.length - 24} more`] : []),
          `    according to how they come out: ${spread(between)}`
        ].join("\n")
      )
    ].join("\n")])
  ].join("\n\n")
}
