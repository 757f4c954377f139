import { instructionCaveats, instructionSuite } from "./Instructions.ts"
import type { RecordVerdict, Suite } from "./Suite.ts"

/** 300 prompts with 344 instructions of 58 kinds that IFEval does not have. */
export const ifbench: Suite = {
  ...instructionSuite,
  name: "ifbench",
  title: "IFBench",
  paper: "Generalizing Verifiable Instruction Following, arXiv 2507.02833",
  checker: "allenai/IFBench @db69a6f0",
  files: ["ifbench/IFBench_test.jsonl"],
  source: "https://github.com/allenai/IFBench/tree/main/data",
  headline: (verdicts: ReadonlyArray<RecordVerdict>) => ({
    ...instructionSuite.headline(verdicts),
    note: "Its authors quote prompt-level loose."
  }),
  caveats: instructionCaveats
}
