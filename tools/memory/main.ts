/**
 * Memory and time at the sizes of Qwen2.5-0.5B and -1.5B, with random weights, each measurement in a process of its own:
 *
 *     npm run bench:memory [-- --only lora-0.5B,load-0.5B] [--work FOLDER] [--out benchmarks]
 *
 * Checkpoints (1 and 3 GB) are made in the work folder and kept there. Results go to a JSON file, from which the table is
 * written anew, so that a run may add to what another measured. A peak above its bound, or an estimate of training that
 * is off by more than 20%, ends the program with status 1.
 */
import { checkMemory } from "@ifrl/train"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { hardware, hardwareSlug } from "../peers/Report.ts"
import { configOf, shapes } from "./shapes.ts"

const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    work: { type: "string", default: join(tmpdir(), "ifrl-memory") },
    out: { type: "string", default: "benchmarks" }
  }
})

const GB = 1e9
const weights = 4 * 494_032_768

interface Measurement {
  readonly says: string
  readonly shape: keyof typeof shapes
  readonly task: ReadonlyArray<string>
  /** Most bytes that the process may hold at its peak. */
  readonly bound?: number
}

const measurements: Readonly<Record<string, Measurement>> = {
  "load-0.5B": { says: "load 494 M parameters (bf16 file, fp32 in memory)", shape: "0.5B", task: ["load"], bound: 1.2 * weights },
  "generate-0.5B": { says: "generate 256 tokens after 32, one row", shape: "0.5B", task: ["generate", "32", "256"] },
  "lora-0.5B": { says: "adapter step, 4 x 512 tokens", shape: "0.5B", task: ["train", "lora", "4", "512", "recompute"], bound: 12 * GB },
  "full-0.5B": { says: "full step, 4 x 512 tokens", shape: "0.5B", task: ["train", "full", "4", "512", "recompute"], bound: 20 * GB },
  "lora-1.5B": { says: "adapter step, 1 x 512 tokens", shape: "1.5B", task: ["train", "lora", "1", "512", "recompute"], bound: 20 * GB },
  "lora-39M": { says: "adapter step, 4 x 512 tokens", shape: "39M", task: ["train", "lora", "4", "512", "recompute"] },
  "lora-39M-kept": { says: "the same, activations kept", shape: "39M", task: ["train", "lora", "4", "512", "keep"] },
  "full-39M": { says: "full step, 4 x 512 tokens", shape: "39M", task: ["train", "full", "4", "512", "recompute"] },
  "full-39M-kept": { says: "the same, activations kept", shape: "39M", task: ["train", "full", "4", "512", "keep"] }
}

interface Result {
  readonly peak: number
  readonly seconds: number
  readonly processor?: number
  readonly estimate?: number
}

/** Runs a task to its end; what it prints last is its result. */
const run = (args: ReadonlyArray<string>) =>
  new Promise<Result>((resolve, reject) => {
    // Beside this file, built or from source.
    const script = import.meta.url.endsWith(".ts") ? "./tasks.ts" : "./memory-tasks.js"
    const command = [...process.execArgv, fileURLToPath(new URL(script, import.meta.url)), ...args]
    const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] })
    let text = ""
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
    child.on("error", reject)
    child.on("close", (code) => {
      const last = text.trim().split("\n").at(-1) ?? ""
      if (code === 0) resolve(JSON.parse(last) as Result)
      else reject(new Error(`${args.join(" ")} ended with ${code}: ${last}`))
    })
  })

const checkpointOf = async (shape: string) => {
  const folder = join(flags.work, shape)
  if (!existsSync(join(folder, "config.json"))) await run(["checkpoint", folder, shape])
  return folder
}

const file = join(flags.out, `${new Date().toISOString().slice(0, 10)}-memory-${hardwareSlug(hardware())}`)
const known = existsSync(`${file}.json`) ? (JSON.parse(await readFile(`${file}.json`, "utf8")) as Record<string, Result>) : {}
const results: Record<string, Result> = { ...known }
await mkdir(flags.out, { recursive: true })

const chosen = flags.only === undefined ? Object.keys(measurements) : flags.only.split(",").filter((name) => name !== "")
for (const name of chosen) {
  const measurement = measurements[name]
  if (measurement === undefined) throw new Error(`There is no measurement "${name}": ${Object.keys(measurements).join(", ")}`)
  const [task, ...rest] = measurement.task as [string, ...Array<string>]
  process.stderr.write(`${name}: ${measurement.says}\n`)
  results[name] = await run([task, await checkpointOf(measurement.shape), ...rest])
  await writeFile(`${file}.json`, `${JSON.stringify(results, null, 2)}\n`)
}

// -------------------- the table --------------------

const faults: Array<string> = []
const megabytes = (bytes: number) => Math.round(bytes / 1e6).toLocaleString("en-US")
const row = ([name, { bound, says, shape }]: readonly [string, Measurement]): ReadonlyArray<string> => {
  const result = results[name]
  if (result === undefined) return []
  const ratio = result.estimate === undefined ? undefined : result.estimate / result.peak
  if (bound !== undefined && result.peak > bound) faults.push(`${name}: ${megabytes(result.peak)} MB, bound ${megabytes(bound)}`)
  if (ratio !== undefined && Math.abs(ratio - 1) > 0.2) faults.push(`${name}: estimated ${ratio.toFixed(2)} of the peak`)
  const cells = [
    shape,
    says,
    megabytes(result.peak),
    bound === undefined ? "" : megabytes(bound),
    result.estimate === undefined ? "" : `${megabytes(result.estimate)} (${ratio!.toFixed(2)})`,
    result.seconds.toFixed(1),
    result.processor?.toFixed(1) ?? ""
  ]
  return [`| ${cells.join(" | ")} |`]
}

const { cores, cpu, memoryGB, platform } = hardware()
const refusal = await Effect.runPromise(
  Effect.flip(checkMemory({ config: configOf("1.5B"), rows: 1, length: 512, recompute: true }, 20 * GB))
)
const text = [
  `# Memory at real sizes, ${new Date().toISOString().slice(0, 10)}`,
  "",
  `\`npm run bench:memory\` on ${cpu}, ${cores} cores, ${memoryGB} GB, ${platform}. fp32, random weights, each line a process of its own; the peak is that of the whole process, loading included.`,
  "Training steps run from forward to AdamW with recomputed activations unless kept; adapters have rank 16 on all projections. Processor seconds are of all threads; seconds by the",
  "clock say little where other work ran on the machine.",
  "",
  "| shape | what | peak, MB | bound, MB | estimate, MB (of the peak) | seconds | processor seconds |",
  "|---|---|---|---|---|---|---|",
  ...Object.entries(measurements).flatMap(row),
  "",
  "Full fine-tuning at the 1.5B shape in 20 GB is refused before anything is loaded:",
  "",
  `> ${refusal.message}`,
  ""
].join("\n")
await writeFile(`${file}.md`, text)
process.stdout.write(text)
for (const fault of faults) process.stderr.write(`out of bounds: ${fault}\n`)
process.exitCode = faults.length > 0 ? 1 : 0
