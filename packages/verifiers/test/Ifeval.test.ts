import { expect, test } from "@jest/globals"
import { verify, verifyLoose } from "../src/index.ts"
import { prepare } from "../src/Verify.ts"
import { VerifierError } from "../src/Verifier.ts"
import { describeWithData, readLines } from "./support/Data.ts"

interface Run {
  readonly key: number
  readonly instruction_id_list: ReadonlyArray<string>
  readonly kwargs: ReadonlyArray<object>
  readonly response: string
  readonly strict: ReadonlyArray<boolean>
  readonly loose: ReadonlyArray<boolean>
  readonly langdetect_unstable: ReadonlyArray<boolean>
}

describeWithData("IFEval", () => {
  for (const file of ["gpt4", "llama31_8b"]) {
    test(`verdicts of ${file}`, () => {
      const bad: Array<string> = []
      let unstable = 0
      let n = 0
      for (const row of readLines<Run>(`ifeval/reference_runs/${file}.jsonl`)) {
        for (const [i, id] of row.instruction_id_list.entries()) {
          n++
          if (row.langdetect_unstable[i]!) { unstable++; continue }
          const s = verify({ id, kwargs: row.kwargs[i] }, row.response)
          const l = verifyLoose({ id, kwargs: row.kwargs[i] }, row.response)
          if (s._tag !== "Decided" || l._tag !== "Decided" || s.followed !== row.strict[i] || l.followed !== row.loose[i])
            bad.push(`${row.key} ${id} ${JSON.stringify(row.kwargs[i])} ${JSON.stringify(s)} ${JSON.stringify(l)} ${row.strict[i]} ${row.loose[i]}`)
        }
      }
      console.log(n, unstable)
      expect(bad).toEqual([])
    })
  }
  test("unit vectors", () => {
    const bad = readLines<any>("ifeval/reference_runs/unit_vectors.jsonl").filter((v) => {
      if (v.instruction_id === null) return false
      const p = prepare({ id: v.instruction_id, kwargs: v.kwargs })
      return p instanceof VerifierError || p.check(v.value) !== v.expected
    })
    expect(bad).toEqual([])
  })
})
