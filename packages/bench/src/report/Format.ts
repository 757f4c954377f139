import type { CaveatCount } from "../SuiteResult.ts"
import type { Cell, Table } from "../suites/Suite.ts"

/** 0.1234 as 12.34%; what has a unit with two decimals. */
export const formatValue = ({ error, unit, value }: Cell): string => {
  const scale = unit === undefined ? 100 : 1
  const show = (number: number) => `${(number * scale).toFixed(2)}${unit === undefined ? "%" : ""}`
  return error === undefined ? show(value) : `${show(value)} ± ${show(error)}`
}

/** 417/541, or the count that a mean was taken over. */
export const formatCount = ({ count, followed }: Cell): string => followed === undefined ? `n=${count}` : `${followed}/${count}`

/** The columns of a table, in the order of first appearance. */
export const columnsOf = ({ rows }: Table): ReadonlyArray<string> => [...new Set(Object.values(rows).flatMap(Object.keys))]

/** At most `limit` of a list, and how many more there are. */
export const some = (items: ReadonlyArray<string | number>, limit: number): string =>
  `${items.slice(0, limit).join(", ")}${items.length > limit ? ` and ${items.length - limit} more` : ""}`

/** `3617 change_case:english_capital (strict no, loose yes)` */
export const namedVerdict = ({ id, key, loose, strict }: CaveatCount["named"][number]): string => {
  const word = (followed: boolean) => followed ? "yes" : "no"
  return `${key} ${id} (strict ${word(strict)}${loose === undefined ? "" : `, loose ${word(loose)}`})`
}

/** The headline's figures from the lowest to the highest, where the two differ. */
export const spread = ({ highest, lowest }: CaveatCount["between"]): string =>
  Object.entries(lowest.rows).flatMap(([row, cells]) =>
    Object.entries(cells).flatMap(([column, cell]) => {
      const other = highest.rows[row]![column]!
      if (cell.value === other.value) return []
      const [from, to] = cell.followed === undefined
        ? [formatValue(cell), formatValue(other)]
        : [String(cell.followed), String(other.followed)]
      return [`${row} ${column} ${from} to ${to}`]
    })
  ).join(", ")
