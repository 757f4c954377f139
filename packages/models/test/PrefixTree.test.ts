import { describe, expect, test } from "@jest/globals"
import { philox } from "@ifrl/runtime"
import { type DecoderConfig, packRows, prefixBatches } from "../src/index.ts"
import { chunkNodes } from "../src/PrefixTree.ts"

/** Rows of few different tokens, many of which begin alike. */
const someRows = (count: number, longest: number, seed: number): ReadonlyArray<Int32Array> =>
  Array.from({ length: count }, (_, row) => {
    const u = philox({ seed, step: 0, row }, longest + 2)
    const shared = Math.floor(u[longest]! * longest)
    const length = 1 + Math.floor(u[longest + 1]! * longest)
    return Int32Array.from({ length }, (_, t) => (t < shared ? t % 3 : Math.floor(u[t]! * 4)))
  })

/** How many different prefixes rows have, by their texts. */
const prefixes = (rows: ReadonlyArray<Int32Array>) =>
  new Set(rows.flatMap((row) => Array.from(row, (_, t) => row.subarray(0, t + 1).join())))

const config = (slidingWindow?: DecoderConfig["slidingWindow"]) =>
  ({ heads: 2, kvHeads: 1, layers: 3, slidingWindow }) as DecoderConfig

describe("prefixBatches", () => {
  test.each([1, 2])("every row once, in batches of even size, %d at once", (lanes) => {
    const rows = someRows(200, 40, 1).filter(({ length }) => length > 20)
    const batches = prefixBatches(rows, { nodes: 600, lanes })
    expect(batches.flat().sort((a, b) => a - b)).toEqual(rows.map((_, i) => i))
    expect(batches.length % lanes).toBe(0)
    const nodes = batches.map((batch) => prefixes(batch.map((i) => rows[i]!)).size)
    expect(Math.max(...nodes)).toBeLessThan(600 + 2 * 40)
    expect(Math.min(...nodes)).toBeGreaterThan(Math.max(...nodes) - 3 * 40)
  })

  test("what is too little for all lanes stays together; nothing makes no batch; a long row is one of its own", () => {
    const rows = someRows(5, 20, 2)
    expect(prefixBatches(rows, { nodes: 600, lanes: 2 }).length).toBe(1)
    expect(prefixBatches([], { nodes: 600, lanes: 2 })).toEqual([])
    const long = Int32Array.from({ length: 900 }, (_, t) => t)
    expect(prefixBatches([long, ...rows], { nodes: 100 }).find((batch) => batch.includes(0))).toEqual([0])
  })

  test("many copies of a long row do not grow without bound", () => {
    const row = Int32Array.from({ length: 100 }, (_, t) => t)
    const batches = prefixBatches(Array.from({ length: 50 }, () => row), { nodes: 200 })
    expect(Math.max(...batches.map((batch) => batch.length * 100))).toBeLessThanOrEqual(800)
  })
})

describe("packRows", () => {
  test.each([
    ["few rows", 3, 9, undefined],
    ["a row of one token", 1, 1, undefined],
    ["many rows", 80, 90, undefined],
    ["a window", 40, 50, 7],
    ["a window of one", 10, 20, 1]
  ] as const)("%s: a node for each prefix, which sees its ancestors and nothing else", (_, count, longest, window) => {
    const given = someRows(count, longest, 3)
    const rows = prefixBatches(given, { nodes: 1e6 })[0]!.map((i) => given[i]!)
    const input = packRows(config(window === undefined ? undefined : { size: window, layers: [0, 1, 2] }), rows)
    const numbers = (name: string) => Array.from(input[name]!.data as Int32Array)
    const [vocabulary, which, depths, ends, paths] = ["vocabulary", "tokens", "positions", "ends", "paths"].map(numbers)
    const tokens = which!.map((place) => vocabulary![place])
    expect(new Set(vocabulary).size).toBe(vocabulary!.length)
    const T = input["paths"]!.dims[1]!
    expect(tokens.length).toBe(prefixes(rows).size)
    rows.forEach((row, b) => {
      const path = paths!.slice(b * T, b * T + row.length)
      expect(path.map((n) => tokens[n])).toEqual(Array.from(row))
      expect(path.map((n) => depths![n])).toEqual(Array.from(row.keys()))
      expect(ends![b]).toBe(path.at(-1))
    })
    const ancestors = new Map<number, Set<number>>()
    rows.forEach((row, b) => {
      const path = paths!.slice(b * T, b * T + row.length)
      path.forEach((n, t) => ancestors.set(n, new Set(path.slice(Math.max(0, t + 1 - (window ?? 1e9)), t + 1))))
    })
    const seen = visible(input, window)
    expect(seen.size).toBe(tokens.length)
    for (const [node, keys] of seen) expect([node, keys]).toEqual([node, ancestors.get(node)])
    const pathMask = numbers("path_mask")
    rows.forEach(({ length }, b) => {
      const open = pathMask.slice(b * T, (b + 1) * T).flatMap((x, t) => (x === 0 ? [t] : []))
      expect(open).toEqual(Array.from({ length }, (_, t) => t).slice(-(window ?? length)))
    })
  })
})

/** What each node sees, read off the inputs as the graph reads them. */
const visible = (input: ReturnType<typeof packRows>, window: number | undefined) => {
  const [queries, returns, bounds, keys] = ["queries", "returns", "bounds", "keys"].map(
    (name) => input[name]!.data as Int32Array
  ) as [Int32Array, Int32Array, Int32Array, Int32Array]
  const mask = input[window === undefined ? "mask" : `mask.${window}`]!.data as Float32Array
  const [, G, H] = input["queries"]!.dims as [number, number, number]
  const seen = new Map<number, Set<number>>()
  for (let n = 0; n < input["tokens"]!.size; n++) {
    const at = returns[n * H]!
    expect(queries[at]).toBe(n * H)
    const [place, query] = [Math.floor(at / (H * chunkNodes)), at % chunkNodes]
    const m = Math.floor(place / G)
    const width = bounds[m + 1]! - bounds[m]!
    const first = bounds[m]! * G + (place % G) * width
    const row = mask.subarray((first * chunkNodes) + query * width, (first * chunkNodes) + (query + 1) * width)
    const open = Array.from(row).flatMap((x, i) => (x === 0 ? [keys[first + i]!] : []))
    expect(new Set(open).size).toBe(open.length)
    seen.set(n, new Set(open))
  }
  return seen
}
