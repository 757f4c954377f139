// How far a download is: a bar that redraws itself on a terminal, a line for each tenth anywhere else. It goes to the
// error stream, because standard output is for results.
import type { HubProgress } from "@ifrl/models"
import { Clock, Effect } from "effect"
import { createLogUpdate } from "log-update"

const megabytes = (bytes: number) => (bytes / 1e6).toLocaleString("en-US", { maximumFractionDigits: bytes < 1e7 ? 1 : 0 })

const minutes = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`

/** One line of at most `columns` characters. `bytesPerSecond` is 0 while nothing is known. */
export const renderDownload = (
  name: string,
  { bytes, totalBytes }: Pick<HubProgress, "bytes" | "totalBytes">,
  bytesPerSecond: number,
  columns: number
): string => {
  const share = totalBytes === 0 ? 1 : bytes / totalBytes
  const speed = bytesPerSecond > 0 ? `  ${megabytes(bytesPerSecond)} MB/s  ${minutes((totalBytes - bytes) / bytesPerSecond)} left` : ""
  const numbers = `${megabytes(bytes)} of ${megabytes(totalBytes)} MB${speed}`
  const width = Math.min(30, columns - name.length - numbers.length - 6)
  if (width < 5) return `${name}  ${numbers}`.slice(0, columns)
  const filled = Math.floor(share * width)
  return `${name}  [${"=".repeat(filled)}${" ".repeat(width - filled)}]  ${numbers}`
}

interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** What `downloadModel` reports to, and what ends the bar. */
export const downloadBar = (name: string, stream: NodeJS.WriteStream & Output = process.stderr) => {
  const update = stream.isTTY ? createLogUpdate(stream) : undefined
  let began: { readonly at: number; readonly bytes: number } | undefined
  let drawn = -Infinity
  let tenth = -1
  const onProgress = Effect.fnUntraced(function*(progress: HubProgress) {
    const now = yield* Clock.currentTimeMillis
    // What was there before the first byte came says nothing of the speed.
    began ??= { at: now, bytes: progress.bytes }
    const { bytes, totalBytes } = progress
    const speed = now - began.at < 1000 ? 0 : (bytes - began.bytes) / (now - began.at) * 1000
    if (update !== undefined) {
      if (now - drawn < 100 && bytes < totalBytes) return
      drawn = now
      update(renderDownload(name, progress, speed, stream.columns ?? 80))
      return
    }
    const reached = Math.floor(10 * bytes / Math.max(1, totalBytes))
    if (reached <= tenth) return
    tenth = reached
    stream.write(`${renderDownload(name, progress, speed, 80)}\n`)
  })
  return { onProgress, end: Effect.sync(() => update?.done()) }
}
