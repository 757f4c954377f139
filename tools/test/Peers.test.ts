import { describe, expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { hardwareSlug, markdown, type Measurements, median, ratios } from "../peers/Report.ts"
import { productsGraph } from "../peers/Products.ts"
import { shape, tokens } from "../peers/Shape.ts"
import { Side } from "../peers/Side.ts"

const measurements: Measurements = {
  ours: { train: { seconds: [1, 1.1, 0.9], peakBytes: 1e9 }, generate16: { seconds: [0.5] }, generate64: { seconds: [2] }, product: { seconds: [0.011] } },
  floors: { train: { seconds: [0.8] }, generate16: { seconds: [0.4] }, generate64: { seconds: [1.25] } },
  peer: {
    eager: { seconds: [2, 1.8, 1.9], peakBytes: 1.5e9 },
    compile: { seconds: [1.7, 1.6, 1.8], peakBytes: 2e9 },
    generate16: { seconds: [2] },
    generate64: { seconds: [5] },
    product: { seconds: [0.01] }
  }
}

describe("Report", () => {
  test("the median of an odd and of an even number of values", () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
  })

  test("ratios take the peer's faster variant for time and its smaller one for memory", () => {
    expect(ratios(measurements)).toEqual({ trainStep: 1.7, generate: 4, generate64: 2.5, peakMemory: 1.5, product: 0.909 })
  })

  test("a file name for the hardware", () => {
    expect(hardwareSlug({ cpu: "Intel(R) Xeon(R) Platinum 8581C CPU @ 2.10GHz", cores: 2 })).toBe("intel-xeon-platinum-8581c-2c")
    expect(hardwareSlug({ cpu: "", cores: 4 })).toBe("cpu-4c")
  })

  test("the note has every task, its figures and the versions", () => {
    const text = markdown({
      date: "2026-01-02",
      hardware: { cpu: "a cpu", cores: 2, memoryGB: 24, platform: "linux-x64" },
      versions: { torch: "2.13.0" },
      shape,
      parameters: 26.75e6,
      rounds: 3,
      threads: 2,
      measurements,
      ratios: ratios(measurements)
    })
    expect(text).toContain("| training step, torch.compile | 1000 (900 to 1100) | 1700 (1600 to 1800) | 1.7 |")
    expect(text).toContain("| generate, 64 rows | 2000 (2000 to 2000) | 5000 (5000 to 5000) | 2.5 |")
    expect(text).toContain("| training step | 1000 | 1500 | 2000 | 1.5 |")
    expect(text).toContain("torch 2.13.0")
    // 2 x 2,048 x 512 x 1,408 operations in 11 and in 10 ms.
    expect(text).toContain("runs at 268 GFLOP/s")
    expect(text).toContain("and at 295 in PyTorch (peer / ours 0.909)")
    expect(text).toContain("| training step | 1000 (900 to 1100) | 800 (800 to 800) | 2.13 |")
    expect(text).toContain("| generate, 64 rows | 2000 (2000 to 2000) | 1250 (1250 to 1250) | 4.00 |")
  })
})

test("the floor holds every product of a step once forward and, in training, twice backward", () => {
  const weights = 7 * shape.layers + 1
  const operations = (rows: number, training: boolean) =>
    productsGraph(shape, { layers: rows, head: rows }, training).nodes
      .filter(({ opType }) => /MatMul/.test(opType))
      .map(({ attributes, inputs: [a], outputs: [y] }) => 2 * Number(attributes["transA"] === 1 ? a!.shape![0] : a!.shape![1]) * (y!.shape as Array<number>).reduce((n, m) => n * m))
  const total = (of: ReadonlyArray<number>) => of.reduce((a, b) => a + b)
  const parameters = shape.layers * shape.hidden * (2 * shape.hidden + 4 * 64 + 3 * shape.intermediate) + shape.vocab * shape.hidden
  expect(operations(16, false)).toHaveLength(weights)
  expect(total(operations(16, false))).toBe(2 * 16 * parameters)
  expect(operations(2048, true)).toHaveLength(3 * weights)
  expect(total(operations(2048, true))).toBe(6 * 2048 * parameters)
})

test("the peer is pinned to what made the fixtures", () => {
  const pins = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8").split("\n").filter((line) => /^\w/.test(line))
  expect(pins("../peers/requirements.txt").length).toBeGreaterThan(0)
  expect(pins("../fixtures/requirements.txt")).toEqual(expect.arrayContaining(pins("../peers/requirements.txt")))
})

test("the batch is the same on both sides: the sequence that peer.py makes", () => {
  // The states after seed 7 as Python computes them are 1025555898 and 3923423697.
  expect(tokens(2, 1, 7, 4096).map((row) => [...row])).toEqual([[189], [2737]])
})

describe("Side", () => {
  const echo = "require('readline').createInterface({input:process.stdin}).on('line',l=>console.log(JSON.stringify({got:JSON.parse(l)})))"

  test("answers line by line, and ends with its input", async () => {
    const side = new Side("echo", process.execPath, ["--eval", echo], {})
    expect(await side.ask({ steps: 1 })).toEqual({ got: { steps: 1 } })
    expect(await side.ask({ steps: 2 })).toEqual({ got: { steps: 2 } })
    await side.end()
  })

  test("says what the process said when it ended early", async () => {
    const side = new Side("broken", process.execPath, ["--eval", "throw new Error('no torch here')"], {})
    await expect(side.next()).rejects.toThrow(/broken ended without an answer:[^]*no torch here/)
    await side.end()
    const missing = new Side("missing", "/no/such/python", [], {})
    await expect(missing.next()).rejects.toThrow(/missing ended without an answer:[^]*ENOENT/)
    await missing.end()
  })
})
