import { describe, expect, test } from "@jest/globals"
import { Cause, Effect, Exit, PlatformError } from "effect"
import { TestConsole } from "effect/testing"
import { CommandError } from "../src/CommandError.ts"
import { describeFailure, reportFailure } from "../src/Failure.ts"

const error = new CommandError({ operation: "config", subject: "a.yaml", reason: "unknown key a", remedy: "did you mean b?" })

describe("describeFailure", () => {
  test("puts the remedy on a line of its own", () => {
    expect(describeFailure(Cause.fail(error), false)).toBe("ifrl: config: a.yaml: unknown key a\n  did you mean b?")
  })

  test("takes the remedy out of messages that end with it", () => {
    const other = Object.assign(new Error("session \"eval\": run: no kernel. Cast the input"), { _tag: "RuntimeError", remedy: "Cast the input" })
    expect(describeFailure(Cause.fail(other), false)).toBe("ifrl: session \"eval\": run: no kernel\n  Cast the input")
  })

  test("gives file errors a remedy", () => {
    const missing = PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "open", pathOrDescriptor: "x.json" })
    expect(describeFailure(Cause.fail(missing), false)).toMatch(/^ifrl: .*x\.json.*\n {2}check the path$/)
  })

  test("shows no stack without --debug and one with it", () => {
    const fault = new TypeError("x is undefined")
    expect(describeFailure(Cause.die(fault), false)).toBe("ifrl: unexpected: x is undefined\n  run again with --debug to see where")
    expect(describeFailure(Cause.die(fault), true)).toMatch(/Failure\.test\.ts/)
  })
})

describe("reportFailure", () => {
  const run = (effect: Effect.Effect<void, CommandError>) =>
    Effect.runPromise(
      Effect.gen(function*() {
        const exit = yield* Effect.exit(reportFailure(false)(effect))
        return { exit, errors: yield* TestConsole.errorLines, output: yield* TestConsole.logLines }
      }).pipe(Effect.provide(TestConsole.layer))
    )

  test("prints one message on the error stream and fails", async () => {
    const { errors, exit, output } = await run(Effect.fail(error))
    expect(errors).toEqual(["ifrl: config: a.yaml: unknown key a\n  did you mean b?"])
    expect(output).toEqual([])
    expect(Exit.isFailure(exit)).toBe(true)
  })

  test("an interruption stays an interruption", async () => {
    const { errors, exit } = await run(Effect.interrupt)
    expect(errors).toEqual(["ifrl: interrupted"])
    expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
  })
})
