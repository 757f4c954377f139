// What IFEval and IFBench share: the file format, and accuracy at prompt and at instruction level, strict and loose.
import { loadPrompts } from "@ifrl/curriculum"
import { Effect } from "effect"
import { BenchError } from "../BenchError.ts"
import { isUnsettled } from "./Unsettled.ts"
import { type Caveat, type Cell, type RecordVerdict, rowsBy, share, type Suite, type SuiteRecord } from "./Suite.ts"

type Mode = "strict" | "loose"
type Flags = Readonly<Record<Mode, boolean>>

const both = (items: ReadonlyArray<Flags>): Readonly<Record<Mode, Cell>> => ({
  strict: share(items.map((item) => item.strict)),
  loose: share(items.map((item) => item.loose))
})

const promptFlags = ({ instructions }: RecordVerdict): Flags => ({
  strict: instructions.every((i) => i.strict),
  loose: instructions.every((i) => i.loose === true)
})

const instructionFlags = (verdicts: ReadonlyArray<RecordVerdict>) =>
  verdicts.flatMap(({ instructions }) => instructions.map(({ id, loose = false, strict }) => ({ id, strict, loose })))

/** Everything of a suite in IFEval's format but its name and source. */
export const instructionSuite = {
  loose: true,
  read: ([path]) =>
    loadPrompts(path!).pipe(
      Effect.map((rows) =>
        rows.map(({ id, instruction_id_list, kwargs, prompt }): SuiteRecord => ({
          key: id,
          prompt,
          instructions: instruction_id_list.map((instruction, i) => ({ id: instruction, kwargs: kwargs[i] })),
          labels: {}
        }))
      ),
      Effect.mapError((cause) =>
        new BenchError({
          subject: cause.line === undefined ? path! : `${path}:${cause.line}`,
          reason: cause.problem,
          remedy: "fetch the file again",
          cause
        })
      )
    ),
  headline: (verdicts) => ({
    title: "Accuracy",
    head: "level",
    rows: { "prompt-level": both(verdicts.map(promptFlags)), "instruction-level": both(instructionFlags(verdicts)) }
  }),
  breakdowns: (verdicts) => [
    {
      title: "By number of instructions in the prompt",
      head: "instructions",
      rows: rowsBy(verdicts, ({ instructions: { length } }) => `${length} instruction${length === 1 ? "" : "s"}`, (group) =>
        both(group.map(promptFlags))),
      note: "Prompts whose every instruction is followed."
    },
    {
      title: "By family of instructions",
      head: "family",
      rows: rowsBy(instructionFlags(verdicts), ({ id }) => id.slice(0, id.indexOf(":")), both)
    },
    { title: "By instruction", head: "instruction", rows: rowsBy(instructionFlags(verdicts), ({ id }) => id, both) }
  ]
} satisfies Partial<Suite>

/** True of every suite that has IFEval's instructions. */
export const instructionCaveats: ReadonlyArray<Caveat> = [
  {
    reason: "rests on the language of a text whose words alone do not settle it; the original identifies languages at random " +
      "and may differ from run to run",
    appliesTo: (_, instruction, response) => isUnsettled(instruction, response)
  },
  {
    reason: "counts a character outside a to z, which copies of the original from before 2025 replace by a random letter",
    appliesTo: (_, { id, kwargs }) =>
      id === "keywords:letter_frequency" && !/^[a-z]$/i.test(String((kwargs as { readonly letter?: unknown }).letter))
  }
]
