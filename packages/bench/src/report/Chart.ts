// Bars as inline SVG. Colours come from the page's style sheet by class, so that they follow its light and dark scheme.
import type { Cell, Table } from "../suites/Suite.ts"
import { columnsOf, formatCount, formatValue } from "./Format.ts"
import { escape } from "./Html.ts"

const barHeight = 18
const rowGap = 14
const labelWidth = 190
const plotWidth = 420
const valueWidth = 170

/** Other figures have no common scale and are left to the table. */
export const isShare = (cell: Cell | undefined): boolean => cell !== undefined && cell.unit === undefined

const gridLines = (top: number, bottom: number): string =>
  [0, 0.25, 0.5, 0.75, 1].map((at) => {
    const x = labelWidth + at * plotWidth
    return `<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/>` +
      `<text class="tick" x="${x}" y="${bottom + 16}" text-anchor="middle">${at * 100}%</text>`
  }).join("")

/** The shares of a table as horizontal bars, one for each column of each row. */
export const barChart = (table: Table): string => {
  const columns = columnsOf(table).filter((column) => Object.values(table.rows).every((row) => isShare(row[column])))
  const rows = Object.entries(table.rows)
  if (columns.length === 0 || rows.length === 0) return ""
  const rowHeight = columns.length * barHeight + rowGap
  const bottom = rows.length * rowHeight
  const bars = rows.map(([label, cells], r) => {
    const top = r * rowHeight + rowGap / 2
    const bar = (column: string, c: number) => {
      const cell = cells[column]!
      const y = top + c * barHeight
      const width = cell.value * plotWidth
      return `<rect class="bar series${c % 5}" x="${labelWidth}" y="${y + 2}" width="${width.toFixed(1)}" height="${barHeight - 4}"/>` +
        `<text class="value" x="${labelWidth + plotWidth + 10}" y="${y + 13}">${
          escape(`${formatValue(cell)}  ${formatCount(cell)}${columns.length > 1 ? `  ${column}` : ""}`)
        }</text>`
    }
    return `<text class="label" x="${labelWidth - 10}" y="${top + (columns.length * barHeight) / 2 + 4}" text-anchor="end">${
      escape(label)
    }</text>${columns.map(bar).join("")}`
  })
  const width = labelWidth + plotWidth + valueWidth
  return `<svg viewBox="0 0 ${width} ${bottom + 24}" width="${width}" role="img" aria-label="${
    escape(`${table.title}: bar chart of the table below`)
  }">${gridLines(0, bottom)}${bars.join("")}</svg>`
}

/** The bar inside a table cell; the number beside it says the same. */
export const cellBar = (cell: Cell, series: number): string =>
  `<svg class="cellbar" viewBox="0 0 100 10" width="100" height="10" aria-hidden="true"><rect class="track" width="100" height="10"/>` +
  `<rect class="bar series${series % 5}" width="${(cell.value * 100).toFixed(1)}" height="10"/></svg>`
