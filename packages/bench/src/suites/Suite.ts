// What a benchmark is to this package: records to respond to, instructions to judge by, and figures to quote.
import type { Instruction } from "@ifrl/verifiers"
import type { Effect, FileSystem } from "effect"
import type { BenchError } from "../BenchError.ts"

/** One prompt of a suite. */
export interface SuiteRecord {
  /** Unique within the suite. */
  readonly key: string
  readonly prompt: string
  /** What a response is judged by. */
  readonly instructions: ReadonlyArray<Instruction>
  /** What summaries group by. */
  readonly labels: Readonly<Record<string, string>>
}

export interface InstructionVerdict {
  readonly id: string
  readonly strict: boolean
  /** Left out by suites whose original knows no loose verdict. */
  readonly loose?: boolean
}

/** What became of one record. Without a response nothing is followed. */
export interface RecordVerdict {
  readonly record: SuiteRecord
  readonly response: string | undefined
  readonly instructions: ReadonlyArray<InstructionVerdict>
}

/** A figure: a share in 0..1, unless it has a unit. */
export interface Cell {
  readonly value: number
  /** What `value` counts where it is not a share. */
  readonly unit?: string
  /** How many of `count` are followed; left out of means of means. */
  readonly followed?: number
  readonly count: number
  /** Standard error of `value`. */
  readonly error?: number
}

/** Figures by row and column, in the order in which they are shown. A row may lack columns. */
export interface Table {
  readonly title: string
  /** What the rows are: `instruction`. */
  readonly head: string
  readonly rows: Readonly<Record<string, Readonly<Record<string, Cell>>>>
  /** A sentence on how to read it. */
  readonly note?: string
}

/** Verdicts that another run or version of the original checker may give differently, and why. */
export interface Caveat {
  readonly reason: string
  readonly appliesTo: (record: SuiteRecord, instruction: Instruction, response: string) => boolean
}

/** A benchmark. Adding one is adding an entry to `suites`. */
export interface Suite {
  readonly name: string
  readonly title: string
  /** Where it was published. */
  readonly paper: string
  /** The checker whose verdicts are reproduced, with its commit. */
  readonly checker: string
  /** Files below the data folder. */
  readonly files: ReadonlyArray<string>
  /** Where the files come from. */
  readonly source: string
  /** Whether the original tries loose variants of a response too. */
  readonly loose: boolean
  /** The records in `paths`, the places of `files`. */
  readonly read: (
    paths: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<SuiteRecord>, BenchError, FileSystem.FileSystem>
  /** The figures that papers quote. */
  readonly headline: (verdicts: ReadonlyArray<RecordVerdict>) => Table
  /** The same by type. */
  readonly breakdowns: (verdicts: ReadonlyArray<RecordVerdict>) => ReadonlyArray<Table>
  readonly caveats: ReadonlyArray<Caveat>
}

/** The share of true values. */
export const share = (flags: ReadonlyArray<boolean>): Cell => {
  const followed = flags.filter(Boolean).length
  return { value: flags.length === 0 ? 0 : followed / flags.length, followed, count: flags.length }
}

/** Items by what `keyOf` says of them, in the order of first appearance. */
export const groupBy = <A>(items: ReadonlyArray<A>, keyOf: (item: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

/** One row for each group, rows in the order of their names. */
export const rowsBy = <A>(
  items: ReadonlyArray<A>,
  keyOf: (item: A) => string,
  row: (group: ReadonlyArray<A>) => Readonly<Record<string, Cell>>
): Table["rows"] =>
  Object.fromEntries(
    [...groupBy(items, keyOf)].toSorted(([a], [b]) => a < b ? -1 : 1).map(([key, group]) => [key, row(group)])
  )
