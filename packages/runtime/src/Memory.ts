/** Resident memory of this process, in bytes, for benchmarks and reports. */
import { readFileSync, writeFileSync } from "node:fs"

const field = (name: string): number | undefined => {
  if (process.platform !== "linux") return undefined
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}

/** Memory resident now. */
export const residentMemory = (): number => field("VmRSS") ?? process.memoryUsage.rss()

/** Most memory resident at once: since `resetPeakMemory` on Linux, since the process began elsewhere. */
export const peakMemory = (): number => field("VmHWM") ?? process.resourceUsage().maxRSS * 1024

/** Forgets the peak so far. True where the system can (Linux); elsewhere `peakMemory` keeps the peak of the process. */
export const resetPeakMemory = (): boolean => {
  if (process.platform !== "linux") return false
  try {
    writeFileSync("/proc/self/clear_refs", "5")
    return true
  } catch {
    // A kernel without CONFIG_PROC_PAGE_MONITOR, or a container that forbids it.
    return false
  }
}
