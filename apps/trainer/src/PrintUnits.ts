// How a plan is shown: lines for a person, an object for --json.
import type { PhaseUnits, Units } from "./Units.ts"

const integer = (value: number) => Math.round(value).toLocaleString("en-US")
const duration = (minutes: number) => minutes < 0.1 ? `${(minutes * 60).toFixed(1)} s` : `${minutes.toFixed(1)} min`
/** `promptsPerStep` to `prompts per step`. */
export const words = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

/** Units as lines for a person. */
export const printUnits = ({ assumed, counts, evaluation, memoryMB, minutes, minutesPerStep, phasesMB, rewardModel }: Units): string => {
  const parts = (record: Units["memoryMB"], print: (value: number) => string) =>
    Object.entries(record).filter(([name]) => name !== "total").map(([name, value]) => [`  ${words(name)}`, print(value)])
  const section = (title: string, units: PhaseUnits | undefined) =>
    units === undefined ? [] : [
      [title, duration(units.minutes.total)],
      ...Object.entries(units.counts).map(([name, value]) => [`  ${words(name)}`, integer(value)]),
      ...parts(units.minutes, duration)
    ]
  /** Without steps, or with one, the time of a step is that of all. */
  const stepless = minutesPerStep.total === minutes
  const lines = [
    ...Object.entries(counts).map(([name, value]) => [words(name), integer(value)]),
    ["memory, estimated", `${integer(memoryMB.total)} MB`],
    ...parts(memoryMB, (value) => `${integer(value)} MB`),
    ...(phasesMB === undefined ? [] : [["memory of each phase", ""], ...parts({ ...phasesMB, total: 0 }, (value) => `${integer(value)} MB`)]),
    ...(stepless ? [] : [["time per step, estimated", duration(minutesPerStep.total)], ...parts(minutesPerStep, duration)]),
    ...section("reward model, made first", rewardModel),
    ...section("evaluations, all of them", evaluation),
    ["time of all, estimated", duration(minutes)],
    ...(stepless ? parts(minutesPerStep, duration) : []),
    ["assumed", `${integer(assumed.promptTokens)} tokens a prompt, ${integer(assumed.gigaflops)} GFLOP/s; token counts are upper bounds`]
  ]
  return lines.map(([label, value]) => `${label!.padEnd(28)}${value}`).join("\n")
}

/** Units as one flat object, for --json. */
export const unitsJson = ({ assumed, counts, evaluation, memoryMB, minutes, minutesPerStep, phasesMB, rewardModel }: Units) => ({
  ...counts,
  memoryMB,
  ...(phasesMB !== undefined && { phasesMB }),
  minutesPerStep,
  ...(rewardModel !== undefined && { rewardModel: { ...rewardModel.counts, minutes: rewardModel.minutes } }),
  ...(evaluation !== undefined && { evaluation: { ...evaluation.counts, minutes: evaluation.minutes } }),
  minutes,
  assumed
})
