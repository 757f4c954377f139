import { describe, expect, test } from "@jest/globals"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { markdown, type Pass, speedup } from "../verifiers/Report.ts"
import { readWork } from "../verifiers/Work.ts"

const pass = (a: number, b: number, verdicts = "30"): Pass => ({ seconds: { "x:a": a, "x:b": b }, verdicts })
const report = {
  date: "2026-01-02",
  hardware: { cpu: "a cpu", cores: 2, memoryGB: 24, platform: "linux-x64" },
  versions: { node: "v20", nltk: "3.9.1" },
  rows: 2,
  load: [0.5, 1] as const,
  ours: [pass(1, 1), pass(0.01, 0.01), pass(0.02, 0.02)],
  peer: [pass(2, 2), pass(1, 0.5), pass(1, 0.5, "31")],
  hostile: [{ id: "x:a", milliseconds: 3, piece: "|\n" }, { id: "x:b", milliseconds: 42, piece: "a" }]
}

describe("the verifiers' benchmark", () => {
  test("the ratio is of the medians after the first pass", () => {
    expect(speedup(report)).toBeCloseTo(1.5 / 0.03, 10)
  })
  test("the note tells the first pass apart, counts differing verdicts and names the slowest on hostile text", () => {
    const text = markdown(report)
    expect(text).toContain("| first pass, nothing warm | 2.000 | 4.000 | 2.0 |")
    expect(text).toContain("| median of the passes after warm-up (range) | 0.030 (0.020 to 0.040) | 1.500 (1.500 to 1.500) | 50.0 |")
    expect(text).toContain("0 of 2 verdicts differ")
    expect(text).toMatch(/\| x:b \| 42 \| `"a"` \|\n\| x:a \| 3 \| `"\\\|\\n"` \|/)
  })
  test("data that is missing is named with the command that fetches it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ifrl-work-"))
    expect(() => readWork(folder)).toThrow(/lacks ifeval\/input_data\.jsonl, .*ifbench\/sample_output\.jsonl; fetch them with npm run data/)
    await rm(folder, { recursive: true })
  })
})
