// What both sides judge: every instruction of the public responses to IFEval (GPT-4, Llama-3.1-8B) and IFBench (its sample).
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface WorkRow {
  readonly id: string
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly response: string
}

interface PromptRow {
  readonly prompt: string
  readonly instruction_id_list: ReadonlyArray<string>
  readonly kwargs: ReadonlyArray<Readonly<Record<string, unknown>>>
}

const sets: ReadonlyArray<readonly [prompts: string, responses: string]> = [
  ["ifeval/input_data.jsonl", "ifeval/input_response_data_gpt4_20231107_145030.jsonl"],
  ["ifeval/input_data.jsonl", "ifeval/jack_llama31_8b_eval_results_strict.jsonl"],
  ["ifbench/IFBench_test.jsonl", "ifbench/sample_output.jsonl"]
]

const readRows = <A>(directory: string, path: string): ReadonlyArray<A> =>
  readFileSync(join(directory, path), "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as A)

const withoutNulls = (kwargs: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(kwargs).filter(([, value]) => value !== null))

/** The rows from the benchmark data in `directory`. */
export const readWork = (directory: string): ReadonlyArray<WorkRow> => {
  const missing = [...new Set(sets.flat())].filter((path) => !existsSync(join(directory, path)))
  if (missing.length > 0) {
    throw new Error(`${directory} lacks ${missing.join(", ")}; fetch them with npm run data, and name their folder in IFRL_DATA_DIR`)
  }
  return sets.flatMap(([prompts, responses]) => {
    const rows = new Map(readRows<PromptRow>(directory, prompts).map((row) => [row.prompt, row]))
    return readRows<{ readonly prompt: string; readonly response: string }>(directory, responses).flatMap(({ prompt, response }) => {
      const row = rows.get(prompt)
      return row === undefined ? [] : row.instruction_id_list.map((id, i) => ({ id, kwargs: withoutNulls(row.kwargs[i]!), response }))
    })
  })
}
