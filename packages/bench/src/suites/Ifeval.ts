import { instructionCaveats, instructionSuite } from "./Instructions.ts"
import type { Suite } from "./Suite.ts"

/** 541 prompts with 834 instructions of 25 kinds. */
export const ifeval: Suite = {
  ...instructionSuite,
  name: "ifeval",
  title: "IFEval",
  paper: "Instruction-Following Evaluation for Large Language Models, arXiv 2311.07911",
  checker: "google-research/instruction_following_eval @3f357bde",
  files: ["ifeval/input_data.jsonl"],
  source: "https://github.com/google-research/google-research/tree/master/instruction_following_eval/data",
  caveats: instructionCaveats
}
