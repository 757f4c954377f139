// Times the verifiers against the original Python checkers on the same responses, in turn, in one go, by CPU time; then every
// verifier on hostile text of a megabyte:
//   npm run bench:verifiers [-- --passes 15] [--out benchmarks] [--only python|hostile]
// IFRL_DATA_DIR names the benchmark data (npm run data), IFRL_PYTHON the Python that has tools/verifiers/requirements.txt.
import { prepare, VerifierError, verifiers, verify, verifyLoose } from "@ifrl/verifiers"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { pieces, repeated, samples } from "../../packages/verifiers/test/support/Hostile.ts"
import { Side } from "../peers/Side.ts"
import { hardware, hardwareSlug, type Hostile, markdown, type Pass, speedup, total } from "./Report.ts"
import { readWork, type WorkRow } from "./Work.ts"

const { values: flags } = parseArgs({
  options: {
    passes: { type: "string", default: "15" },
    out: { type: "string", default: "benchmarks" },
    only: { type: "string" }
  }
})
const progress = (text: string) => process.stderr.write(`${text}\n`)

const cpuSeconds = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1e6
}

/** As @ifrl/bench judges: what is followed as it is needs no variants. */
const judge = ({ id, kwargs, response }: WorkRow): number => {
  const strict = verify({ id, kwargs }, response)
  if (strict._tag === "Undecided") throw strict.reason
  if (strict.followed) return 3
  const loose = verifyLoose({ id, kwargs }, response)
  return Number(loose._tag === "Decided" && loose.followed)
}

const ourPass = (rows: ReadonlyArray<WorkRow>): Pass => {
  const seconds: Record<string, number> = {}
  const verdicts = rows.map((row) => {
    const start = cpuSeconds()
    const verdict = judge(row)
    seconds[row.id] = (seconds[row.id] ?? 0) + cpuSeconds() - start
    return verdict
  })
  return { seconds, verdicts: verdicts.join("") }
}

/** Passes of ours after which the compiler has done its work; Python, which has none, gets one. */
const WARM_UP = 8

const against = async (rows: ReadonlyArray<WorkRow>, passes: number) => {
  const folder = await mkdtemp(join(tmpdir(), "ifrl-verifiers-"))
  try {
    const work = join(folder, "work.jsonl")
    await writeFile(work, rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
    const python = new Side("Python", process.env["IFRL_PYTHON"] ?? "python3", [fileURLToPath(new URL("../verifiers/checkers.py", import.meta.url)), work], {})
    const { ready } = await python.next() as { readonly ready: Readonly<Record<string, unknown>> }
    const [ours, peer]: [Array<Pass>, Array<Pass>] = [[], []]
    // What a run has when it has judged for a few seconds. The first pass counts as well, and is told apart.
    ours.push(ourPass(rows))
    peer.push(await python.ask({}) as unknown as Pass)
    for (let i = 0; i < WARM_UP; i++) ourPass(rows)
    await python.ask({})
    for (let pass = 1; pass <= passes; pass++) {
      ours.push(ourPass(rows))
      peer.push(await python.ask({}) as unknown as Pass)
      progress(`pass ${pass}: ours ${total(ours.at(-1)!).toFixed(3)} s, Python ${total(peer.at(-1)!).toFixed(3)} s of CPU`)
    }
    await python.end()
    return { ours, peer, ready }
  } finally {
    await rm(folder, { recursive: true })
  }
}

const MEGABYTE = 1 << 20
const LIMIT = 100
const RUNS = 6

/** The least CPU milliseconds of up to `RUNS` runs; the first that is well below the limit will do. */
const leastOf = (run: () => void): number => {
  let least = Infinity
  for (let i = 0; i < RUNS && least > LIMIT / 2; i++) {
    const start = cpuSeconds()
    run()
    least = Math.min(least, 1000 * (cpuSeconds() - start))
  }
  return least
}

const hostileOf = (id: string): Hostile => {
  let slowest: Hostile = { id, milliseconds: 0, piece: "" }
  for (const kwargs of samples[id] ?? [{}]) {
    const prepared = prepare({ id, kwargs })
    if (prepared instanceof VerifierError) throw prepared
    prepared.check("Warm up. Is it \"ok\"? Yes, it's 'fine'.")
    for (const piece of pieces) {
      const text = repeated(piece, MEGABYTE)
      const milliseconds = leastOf(() => prepared.check(text))
      if (milliseconds > slowest.milliseconds) slowest = { id, milliseconds, piece }
    }
  }
  progress(`${id}: ${slowest.milliseconds.toFixed(0)} ms on ${JSON.stringify(slowest.piece)}`)
  return slowest
}

const loadBefore = loadavg()[0]!
const rows = flags.only === "hostile" ? [] : readWork(process.env["IFRL_DATA_DIR"] ?? "data")
const { ours, peer, ready } = flags.only === "hostile" ? { ours: [], peer: [], ready: {} } : await against(rows, Number(flags.passes))
const hostile = flags.only === "python" ? [] : Object.keys(verifiers).map(hostileOf)
const slow = hostile.filter(({ milliseconds }) => milliseconds >= LIMIT)

if (ours.length > 0) {
  const machine = hardware()
  const report = {
    date: new Date().toISOString().slice(0, 10),
    hardware: machine,
    versions: { node: process.version, ...ready },
    rows: rows.length,
    load: [loadBefore, loadavg()[0]!] as const,
    ours,
    peer,
    hostile
  }
  await mkdir(flags.out, { recursive: true })
  const name = join(flags.out, `${report.date}-verifiers-${hardwareSlug(machine)}.md`)
  await writeFile(name, markdown(report))
  progress(`written: ${name}`)
  console.log(`${speedup(report).toFixed(1)} times the Python checkers' instructions a CPU second`)
}
if (hostile.length > 0) {
  console.log(`${hostile.length - slow.length} of ${hostile.length} verifiers take less than ${LIMIT} ms on every hostile megabyte`)
}
for (const { id, milliseconds, piece } of slow) console.log(`${id}: ${milliseconds.toFixed(0)} ms on ${JSON.stringify(piece)}`)
process.exitCode = slow.length === 0 && (ours.length === 0 || speedup({ ours, peer }) >= 20) ? 0 : 1
