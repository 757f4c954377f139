// What a running training looks like, as text: pure functions of the state, so that the terminal is only a printer.
import type { MetricRecord } from "@ifrl/train"
import pc from "picocolors"

/** A metric that is shown while training: the first of `metrics` that a step has. */
export interface Column {
  readonly label: string
  readonly metrics: ReadonlyArray<string>
  readonly digits: number
}

/** A response to look at. */
export interface Sample {
  readonly prompt: string
  readonly completion: string
  readonly reward?: number | undefined
}

/** Everything that is on the screen. */
export interface ViewState {
  readonly title: string
  readonly columns: ReadonlyArray<Column>
  /** 0 for work without steps, of which only the activity is shown. */
  readonly steps: number
  readonly step: number
  /** Steps that lay behind at the beginning, in a resumed run. */
  readonly completed: number
  /** Seconds since the beginning. */
  readonly seconds: number
  /** Metrics of the steps so far, for the last values and the small curves. */
  readonly history: ReadonlyArray<MetricRecord>
  /** What the step in progress is doing. */
  readonly activity?: { readonly label: string; readonly done: number; readonly total: number } | undefined
  readonly sample?: Sample | undefined
}

const thousands = (value: number) => Math.round(value).toLocaleString("en-US")

/** A number in few characters: `digits` decimals, thousands separated, exponent where the decimals would be zeros. */
export const formatNumber = (value: number, digits: number): string =>
  !Number.isFinite(value)
    ? String(value)
    : digits === 0
    ? thousands(value)
    : value !== 0 && Math.abs(value) < 10 ** -digits
    ? value.toExponential(1)
    : value.toFixed(digits)

/** `95` to `1 min 35 s`; the two largest units. */
export const formatDuration = (seconds: number): string => {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}

export const valueOf = (column: Column, record: MetricRecord | undefined): number | undefined =>
  column.metrics.map((name) => record?.[name]).find((value) => value !== undefined)

/** `width` characters filled up to `share`. */
const bar = (share: number, width: number) => {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  return `${"█".repeat(full)}${"░".repeat(width - full)}`
}

const ticks = "▁▂▃▄▅▆▇█"

/** The last `width` values as a small curve from their least to their greatest. */
export const sparkline = (values: ReadonlyArray<number>, width: number): string => {
  if (width <= 0) return ""
  const shown = values.filter(Number.isFinite).slice(-width)
  const low = Math.min(...shown)
  const span = Math.max(...shown) - low
  return shown.map((value) => ticks[span === 0 ? 0 : Math.round(((value - low) / span) * (ticks.length - 1))]).join("")
}

/** One line of text, cut to `width` with an ellipsis. */
const cut = (text: string, width: number) => {
  const line = text.replace(/\s+/g, " ").trim()
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`
}

/** Seconds until the end at the speed so far; undefined before the first step. */
const secondsLeft = ({ completed, seconds, step, steps }: ViewState) =>
  step === completed ? undefined : (seconds / (step - completed)) * (steps - step)

/** The screen of a training, at most `width` characters wide. */
export const renderView = (state: ViewState, width: number): string => {
  const left = secondsLeft(state)
  const last = state.history.at(-1)
  const progress = state.steps === 0 ? [] : [`${state.step}/${state.steps}`]
  const times = [formatDuration(state.seconds), ...(left === undefined ? [] : [`${formatDuration(left)} left`])]
  // The bar takes what the words leave; where it has no room, the last of the words go too.
  const words = [state.title, ...progress, ...times]
  const room = width - words.join("  ").length - 2
  const parts = state.steps > 0 && room >= 5
    ? [state.title, bar(state.step / state.steps, Math.min(20, room)), ...progress, ...times]
    : words.filter((_, i) => words.slice(0, i + 1).join("  ").length <= width)
  const head = parts.map((part, i) => i === 0 ? pc.bold(part) : times.includes(part) ? pc.dim(part) : part).join("  ")
  const labels = Math.max(0, ...state.columns.map((column) => column.label.length))
  const metrics = state.columns.flatMap((column) => {
    const value = valueOf(column, last)
    if (value === undefined) return []
    const values = state.history.flatMap((record) => valueOf(column, record) ?? [])
    const number = formatNumber(value, column.digits).padStart(9)
    const curve = sparkline(values, Math.min(40, width - labels - 15))
    return [`${`  ${column.label.padEnd(labels)} ${number}`.slice(0, width)}${curve === "" ? "" : `  ${pc.cyan(curve)}`}`]
  })
  const activity = state.activity === undefined
    ? []
    : [`  ${cut(`${state.activity.label} ${thousands(state.activity.done)}/${thousands(state.activity.total)}`, width - 2)}`]
  const sample = state.sample === undefined ? [] : [
    pc.dim(`  ${cut(state.sample.prompt, width - 4)}`),
    `  ${pc.green(">")} ${cut(state.sample.completion, width - 6)}`,
    ...(state.sample.reward === undefined ? [] : [pc.dim(`    reward ${formatNumber(state.sample.reward, 3)}`.slice(0, width))])
  ]
  return [head, ...metrics, ...activity, ...sample].join("\n")
}

/** One step as one plain line, for logs. */
export const renderLine = (state: ViewState): string => {
  const last = state.history.at(-1)
  const metrics = state.columns.flatMap((column) => {
    const value = valueOf(column, last)
    return value === undefined ? [] : [`${column.label} ${formatNumber(value, column.digits)}`]
  })
  return [`step ${state.step}/${state.steps}`, ...metrics, formatDuration(state.seconds)].join("  ")
}

/** What a GRPO run shows, under the metric names of @ifrl/grpo. Without a reference, KL is that towards the sampling policy. */
export const policyColumns: ReadonlyArray<Column> = [
  { label: "reward", metrics: ["reward"], digits: 3 },
  { label: "length", metrics: ["completions/mean_length"], digits: 1 },
  { label: "KL", metrics: ["kl", "old_kl"], digits: 4 },
  { label: "tokens/s", metrics: ["rollout/tokens_per_second"], digits: 0 }
]

/** What supervised fine-tuning shows. */
export const tuningColumns: ReadonlyArray<Column> = [
  { label: "loss", metrics: ["loss"], digits: 4 },
  { label: "validation", metrics: ["eval/loss"], digits: 4 },
  { label: "tokens/s", metrics: ["tokens_per_second"], digits: 0 }
]
