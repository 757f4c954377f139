import { expect, test } from "@jest/globals"
import { prepare, verify, VerifierError, verifyLoose } from "../src/index.ts"
import { describeWithData, readJson, readLines } from "./support/Data.ts"

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

describeWithData("IFBench", () => {
  test("verdicts of the sample output", () => {
    const bad: Array<string> = []
    for (const row of readLines<Run>("ifbench/reference_runs/sample_output.jsonl")) {
      for (const [i, id] of row.instruction_id_list.entries()) {
        const instruction = { id, kwargs: row.kwargs[i] }
        const actual = [verify(instruction, row.response), verifyLoose(instruction, row.response)]
        const expected = [row.strict[i], row.loose[i]].map((followed) => ({ _tag: "Decided", followed }))
        if (JSON.stringify(actual) !== JSON.stringify(expected)) bad.push(`${row.key} ${id} ${JSON.stringify(actual)}`)
      }
    }
    expect(bad).toEqual([])
  })
  test("unit vectors", () => {
    const vectors = readLines<Unit>("ifbench/reference_runs/unit_vectors.jsonl")
    expect(vectors).toHaveLength(174)
    expect(vectors.filter(({ expected, instruction_id, kwargs, value }) => check(instruction_id, kwargs)(value) !== expected))
      .toEqual([])
  })
  test("cross matrix", () => {
    const { rows, texts } = readJson<Matrix>("ifbench/reference_runs/cross_matrix.json")
    const bad = rows.flatMap(({ instruction_id, kwargs, results }) => {
      const follows = check(instruction_id, kwargs)
      // Where the reference raises, the instruction was not followed.
      return texts.flatMap((text, i) => follows(text) === (results[i] === 1) ? [] : [`${instruction_id} ${i} ${results[i]}`])
    })
    expect(bad).toEqual([])
  })
})
