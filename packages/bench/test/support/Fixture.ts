import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

/** A scratch folder with files in it. */
export const scratch = async (files: Readonly<Record<string, string>> = {}) => {
  const folder = await mkdtemp(join(tmpdir(), "ifrl-bench-"))
  const write = async (name: string, text: string) => {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    return path
  }
  for (const [name, text] of Object.entries(files)) await write(name, text)
  return { folder, write, remove: () => rm(folder, { recursive: true }) }
}

export const jsonl = (...rows: ReadonlyArray<unknown>): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

/** Three prompts in IFEval's format, made up for these tests. */
export const prompts = jsonl(
  { key: 1, prompt: "Name two fruits without a comma.", instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] },
  {
    key: 2,
    prompt: "Describe rain in quotation marks, in at least three words.",
    instruction_id_list: ["startend:quotation", "length_constraints:number_words"],
    kwargs: [{}, { relation: "at least", num_words: 3 }]
  },
  { key: 3, prompt: "Say something about #hash.\n", instruction_id_list: ["keywords:letter_frequency"], kwargs: [{ letter: "#", let_frequency: 1, let_relation: "at least" }] }
)
