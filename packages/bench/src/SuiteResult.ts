// Everything that a scored suite has come to, as one object that can be written as JSON and shown as a report.
import { DateTime, Effect } from "effect"
import type { DataFile } from "./Judge.ts"
import type { MatchedResponses } from "./Responses.ts"
import type { RecordVerdict, Suite, Table } from "./suites/Suite.ts"
import { versions } from "./Version.ts"

/** Verdicts that the original may give differently. */
export interface CaveatCount {
  readonly reason: string
  readonly verdicts: number
  /** Of the records concerned. */
  readonly keys: ReadonlyArray<string>
  /** Which they are, and what they are here. */
  readonly named: ReadonlyArray<{ readonly key: string; readonly id: string; readonly strict: boolean; readonly loose?: boolean }>
  /** The headline with all of them not followed, and with all of them followed. */
  readonly between: { readonly lowest: Table; readonly highest: Table }
}

export interface SuiteResult {
  readonly suite: string
  readonly title: string
  readonly paper: string
  /** The checker whose verdicts are reproduced, and the packages that do so. */
  readonly checker: { readonly reproduces: string; readonly versions: Readonly<Record<string, string>> }
  /** ISO 8601, UTC. */
  readonly date: string
  readonly data: ReadonlyArray<DataFile>
  readonly prompts: number
  readonly instructions: number
  readonly responses: Omit<MatchedResponses, "byKey"> & { readonly source: string; readonly sha256?: string }
  /** What else decides the figures: model, sampling. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly headline: Table
  /** The headline over the records that have a response, where some have none. */
  readonly answered?: Table
  readonly breakdowns: ReadonlyArray<Table>
  readonly caveats: ReadonlyArray<CaveatCount>
}

export interface SummariseOptions {
  readonly suite: Suite
  readonly verdicts: ReadonlyArray<RecordVerdict>
  readonly files: ReadonlyArray<DataFile>
  readonly matched: MatchedResponses
  /** Who or what made the responses, and the SHA-256 of their file. */
  readonly source: string
  readonly sha256?: string
  readonly settings: Readonly<Record<string, unknown>>
}

const flagged = "came out both ways when the original was run with several seeds, says the responses file (langdetect_unstable)"

const caveatsOf = ({ matched, suite, verdicts }: SummariseOptions): ReadonlyArray<CaveatCount> => {
  const tests = [
    ...suite.caveats.map(({ appliesTo, reason }) => ({
      reason,
      applies: ({ record, response }: RecordVerdict, i: number) => appliesTo(record, record.instructions[i]!, response!)
    })),
    { reason: flagged, applies: ({ record }: RecordVerdict, i: number) => matched.byKey.get(record.key)?.unstable[i] === true }
  ]
  return tests.flatMap(({ applies, reason }) => {
    const hits = verdicts.map((verdict) => verdict.instructions.map((_, i) => verdict.response !== undefined && applies(verdict, i)))
    const named = verdicts.flatMap(({ instructions, record }, r) =>
      instructions.flatMap((verdict, i) => hits[r]![i] ? [{ key: record.key, ...verdict }] : [])
    )
    const headlineWith = (followed: boolean) =>
      suite.headline(verdicts.map((verdict, r) => ({
        ...verdict,
        instructions: verdict.instructions.map((one, i) =>
          hits[r]![i] ? { ...one, strict: followed, ...(one.loose !== undefined && { loose: followed }) } : one
        )
      })))
    return named.length === 0 ? [] : [{
      reason,
      verdicts: named.length,
      keys: [...new Set(named.map(({ key }) => key))],
      named,
      between: { lowest: headlineWith(false), highest: headlineWith(true) }
    }]
  })
}

/** Figures, counts and provenance of a scored suite. */
export const summarise = (options: SummariseOptions): Effect.Effect<SuiteResult> =>
  Effect.map(DateTime.now, (now) => {
    const { files, matched, sha256, source, suite, verdicts } = options
    const { byKey: _, ...counts } = matched
    return {
      suite: suite.name,
      title: suite.title,
      paper: suite.paper,
      checker: { reproduces: suite.checker, versions: versions() },
      date: DateTime.formatIso(now),
      data: files,
      prompts: verdicts.length,
      instructions: verdicts.reduce((sum, { instructions }) => sum + instructions.length, 0),
      responses: { source, ...(sha256 !== undefined && { sha256 }), ...counts },
      settings: options.settings,
      headline: suite.headline(verdicts),
      ...(matched.missing.length > 0 && {
        answered: {
          ...suite.headline(verdicts.filter(({ response }) => response !== undefined)),
          note: "Only prompts that have a response."
        }
      }),
      breakdowns: suite.breakdowns(verdicts),
      caveats: caveatsOf(options)
    }
  })
