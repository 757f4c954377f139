import type { Cell, Table } from "../suites/Suite.ts"

/** 0.1234 as 12.34%; a mean with two decimals. */
export const formatValue = ({ error, followed, value }: Cell): string => {
  const scale = followed === undefined ? 1 : 100
  const unit = followed === undefined ? "" : "%"
  return `${(value * scale).toFixed(2)}${unit}${error === undefined ? "" : ` ± ${(error * scale).toFixed(2)}`}`
}

/** 417/541, or the count that a mean was taken over. */
export const formatCount = ({ count, followed }: Cell): string => followed === undefined ? `n=${count}` : `${followed}/${count}`

/** The columns of a table, in the order of first appearance. */
export const columnsOf = ({ rows }: Table): ReadonlyArray<string> => [...new Set(Object.values(rows).flatMap(Object.keys))]

/** At most `limit` of a list, and how many more there are. */
export const some = (items: ReadonlyArray<string | number>, limit: number): string =>
  `${items.slice(0, limit).join(", ")}${items.length > limit ? ` and ${items.length - limit} more` : ""}`
