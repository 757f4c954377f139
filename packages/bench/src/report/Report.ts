// A result as one HTML page that needs nothing else: figures with charts, provenance, and prompts that were not followed.
import { basename } from "node:path"
import type { SuiteResult } from "../SuiteResult.ts"
import type { RecordVerdict, Table } from "../suites/Suite.ts"
import { barChart, cellBar, isShare } from "./Chart.ts"
import { columnsOf, formatCount, formatValue, namedVerdict, some, spread } from "./Format.ts"
import { escape } from "./Html.ts"
import { style } from "./style.ts"

/** Failed prompts that the page shows; verdicts.jsonl has all. */
const shownFailures = 30
/** Characters of a response that the page shows. */
const shownCharacters = 3000

/** Tables of more columns than this have no room for bars. */
const barredColumns = 3

const scrolling = (label: string, content: string): string =>
  content === "" ? "" : `<div class="scroll" role="region" tabindex="0" aria-label="${escape(label)}">${content}</div>`

const tableOf = (table: Table): string => {
  const columns = columnsOf(table)
  const barred = columns.length <= barredColumns
  const span = barred ? 3 : 2
  const head = columns.map((column) => `<th scope="col" colspan="${span}"${barred ? "" : " class=\"number\""}>${escape(column)}</th>`).join("")
  const rows = Object.entries(table.rows).map(([label, cells]) => {
    const figures = columns.map((column, c) => {
      const cell = cells[column]
      return cell === undefined
        ? `<td colspan="${span}"></td>`
        : `${barred ? `<td>${isShare(cell) ? cellBar(cell, c) : ""}</td>` : ""}<td class="number">${escape(formatValue(cell))}</td>` +
          `<td class="count">${escape(formatCount(cell))}</td>`
    })
    return `<tr><th scope="row">${escape(label)}</th>${figures.join("")}</tr>`
  })
  return scrolling(table.title, `<table${barred ? "" : " class=\"wide\""}><thead><tr><th scope="col">${escape(table.head)}</th>${head}</tr></thead><tbody>${
    rows.join("\n")
  }</tbody></table>`)
}

const section = (table: Table, options: { readonly chart: boolean }): string =>
  `<section><h2>${escape(table.title)}</h2>${table.note === undefined ? "" : `<p class="note">${escape(table.note)}</p>`}${
    options.chart ? scrolling(`${table.title}, chart`, barChart(table)) : ""
  }${tableOf(table)}</section>`

const text = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value)

const facts = (result: SuiteResult): string => {
  const { checker, responses } = result
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["Responses", `${responses.source}${responses.sha256 === undefined ? "" : ` (SHA-256 ${responses.sha256})`}`],
    ["Rows", String(responses.rows)],
    ...(responses.missing.length === 0
      ? []
      : [["Prompts without a response", `${responses.missing.length}, counted as failed: ${some(responses.missing, 20)}`] as const]),
    ...(responses.unmatched.length === 0
      ? []
      : [["Rows of no prompt", `${responses.unmatched.length}: line ${some(responses.unmatched, 20)}`] as const]),
    ...(responses.duplicates.length === 0
      ? []
      : [["Rows said before", `${responses.duplicates.length}: line ${some(responses.duplicates, 20)}`] as const]),
    ...result.data.map(({ path, sha256 }) => ["Data", `${path} (SHA-256 ${sha256})`] as const),
    ["Published as", result.paper],
    ["Verdicts of", checker.reproduces],
    ...Object.entries(checker.versions),
    ...Object.entries(result.settings).map(([name, value]) => [name, text(value)] as const),
    ["Date", result.date]
  ]
  return `<section><h2>What was measured, and how</h2><table class="facts"><tbody>${
    rows.map(([name, value]) => `<tr><th scope="row">${escape(name)}</th><td>${escape(value)}</td></tr>`).join("\n")
  }</tbody></table></section>`
}

const cautions = ({ caveats }: SuiteResult): string =>
  caveats.length === 0 ? "" : `<section><h2>Verdicts that the original may give differently</h2><ul>${
    caveats.map(({ between, named, reason, verdicts }) =>
      `<li><strong>${verdicts}</strong> ${verdicts === 1 ? "verdict" : "verdicts"}: ${escape(reason)}. According to how they come out: ${
        escape(spread(between))
      }. <span class="soft">${escape(some(named.map(namedVerdict), 40))}</span></li>`
    ).join("")
  }</ul></section>`

const cut = (response: string) =>
  response.length <= shownCharacters ? response : `${response.slice(0, shownCharacters)}\n[${response.length - shownCharacters} more characters]`

const failure = ({ instructions, record, response }: RecordVerdict): string => {
  const marks = instructions.map(({ id, loose, strict }, i) =>
    `<li><span class="${strict ? "followed" : "failed"}">${strict ? "followed" : loose === true ? "followed loosely only" : "not followed"}</span> <code>${
      escape(id)
    }</code> <span class="soft">${escape(JSON.stringify(record.instructions[i]!.kwargs ?? {}).slice(0, 300))}</span></li>`
  )
  const missed = instructions.filter(({ strict }) => !strict).map(({ id }) => id)
  return `<details><summary>${escape(record.key)}: ${escape(some(missed, 4))}</summary><div><ul>${marks.join("")}</ul><h3>Prompt</h3><pre>${
    escape(record.prompt)
  }</pre><h3>Response</h3><pre>${response === undefined ? "none" : escape(cut(response))}</pre></div></details>`
}

const failures = (verdicts: ReadonlyArray<RecordVerdict>): string => {
  const failed = verdicts.filter(({ instructions, response }) => response !== undefined && instructions.some(({ strict }) => !strict))
  return failed.length === 0 ? "" : `<section><h2>Prompts not followed, strictly</h2><p class="note">${
    failed.length <= shownFailures ? `All ${failed.length}.` : `The first ${shownFailures} of ${failed.length}; verdicts.jsonl has all.`
  }</p>${failed.slice(0, shownFailures).map(failure).join("\n")}</section>`
}

/** The page. `verdicts` are those that the result was made from. */
export const htmlReport = (result: SuiteResult, verdicts: ReadonlyArray<RecordVerdict>): string => {
  const title = `${result.title}: ${basename(result.responses.source)}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p class="soft">${result.prompts.toLocaleString("en-US")} prompts, ${result.instructions.toLocaleString("en-US")} instructions, ${escape(result.date.slice(0, 10))}</p>
${section(result.headline, { chart: true })}
${result.answered === undefined ? "" : section(result.answered, { chart: false })}
${result.breakdowns.map((table) => section(table, { chart: false })).join("\n")}
${cautions(result)}
${facts(result)}
${failures(verdicts)}
</main>
</body>
</html>
`
}
