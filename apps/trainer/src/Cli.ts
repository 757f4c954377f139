import { Command } from "effect/cli"
import { artifacts } from "./commands/Artifacts.ts"
import { curriculum } from "./commands/Curriculum.ts"
import { doctor } from "./commands/Doctor.ts"
import { evaluateCommand } from "./commands/Eval.ts"
import { explain } from "./commands/Explain.ts"
import { exportCommand } from "./commands/Export.ts"
import { generate } from "./commands/Generate.ts"
import { reward } from "./commands/Reward.ts"
import { sft } from "./commands/Sft.ts"
import { showConfig } from "./commands/ShowConfig.ts"
import { train } from "./commands/Train.ts"
import { Debug, Json } from "./Flags.ts"

export const cli = Command.make("ifrl").pipe(
  Command.withDescription("Train language models to follow instructions"),
  Command.withSubcommands([train, sft, evaluateCommand, generate, artifacts, exportCommand, curriculum, reward, doctor, showConfig, explain]),
  Command.withGlobalFlags([Json, Debug])
)
