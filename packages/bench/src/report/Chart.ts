// Bars as inline SVG. Colours come from the page's style sheet by class, so that they follow its light and dark scheme.
import type { Cell, Table } from "../suites/Suite.ts"
import { columnsOf, formatCount, formatValue } from "./Format.ts"
import { escape } from "./Html.ts"

const barHeight = 18
const rowGap = 14
const labelWidth = 190
const plotWidth = 420
const valueWidth = 240

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
  const columns = columnsOf(table)
  const rows = Object.entries(table.rows).flatMap(([label, cells]) => {
    const bars = Object.entries(cells).filter(([, cell]) => isShare(cell))
    return bars.length === 0 ? [] : [{ label, bars }]
  })
  if (rows.length === 0) return ""
  let bottom = 0
  const drawn = rows.map(({ bars, label }) => {
    const top = bottom + rowGap / 2
    bottom = top + bars.length * barHeight + rowGap / 2
    const name = `<text class="label" x="${labelWidth - 10}" y="${top + (bars.length * barHeight) / 2 + 4}" text-anchor="end">${
      escape(label)
    }</text>`
    return name + bars.map(([column, cell], i) => {
      const y = top + i * barHeight
      const value = `${formatValue(cell)}  ${formatCount(cell)}${bars.length > 1 ? `  ${column}` : ""}`
      return `<rect class="bar series${columns.indexOf(column) % 5}" x="${labelWidth}" y="${y + 2}" width="${
        (cell.value * plotWidth).toFixed(1)
      }" height="${barHeight - 4}"/><text class="value" x="${labelWidth + plotWidth + 10}" y="${y + 13}">${escape(value)}</text>`
    }).join("")
  })
  const width = labelWidth + plotWidth + valueWidth
  return `<svg viewBox="0 0 ${width} ${bottom + 24}" width="${width}" height="${bottom + 24}" role="img" aria-label="${
    escape(`${table.title}: bar chart of the table below`)
  }">${gridLines(0, bottom)}${drawn.join("")}</svg>`
}

/** The bar inside a table cell; the number beside it says the same. */
export const cellBar = (cell: Cell, series: number): string =>
  `<svg class="cellbar" viewBox="0 0 100 10" width="100" height="10" aria-hidden="true"><rect class="track" width="100" height="10"/>` +
  `<rect class="bar series${series % 5}" width="${(cell.value * 100).toFixed(1)}" height="10"/></svg>`
