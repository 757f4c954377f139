import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect } from "effect"
import { CliOutput, Command } from "effect/cli"
import { cli } from "./Cli.ts"
import { reportFailure } from "./Failure.ts"
import { version } from "./Version.ts"

/** A wrong invocation gets one message on the error stream and the way to the help, not the help itself. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
        `${event.errors.map((error) => `ifrl: ${error.message}`).join("\n")}\n  ${event.commandPath.join(" ")} --help lists the flags`
      )
      : CliOutput.defaultPresenter.present(event)
})

cli.pipe(
  Command.run({ version }),
  Effect.provide([NodeServices.layer, presenter]),
  reportFailure(process.argv.includes("--debug")),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
