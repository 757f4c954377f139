// Times the training step and generation of ours against PyTorch + transformers on one checkpoint, in turn, in one go:
//   npm run bench:peers -- --json [--rounds 5] [--threads 2] [--out benchmarks] [--tiny]
// The Python of the other side is IFRL_PYTHON, or python3; what it needs is in tools/peers/requirements.txt.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { hardware, hardwareSlug, markdown, type Measured, type Measurements, ratios, type Report } from "./Report.ts"
import { shape as fullShape, tiny } from "./Shape.ts"
import { Side } from "./Side.ts"

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: "2" },
    out: { type: "string", default: "benchmarks" },
    tiny: { type: "boolean", default: false }
  }
})
const rounds = Number(flags.rounds)
const shape = flags.tiny ? tiny : fullShape
const stepsPerRound = 3
const productsPerRound = 30
const floorsPerRound = 2
const python = process.env["IFRL_PYTHON"] ?? "python3"
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const folder = await mkdtemp(join(tmpdir(), "ifrl-peers-"))
const environment = {
  PEER_SHAPE: JSON.stringify(shape),
  PEER_THREADS: flags.threads,
  OMP_NUM_THREADS: flags.threads,
  TOKENIZERS_PARALLELISM: "false",
  // A cache of its own: a compilation that was killed leaves broken libraries in the shared one.
  TORCHINDUCTOR_CACHE_DIR: join(folder, "inductor"),
  HF_HUB_OFFLINE: "1"
}

const progress = (text: string) => process.stderr.write(`${text}\n`)
const sides: Array<Side> = []
const side = (name: string, command: string, ...args: ReadonlyArray<string>) => {
  const started = new Side(name, command, args, environment)
  sides.push(started)
  return started
}
const peer = (name: string, ...args: ReadonlyArray<string>) => side(name, python, file("../peers/peer.py"), ...args)
const ours = (name: string, ...args: ReadonlyArray<string>) => side(name, process.execPath, file("./ours.js"), ...args)
const versionsOf = (ready: Readonly<Record<string, unknown>>) => ready["ready"] as Readonly<Record<string, unknown>>

interface Answer {
  readonly seconds: ReadonlyArray<number>
  readonly losses?: ReadonlyArray<number>
  readonly peakBytes?: number
  readonly tokens?: number
}

/** `request` to every side in turn, `rounds` times over; the answers of a side put together. */
const alternate = async (task: string, among: ReadonlyArray<Side>, request: (round: number) => object) => {
  const answers = new Map<Side, Array<Answer>>(among.map((each) => [each, []]))
  for (let round = 0; round < rounds; round++) {
    for (const each of among) {
      const answer = (await each.ask({ ...request(round) })) as unknown as Answer
      answers.get(each)!.push(answer)
      const times = answer.seconds.slice(0, 5).map((s) => s.toFixed(3)).join(" ")
      progress(`${task}, round ${round + 1}: ${each.name} ${times}${answer.seconds.length > 5 ? " ..." : ""} s`)
    }
  }
  return among.map((each): Measured & Pick<Answer, "losses" | "tokens"> => {
    const all = answers.get(each)!
    const last = all.at(-1)!
    return {
      seconds: all.flatMap((answer) => answer.seconds),
      ...(last.peakBytes !== undefined && { peakBytes: last.peakBytes }),
      ...(last.losses !== undefined && { losses: last.losses }),
      ...(last.tokens !== undefined && { tokens: last.tokens })
    }
  })
}

/** Both sides must have done the same work, or their times say nothing. */
const mustAgree = (what: string, a: number | undefined, b: number | undefined, tolerance: number) => {
  if (a === undefined || b === undefined || !(Math.abs(a - b) <= tolerance)) {
    throw new Error(`${what} differ: ours ${a}, peer ${b}`)
  }
}

const measure = async (checkpoint: string) => {
  const making = ours("checkpoint", "checkpoint", checkpoint)
  const { parameters } = (await making.next()) as { parameters: number }
  await making.end()

  const training = [
    ours("ours", "train", checkpoint),
    peer("eager", "train", checkpoint, "eager"),
    peer("compile", "train", checkpoint, "compile")
  ]
  const ready: Array<Readonly<Record<string, unknown>>> = []
  for (const each of training) ready.push(versionsOf(await each.next()))
  const [train, eager, compile] = await alternate("training step", training, () => ({ steps: stepsPerRound }))
  await Promise.all(training.map((each) => each.end()))
  for (const other of [eager!, compile!]) {
    train!.losses!.forEach((loss, step) => mustAgree(`losses of step ${step + 1}`, loss, other.losses?.[step], 2e-3))
  }

  const generating = [ours("ours", "generate", checkpoint), peer("transformers", "generate", checkpoint)]
  for (const each of generating) ready.push(versionsOf(await each.next()))
  const byBatch = async (batch: number) => {
    const [a, b] = await alternate(`generate ${batch}`, generating, (round) => ({ batch, seed: round + 1 }))
    mustAgree("generated tokens", a!.tokens, b!.tokens, 0)
    return [a!, b!] as const
  }
  const [ours16, peer16] = await byBatch(16)
  const [ours64, peer64] = await byBatch(64)
  await Promise.all(generating.map((each) => each.end()))

  const multiplying = [ours("ours", "product"), peer("torch", "product")]
  for (const each of multiplying) await each.next()
  const [oursProduct, peerProduct] = await alternate("product", multiplying, () => ({ runs: productsPerRound }))

  await Promise.all(multiplying.map((each) => each.end()))

  const tasks = ["train", "16", "64"].map((task) => ours(`products of ${task}`, "floor", task))
  for (const each of tasks) await each.next()
  const [trainFloor, floor16, floor64] = await alternate("products", tasks, () => ({ runs: floorsPerRound }))

  const measurements: Measurements = {
    ours: { train: train!, generate16: ours16, generate64: ours64, product: oursProduct! },
    floors: { train: trainFloor!, generate16: floor16!, generate64: floor64! },
    peer: { eager: eager!, compile: compile!, generate16: peer16, generate64: peer64, product: peerProduct! }
  }
  return { parameters, measurements, versions: Object.assign({}, ...ready) as Record<string, unknown> }
}

try {
  const { measurements, parameters, versions } = await measure(join(folder, "model"))
  const machine = hardware()
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    hardware: machine,
    versions,
    shape,
    parameters,
    rounds,
    threads: Number(flags.threads),
    measurements,
    ratios: ratios(measurements)
  }
  // A tiny run is no result: nothing of it is kept.
  if (!flags.tiny) {
    await mkdir(flags.out, { recursive: true })
    const name = join(flags.out, `${report.date}-${hardwareSlug(machine)}`)
    await writeFile(`${name}.json`, `${JSON.stringify(report, null, 2)}\n`)
    await writeFile(`${name}.md`, markdown(report))
    progress(`written: ${name}.md, ${name}.json`)
  }
  console.log(flags.json ? JSON.stringify(report.ratios) : markdown(report))
} finally {
  await Promise.all(sides.map((each) => each.end()))
  await rm(folder, { recursive: true, force: true })
}
