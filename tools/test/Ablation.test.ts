import { expect, test } from "@jest/globals"
import { ablationTable } from "../ablation/Table.mjs"

const summary = (soft: number) => ({
  before: { promptStrict: 0.5, instructionStrict: 0.6, soft: 0.7, softModel: 0.75, formatRate: 1, relevance: 0.9, probe: 0.8 },
  after: { promptStrict: 0.8, instructionStrict: 0.9, soft, formatRate: 1, relevance: 0.9 }
})

test("a line a variant: mean and standard deviation over the seeds there are; what is missing is left blank", () => {
  const table = ablationTable(["full", "no-soft", "binary"], [0, 1, 2], (name: string, seed: number) =>
    name === "full" ? summary(0.8 + 0.1 * seed) : name === "no-soft" && seed === 0 ? summary(0.6) : undefined)
  expect(table.split("\n")).toEqual([
    "| | seeds | prompt-level | instruction-level | soft (truth) | soft (model) | format | relevance | reasoning probe |",
    "|---|---|---|---|---|---|---|---|---|",
    "| before |  | 0.500 | 0.600 | 0.700 | 0.750 | 1.000 | 0.900 | 0.800 |",
    "| full | 3 | 0.800 ± 0.000 | 0.900 ± 0.000 | 0.900 ± 0.100 |  | 1.000 ± 0.000 | 0.900 ± 0.000 |  |",
    "| without soft rewards | 1 | 0.800 | 0.900 | 0.600 |  | 1.000 | 0.900 |  |",
    "| binary soft rewards | 0 |  |  |  |  |  |  |  |"
  ])
})
