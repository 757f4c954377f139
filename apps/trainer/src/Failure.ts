// The last thing a failing command says: what failed, where, and what to do about it, and nothing else.
import { Cause, Console, Effect, Inspectable, Runtime } from "effect"
import { CliError } from "effect/cli"

interface Described {
  readonly message: string
  readonly remedy?: string
}

const isDescribed = (error: unknown): error is Described & { readonly _tag: string } =>
  typeof error === "object" && error !== null && "_tag" in error && "message" in error && typeof error.message === "string"

/** What to do when a file operation fails, by Effect's reason. */
const fileRemedies: Readonly<Record<string, string>> = {
  NotFound: "check the path",
  AlreadyExists: "choose another path",
  PermissionDenied: "make it readable and writable, or choose another path",
  Unknown: "check the path and the free space of the disk"
}

const remedyOf = (error: Described): string | undefined => {
  if (error.remedy !== undefined) return error.remedy
  const reason = "reason" in error ? error.reason : undefined
  return isDescribed(error) && error._tag === "PlatformError" && isDescribed(reason) ? fileRemedies[reason._tag] : undefined
}

/** Messages of this project's errors end with their remedy; here it gets a line of its own. */
const withoutRemedy = (message: string, remedy: string | undefined): string => {
  const at = remedy === undefined ? -1 : message.lastIndexOf(remedy)
  return at <= 0 ? message : message.slice(0, at).replace(/[\s;:.,]+$/, "")
}

/** The text for a person: one message, and a second line with the remedy where there is one. */
export const describeFailure = (cause: Cause.Cause<unknown>, debug: boolean): string => {
  const error = Cause.squash(cause)
  const trace = debug ? `\n${Cause.pretty(cause)}` : ""
  if (isDescribed(error)) {
    const remedy = remedyOf(error)
    const message = withoutRemedy(error.message, remedy)
    return `ifrl: ${message}${remedy === undefined ? "" : `\n  ${remedy.replace(/\.$/, "")}`}${trace}`
  }
  const message = error instanceof Error ? error.message : Inspectable.toStringUnknown(error)
  return `ifrl: unexpected: ${message}\n  ${debug ? "this is a fault of ifrl" : "run again with --debug to see where"}${trace}`
}

/** Failed, and the person was told; the process exits with 1 and says no more. */
class Reported extends Error {
  override readonly [Runtime.errorReported] = false
  override readonly [Runtime.errorExitCode] = 1
}

const isHelp = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause)
  return CliError.isCliError(error) && error._tag === "ShowHelp"
}

/** Print a failure on the error stream and end with exit code 1; an interruption stays one (exit code 130). */
export const reportFailure = (debug: boolean) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.catchCause((cause): Effect.Effect<never, E | Reported> =>
      Cause.hasInterruptsOnly(cause) || isHelp(cause)
        ? Effect.failCause(cause)
        : Console.error(describeFailure(cause, debug)).pipe(Effect.andThen(Effect.fail(new Reported())))
    ),
    Effect.onInterrupt(() => Console.error("ifrl: interrupted"))
  )
