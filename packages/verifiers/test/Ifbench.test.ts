import { expect } from "@jest/globals"
import { prepare, verify, VerifierError, verifyLoose } from "../src/index.ts"
import { readJson, readLines, reportParity, testWithData } from "./support/Data.ts"

interface Run {
  readonly key: string
  readonly instruction_id_list: ReadonlyArray<string>
  readonly kwargs: ReadonlyArray<object>
  readonly response: string
  readonly strict: ReadonlyArray<boolean>
  readonly loose: ReadonlyArray<boolean>
}

interface Unit {
  readonly instruction_id: string
  readonly kwargs: object | null
  readonly value: string
  readonly expected: boolean
}

interface Matrix {
  readonly texts: ReadonlyArray<string>
  readonly rows: ReadonlyArray<{
    readonly instruction_id: string
    readonly kwargs: object
    readonly results: ReadonlyArray<0 | 1 | string>
  }>
}

const check = (id: string, kwargs: unknown): ((response: string) => boolean) => {
  const prepared = prepare({ id, kwargs })
  if (prepared instanceof VerifierError) throw prepared
  return prepared.check
}

const runs = "ifbench/reference_runs/sample_output.jsonl"
testWithData([runs], "IFBench: verdicts of the sample output", () => {
  const bad: Array<string> = []
  let compared = 0
  for (const row of readLines<Run>(runs)) {
    for (const [i, id] of row.instruction_id_list.entries()) {
      compared++
      const instruction = { id, kwargs: row.kwargs[i] }
      const actual = [verify(instruction, row.response), verifyLoose(instruction, row.response)]
      const expected = [row.strict[i], row.loose[i]].map((followed) => ({ _tag: "Decided", followed }))
      if (JSON.stringify(actual) !== JSON.stringify(expected)) bad.push(`${row.key} ${id} ${JSON.stringify(actual)}`)
    }
  }
  expect(bad).toEqual([])
  reportParity("IFBench's sample output, strict and loose", compared)
})

const units = "ifbench/reference_runs/unit_vectors.jsonl"
testWithData([units], "IFBench: unit vectors", () => {
  const vectors = readLines<Unit>(units)
  expect(vectors).toHaveLength(174)
  expect(vectors.filter(({ expected, instruction_id, kwargs, value }) => check(instruction_id, kwargs)(value) !== expected))
    .toEqual([])
  reportParity("IFBench's unit tests", vectors.length)
})

const matrix = "ifbench/reference_runs/cross_matrix.json"
testWithData([matrix], "IFBench: cross matrix", () => {
  const { rows, texts } = readJson<Matrix>(matrix)
  const bad = rows.flatMap(({ instruction_id, kwargs, results }) => {
    const follows = check(instruction_id, kwargs)
    // Where the reference raises, the instruction was not followed.
    return texts.flatMap((text, i) => follows(text) === (results[i] === 1) ? [] : [`${instruction_id} ${i} ${results[i]}`])
  })
  expect(bad).toEqual([])
  reportParity("IFBench's instructions by texts", rows.length * texts.length)
})

interface Published {
  readonly prompt: string
  readonly instruction_id_list: ReadonlyArray<string>
  readonly follow_instruction_list: ReadonlyArray<boolean>
  readonly response: string
}

const prompts = "ifbench/IFBench_test.jsonl"
const published = ["strict", "loose"].map((mode) => `ifbench/eval_results_${mode}.jsonl`)
testWithData([prompts, ...published], "IFBench: verdicts that its authors published", () => {
  const rows = new Map(readLines<Pick<Run, "key" | "kwargs"> & { readonly prompt: string }>(prompts).map((row) => [row.prompt, row]))
  const different = published.flatMap((path, loose) =>
    readLines<Published>(path).flatMap((result) => {
      const row = rows.get(result.prompt)
      return row === undefined ? [] : result.instruction_id_list.flatMap((id, i) => {
        const verdict = (loose === 1 ? verifyLoose : verify)({ id, kwargs: row.kwargs[i] }, result.response)
        return verdict._tag === "Decided" && verdict.followed === result.follow_instruction_list[i] ? [] : [`${row.key} ${id}`]
      })
    })
  )
  // Theirs are of July 2025, before Punkt told sentences apart.
  expect(different).toEqual(["163 ratio:sentence_type", "163 ratio:sentence_type"])
})
