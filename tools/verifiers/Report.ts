// From the CPU seconds of both sides to the dated note in benchmarks/.
import { hardware, hardwareSlug, median } from "../peers/Report.ts"

export { hardware, hardwareSlug, median }

/** One pass over all rows: CPU seconds by instruction, and a digit a row, 2 for strict plus 1 for loose. */
export interface Pass {
  readonly seconds: Readonly<Record<string, number>>
  readonly verdicts: string
}

/** The slowest of the hostile texts for one verifier. */
export interface Hostile {
  readonly id: string
  /** CPU milliseconds for a megabyte, the least of the runs. */
  readonly milliseconds: number
  readonly piece: string
}

export interface Report {
  readonly date: string
  readonly hardware: ReturnType<typeof hardware>
  readonly versions: Readonly<Record<string, unknown>>
  readonly rows: number
  /** Processes that wanted a core besides, over the last minute, before and after. */
  readonly load: readonly [before: number, after: number]
  readonly ours: ReadonlyArray<Pass>
  readonly peer: ReadonlyArray<Pass>
  readonly hostile: ReadonlyArray<Hostile>
}

export const total = ({ seconds }: Pass): number => Object.values(seconds).reduce((a, b) => a + b, 0)

/** Rows on which the two sides' verdicts differ. */
export const different = (a: Pass, b: Pass): number => Array.from(a.verdicts).filter((verdict, i) => verdict !== b.verdicts[i]).length

/** All passes but the first, in which nothing is warm yet. */
const warm = (passes: ReadonlyArray<Pass>): ReadonlyArray<Pass> => passes.slice(1)

/** Peer's CPU time over ours: medians of the passes after the first. Above 1, ours is faster. */
export const speedup = ({ ours, peer }: Pick<Report, "ours" | "peer">): number =>
  median(warm(peer).map(total)) / median(warm(ours).map(total))

const byId = ({ ours, peer }: Report) =>
  Object.keys(ours[0]!.seconds).map((id) => {
    const of = (passes: ReadonlyArray<Pass>) => median(warm(passes).map(({ seconds }) => seconds[id]!))
    return { id, ours: of(ours), peer: of(peer), ratio: of(peer) / of(ours) }
  })

const ms = (seconds: number) => (1000 * seconds).toPrecision(3)

export const markdown = (report: Report): string => {
  const { hardware: machine, hostile, ours, peer, rows, versions } = report
  const ids = byId(report).toSorted((a, b) => b.ours - a.ours)
  const range = (passes: ReadonlyArray<Pass>) => {
    const seconds = warm(passes).map(total).toSorted((a, b) => a - b)
    return `${median(seconds).toFixed(3)} (${seconds[0]!.toFixed(3)} to ${seconds.at(-1)!.toFixed(3)})`
  }
  const worst = hostile.toSorted((a, b) => b.milliseconds - a.milliseconds)
  return `# @ifrl/verifiers against the Python checkers, ${report.date}

\`npm run bench:verifiers\` on ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.platform}. CPU seconds of one thread's work
(user and system, the runtime's own threads included), a first pass, a warm-up and ${ours.length - 1} passes of each side in turn, in one go. A pass is ${rows} instructions with their public
responses (IFEval by GPT-4 and Llama-3.1-8B, IFBench's sample), each judged strictly and loosely. Load average of the machine before and after:
${report.load.map((load) => load.toFixed(1)).join(", ")}.

| | ours, CPU s | Python, CPU s | Python / ours |
|---|---|---|---|
| first pass, nothing warm | ${total(ours[0]!).toFixed(3)} | ${total(peer[0]!).toFixed(3)} | ${(total(peer[0]!) / total(ours[0]!)).toFixed(1)} |
| median of the passes after warm-up (range) | ${range(ours)} | ${range(peer)} | ${speedup(report).toFixed(1)} |

${Math.round(rows / median(warm(ours).map(total))).toLocaleString("en-US")} instructions a second of ours, ${Math.round(rows / median(warm(peer).map(total))).toLocaleString("en-US")} of Python's. ${
    different(ours[0]!, peer[0]!)
  } of ${rows} verdicts differ (the original draws random n-grams where the language is not plain).

| instructions that take most of our time | ours, ms | Python, ms | ratio |
|---|---|---|---|
${ids.slice(0, 12).map(({ id, ours, peer, ratio }) => `| ${id} | ${ms(ours)} | ${ms(peer)} | ${ratio.toFixed(1)} |`).join("\n")}

Lowest ratios: ${
    ids.filter(({ peer }) => peer > 0.002).toSorted((a, b) => a.ratio - b.ratio).slice(0, 5).map(({ id, ratio }) => `${id} ${ratio.toFixed(1)}`).join(", ")
  } (of instructions that take Python more than 2 ms a pass).
${
    hostile.length === 0 ? "" : `
## Hostile text

A megabyte of one piece over and over, for every verifier and every piece of \`packages/verifiers/test/support/Hostile.ts\`: CPU ms of one check, the least of up
to six runs. The slowest of ${hostile.length} verifiers:

| verifier | ms | piece |
|---|---|---|
${worst.slice(0, 10).map(({ id, milliseconds, piece }) => `| ${id} | ${milliseconds.toFixed(0)} | \`${JSON.stringify(piece).replaceAll("|", "\\|")}\` |`).join("\n")}
`
  }
Versions: ${Object.entries(versions).map(([name, version]) => `${name} ${String(version)}`).join(", ")}.
`
}
