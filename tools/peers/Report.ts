// From the seconds of both sides to ratios, and to the dated note in benchmarks/.
import { cpus, totalmem } from "node:os"
import { productOperations, type Shape } from "./Shape.ts"

/** What one side took for one task, over all rounds. */
export interface Measured {
  readonly seconds: ReadonlyArray<number>
  /** Resident set at its highest, after loading. */
  readonly peakBytes?: number
}

/** Everything measured. The peer's training step is there eager and compiled. */
export interface Measurements {
  readonly ours: {
    readonly train: Measured
    readonly generate16: Measured
    readonly generate64: Measured
    readonly product: Measured
  }
  /** Our products with weights and nothing else. */
  readonly floors: { readonly train: Measured; readonly generate16: Measured; readonly generate64: Measured }
  readonly peer: {
    readonly eager: Measured
    readonly compile: Measured
    readonly generate16: Measured
    readonly generate64: Measured
    readonly product: Measured
  }
}

/** Peer over ours: above 1, ours is faster or smaller. */
export interface Ratios {
  readonly trainStep: number
  readonly generate: number
  readonly generate64: number
  readonly peakMemory: number
  /** Of one product of activations and a weight: what the libraries below differ by. */
  readonly product: number
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const rounded = (value: number, digits = 3) => Number(value.toPrecision(digits))

/** The peer's better variant counts: its faster one for time, its smaller one for memory. */
export const ratios = ({ ours, peer }: Measurements): Ratios => ({
  trainStep: rounded(Math.min(median(peer.eager.seconds), median(peer.compile.seconds)) / median(ours.train.seconds)),
  generate: rounded(median(peer.generate16.seconds) / median(ours.generate16.seconds)),
  generate64: rounded(median(peer.generate64.seconds) / median(ours.generate64.seconds)),
  peakMemory: rounded(Math.min(peer.eager.peakBytes ?? 0, peer.compile.peakBytes ?? 0) / (ours.train.peakBytes ?? Infinity)),
  product: rounded(median(peer.product.seconds) / median(ours.product.seconds))
})

/** The machine as it names itself. */
export const hardware = () => {
  const model = cpus()[0]?.model.trim() ?? process.arch
  return { cpu: model, cores: cpus().length, memoryGB: Math.round(totalmem() / 2 ** 30), platform: `${process.platform}-${process.arch}` }
}

/** `AMD EPYC 7B13` and 2 cores to `amd-epyc-7b13-2c`. */
export const hardwareSlug = ({ cores, cpu }: { readonly cpu: string; readonly cores: number }): string => {
  const name = cpu.toLowerCase().replace(/\((r|tm)\)|\bcpu\b|@.*$|processor/g, " ").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "")
  return `${name === "" ? "cpu" : name}-${cores}c`
}

const milliseconds = (measured: Measured) => {
  const sorted = measured.seconds.toSorted((a, b) => a - b)
  const ms = (seconds: number) => (seconds * 1000).toFixed(0)
  return `${ms(median(sorted))} (${ms(sorted[0]!)} to ${ms(sorted.at(-1)!)})`
}
const rate = ({ seconds }: Measured, shape: Shape) => productOperations(shape) / median(seconds)
const gigaflops = (measured: Measured, shape: Shape) => (rate(measured, shape) / 1e9).toFixed(0)
const megabytes = (measured: Measured) => measured.peakBytes === undefined ? "" : (measured.peakBytes / 1e6).toFixed(0)

export interface Report {
  readonly date: string
  readonly hardware: ReturnType<typeof hardware>
  readonly versions: Readonly<Record<string, unknown>>
  readonly shape: Shape
  readonly parameters: number
  readonly rounds: number
  readonly threads: number
  readonly measurements: Measurements
  readonly ratios: Ratios
}

export const markdown = (report: Report): string => {
  const { measurements: { floors, ours, peer }, ratios: r, shape } = report
  const fastest = Math.min(median(peer.eager.seconds), median(peer.compile.seconds))
  const rows: ReadonlyArray<readonly [string, Measured, Measured, number | undefined]> = [
    ["training step, PyTorch eager", ours.train, peer.eager, undefined],
    ["training step, torch.compile", ours.train, peer.compile, r.trainStep],
    ["generate, 16 rows", ours.generate16, peer.generate16, r.generate],
    ["generate, 64 rows", ours.generate64, peer.generate64, r.generate64]
  ]
  const bounds: ReadonlyArray<readonly [string, Measured, Measured, number]> = [
    ["training step", ours.train, floors.train, fastest],
    ["generate, 16 rows", ours.generate16, floors.generate16, median(peer.generate16.seconds)],
    ["generate, 64 rows", ours.generate64, floors.generate64, median(peer.generate64.seconds)]
  ]
  return `# ifrl against PyTorch and transformers, ${report.date}

\`npm run bench:peers -- --json\` on ${report.hardware.cpu}, ${report.hardware.cores} cores, ${report.hardware.memoryGB} GB, ${report.hardware.platform}.
fp32, ${report.threads} threads on both sides, the same checkpoint (${(report.parameters / 1e6).toFixed(1)} M parameters) in one go, ${report.rounds} rounds in turn after warm-up.
A training step is forward, backward, global-norm clipping and AdamW over one batch.

| task | ours, ms: median (range) | peer, ms: median (range) | peer / ours |
|---|---|---|---|
${rows.map(([task, a, b, ratio]) => `| ${task} | ${milliseconds(a)} | ${milliseconds(b)} | ${ratio ?? ""} |`).join("\n")}

Below both lie libraries for matrix products. One product of a step, [${shape.rows * shape.length}, ${shape.hidden}] x [${shape.hidden}, ${shape.intermediate}], runs at ${gigaflops(ours.product, shape)} GFLOP/s in ONNX Runtime
and at ${gigaflops(peer.product, shape)} in PyTorch (peer / ours ${r.product}). What the products with weights take in ONNX Runtime, in their own shapes and with nothing around them, is a
floor under ours; were all else free, the ratio would be the last column's.

| task | ours, ms | its products alone, ms | peer / products |
|---|---|---|---|
${bounds.map(([task, whole, products, other]) => `| ${task} | ${milliseconds(whole)} | ${milliseconds(products)} | ${(other / median(products.seconds)).toFixed(2)} |`).join("\n")}

The ratio of the training step is that of the peer's faster variant; that of memory, of its smaller one.

| peak resident memory, MB | ours | eager | compile | peer / ours |
|---|---|---|---|---|
| training step | ${megabytes(ours.train)} | ${megabytes(peer.eager)} | ${megabytes(peer.compile)} | ${r.peakMemory} |

Versions: ${Object.entries(report.versions).map(([name, version]) => `${name} ${String(version)}`).join(", ")}.
`
}
