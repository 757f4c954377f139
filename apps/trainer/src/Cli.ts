import { Command } from "effect/cli"
import { doctor } from "./commands/Doctor.ts"
import { showConfig } from "./commands/ShowConfig.ts"
import { Debug, Json } from "./Flags.ts"

export const cli = Command.make("ifrl").pipe(
  Command.withDescription("Train language models to follow instructions"),
  Command.withSubcommands([doctor, showConfig]),
  Command.withGlobalFlags([Json, Debug])
)
