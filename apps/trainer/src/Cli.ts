import { Command } from "effect/cli"
import { artifacts } from "./commands/Artifacts.ts"
import { doctor } from "./commands/Doctor.ts"
import { generate } from "./commands/Generate.ts"
import { showConfig } from "./commands/ShowConfig.ts"
import { Debug, Json } from "./Flags.ts"

export const cli = Command.make("ifrl").pipe(
  Command.withDescription("Train language models to follow instructions"),
  Command.withSubcommands([generate, artifacts, doctor, showConfig]),
  Command.withGlobalFlags([Json, Debug])
)
