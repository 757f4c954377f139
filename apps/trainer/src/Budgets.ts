// How long one command may go on, whatever the run's own length: time and steps.
import type { Stop } from "@ifrl/train"
import type { Config } from "./Config.ts"

/** Why the command ends after `step`, `seconds` after it began at step `completed`; undefined while it may go on. */
export const budgetStop = (
  { run: { maxMinutes, maxSteps } }: Config,
  completed: number,
  step: number,
  seconds: number
): Stop | undefined =>
  maxMinutes > 0 && seconds > maxMinutes * 60
    ? { reason: `run.maxMinutes ${maxMinutes} are over` }
    : maxSteps > 0 && step - completed >= maxSteps
    ? { reason: `run.maxSteps ${maxSteps} are done` }
    : undefined
