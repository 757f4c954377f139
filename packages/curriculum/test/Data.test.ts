import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { Effect, Stream } from "effect"
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { parquetWriteBuffer } from "hyparquet-writer"
import {
  datasetRows,
  importCurriculum,
  instructionOf,
  isReasoning,
  loadCurriculum,
  makeStatistics,
  originals,
  printDataset,
  PromptError,
  type PromptRow,
  readQuestions,
  readRecords,
  readSeeds
} from "../src/index.ts"
import { jsonl, newFolder, removeFolders, run } from "./Support.ts"

afterAll(removeFolders)

const records = (source: string, cache = newFolder()) =>
  run(
    readRecords(source, cache).pipe(
      Stream.map(({ value }) => value),
      Stream.runCollect
    )
  )
const seeds = (...sources: ReadonlyArray<string>) => run(readSeeds(sources, { cache: newFolder(), maxCharacters: 200 }))
const questions = (...values: ReadonlyArray<object>) =>
  run(readQuestions([jsonl("q.jsonl", values)], { cache: newFolder(), maxCharacters: 200 }))

const parquet = (codec: "SNAPPY" | "GZIP", count = 5) =>
  new Uint8Array(
    parquetWriteBuffer({
      codec,
      ...(codec === "GZIP" && { compressors: { GZIP: (input: Uint8Array) => gzipSync(input) } }),
      rowGroupSize: 2,
      columnData: [
        { name: "instruction", data: Array.from({ length: count }, (_, i) => `Write line ${i}.`), type: "STRING" },
        { name: "n", data: Array.from({ length: count }, (_, i) => BigInt(i)), type: "INT64" },
        { name: "more", data: Array.from({ length: count }, (_, i) => ({ at: i })), type: "JSON" }
      ]
    })
  )
const fileOf = (name: string, contents: string | Uint8Array) => {
  const path = join(newFolder(), name)
  writeFileSync(path, contents)
  return path
}

describe("records", () => {
  test("of JSONL, of a JSON array and of Parquet are plain objects", async () => {
    const two = [{ a: 1 }, { a: 2 }]
    expect(await records(jsonl("x.jsonl", two))).toEqual(two)
    expect(await records(fileOf("x.json", JSON.stringify(two)))).toEqual(two)
    expect(await records(fileOf("x.parquet", parquet("SNAPPY")))).toEqual(
      Array.from({ length: 5 }, (_, i) => ({ instruction: `Write line ${i}.`, n: i, more: { at: i } }))
    )
    expect((await records(fileOf("x.parquet", parquet("GZIP")))).length).toBe(5)
  })

  const bad: ReadonlyArray<readonly [string, string, string, RegExp]> = [
    ["a line that is not JSON", "x.jsonl", "{}\n{", /x\.jsonl:2.*not JSON/],
    ["a line that is no object", "x.jsonl", "3", /not an object/],
    ["a file that is no Parquet", "x.parquet", "hello", /cannot be read as Parquet/],
    ["an unknown ending", "x.csv", "a,b", /\.jsonl/]
  ]
  test.each(bad)("refuse %s", async (_, name, contents, message) => {
    const error = await run(readRecords(fileOf(name, contents), newFolder()).pipe(Stream.runDrain, Effect.flip))
    expect(error).toBeInstanceOf(PromptError)
    expect(error.message).toMatch(message)
  })
})

describe("seeds", () => {
  test("are found in the shapes that datasets have", () => {
    const shapes: ReadonlyArray<readonly [object, string]> = [
      [{ instruction: "Add. ", input: " 1 and 2 " }, "Add. 1 and 2"],
      [{ instruction: "Add.", instances: [{ input: "1", output: "2" }] }, "Add. 1"],
      [{ prompt: "Write." }, "Write."],
      [{ question: "Why?" }, "Why?"],
      [
        {
          messages: [
            { role: "system", content: "x" },
            { role: "user", content: "Hi." }
          ]
        },
        "Hi."
      ],
      [{ conversations: [{ from: "human", value: "Hi." }] }, "Hi."],
      [{ text: " " }, ""]
    ]
    for (const [record, text] of shapes) expect(instructionOf(record as never)).toBe(text)
  })

  test("are taken once, with an id that tells where they are from, and what is left out is counted", async () => {
    const one = jsonl("one.jsonl", [
      { id: "a", instruction: "Write a poem." },
      { instruction: "write  A poem." },
      { id: "a", instruction: "Sing." },
      { x: 1 }
    ])
    const two = jsonl("two.jsonl", [
      { instruction: "Sing." },
      { instruction: "y".repeat(300) },
      { instruction: "Dance.", domain: "art" }
    ])
    const { items, reports } = await seeds(one, two)
    expect(items).toEqual([
      { id: "one.jsonl:a", instruction: "Write a poem.", domain: "instruction" },
      { id: "one.jsonl:a#2", instruction: "Sing.", domain: "instruction" },
      { id: "two.jsonl:3", instruction: "Dance.", domain: "art" }
    ])
    expect(reports).toMatchObject([
      { source: "one.jsonl", records: 4, empty: 1, long: 0, repeated: 1 },
      { source: "two.jsonl", records: 3, empty: 0, long: 1, repeated: 1 }
    ])
  })
})

describe("questions", () => {
  test("are mathematics, or choices by letter, place or text", async () => {
    const { items } = await questions(
      { problem: "1 + 1?", answer: "so 2\n#### 2" },
      { question: "Which?", choices: { text: ["x", "y"], label: ["A", "B"] }, answer: "B" },
      { question: "What?", options: ["x", "y"], answer: 0 },
      { question: "Who?", options: ["x", "y"], answer: "y" }
    )
    expect(items.map(({ answer, kind }) => [kind, answer])).toEqual([
      ["answer:math", "2"],
      ["answer:choice", "B"],
      ["answer:choice", "A"],
      ["answer:choice", "B"]
    ])
    expect(items[2]!.question).toBe("What?\nA. x\nB. y\n")
  })

  test("without an answer are refused with their place", async () => {
    await expect(questions({ question: "What?", options: ["x"], answer: "z" })).rejects.toMatchObject({
      path: expect.stringMatching(/q\.jsonl:1$/)
    })
  })
})

describe("a dataset of the Hub", () => {
  const files: Record<string, string | Uint8Array> = {
    "data/train-1.jsonl": "{\"instruction\": \"One.\"}\n",
    "data/train-2.parquet": parquet("SNAPPY", 2),
    "README.md": "# a dataset"
  }
  let server: Server
  let requests: Array<string> = []
  const authorizations: Array<string | undefined> = []
  let faults: Array<string> = []
  beforeAll(async () => {
    server = createServer((request, response) => {
      const url = request.url!
      requests.push(url)
      authorizations.push(request.headers.authorization)
      const fault = faults.shift()
      if (fault === "500") return void response.writeHead(500).end()
      if (fault === "short") return void response.writeHead(200, { "content-length": "3" }).end("{}\n")
      if (fault === "cut") {
        response.writeHead(200, { "content-length": "1000" })
        response.write("{")
        return void setTimeout(() => response.destroy(), 20)
      }
      if (url.startsWith("/api/datasets/me/large/revision/")) return void response.end(JSON.stringify({ sha: "abc" }))
      if (url.startsWith("/api/datasets/me/large/tree/")) {
        // As the Hub does with more than 1,000 files: a page of them, and where the next one is.
        const page = Number(/cursor=(\d)/.exec(url)?.[1] ?? 0)
        if (page < 2) response.setHeader("link", `<${process.env["HF_ENDPOINT"]}${url.split("&")[0]}&cursor=${page + 1}>; rel="next"`)
        return void response.end(JSON.stringify([{ type: "file", path: `${page}.jsonl`, size: 25 }]))
      }
      if (url.startsWith("/datasets/me/large/resolve/")) return void response.end(`{"instruction":"It is ${url.at(-7)}"}`)
      if (url.startsWith("/api/datasets/me/private"))
        return void response
          .writeHead(request.headers.authorization === "Bearer t" ? 200 : 401)
          .end(JSON.stringify({ sha: "abc" }))
      if (url.startsWith("/api/datasets/me/data/revision/"))
        return void response.end(JSON.stringify({ sha: url.endsWith("/main") ? "abc" : "def" }))
      if (url.startsWith("/api/datasets/me/data/tree/")) {
        return void response.end(
          JSON.stringify([
            { type: "directory", path: "data" },
            ...Object.entries(files).map(([path, text]) => ({ type: "file", path, size: text.length }))
          ])
        )
      }
      const file = files[decodeURIComponent(/^\/datasets\/me\/data\/resolve\/\w+\/(.*)$/.exec(url)?.[1] ?? "")]
      return file === undefined ? void response.writeHead(404).end() : void response.end(file)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    process.env["HF_ENDPOINT"] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    delete process.env["HF_ENDPOINT"]
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  test("is read file by file, once, by commit; offline from what is there", async () => {
    const cache = newFolder()
    requests = []
    const found = await records("hub:me/data", cache)
    expect(found.map(({ instruction }) => instruction)).toEqual(["One.", "Write line 0.", "Write line 1."])
    expect(requests.length).toBe(4)
    await records("hub:me/data", cache)
    expect(requests.length).toBe(6)
    process.env["HF_HUB_OFFLINE"] = "1"
    expect(await records("hub:me/data", cache)).toEqual(found)
    await expect(records("hub:me/data@other", cache)).rejects.toMatchObject({
      problem: expect.stringContaining("HF_HUB_OFFLINE")
    })
    delete process.env["HF_HUB_OFFLINE"]
    expect(requests.length).toBe(6)
    expect((await records("hub:me/data@other/data/train-1.jsonl", cache)).length).toBe(1)
    expect(readdirSync(join(cache, "me--data")).toSorted()).toEqual(["abc", "def", "main.json", "other.json"])
  })

  test("is asked for without a token when HF_TOKEN is empty, and not at all when HF_HUB_OFFLINE is true", async () => {
    const cache = newFolder()
    process.env["HF_TOKEN"] = ""
    await records("hub:me/data", cache)
    delete process.env["HF_TOKEN"]
    expect(authorizations.at(-1)).toBeUndefined()
    const asked = requests.length
    process.env["HF_HUB_OFFLINE"] = "true"
    await records("hub:me/data", cache)
    delete process.env["HF_HUB_OFFLINE"]
    expect(requests.length).toBe(asked)
  })

  test("whose list of files comes in pages is read whole", async () => {
    expect((await records("hub:me/large")).map(({ instruction }) => instruction)).toEqual(["It is 0", "It is 1", "It is 2"])
  })

  test("is asked for again after a fault that passes", async () => {
    faults = ["500"]
    expect((await records("hub:me/data/data/train-1.jsonl")).length).toBe(1)
  })

  const cut: ReadonlyArray<readonly [string, RegExp]> = [
    ["short", /3 bytes came/],
    ["cut", /broke off/]
  ]
  test.each(cut)("leaves no file when a download is %s", async (fault, message) => {
    const cache = newFolder()
    faults = ["", "", fault]
    const error: unknown = await records("hub:me/data/data/train-1.jsonl", cache).catch((error: unknown) => error)
    expect((error as Error).message).toMatch(message)
    expect(readdirSync(join(cache, "me--data/abc/data"))).toEqual([])
    expect((await records("hub:me/data/data/train-1.jsonl", cache)).length).toBe(1)
  })

  test("that is private, missing or without such files says what to do", async () => {
    await expect(records("hub:me/private")).rejects.toMatchObject({ remedy: expect.stringContaining("HF_TOKEN") })
    await expect(records("hub:me/nothing")).rejects.toMatchObject({ remedy: expect.stringContaining("check the name") })
    await expect(records("hub:me/data/none.parquet")).rejects.toMatchObject({
      remedy: expect.stringContaining("data/train-1.jsonl")
    })
    await expect(records("hub:me")).rejects.toMatchObject({ problem: "is no name of a dataset" })
  })
})

describe("import", () => {
  const authors = [
    {
      prompt: "Describe tea. Use 2 bullets.. Be funny. ",
      instruction_id_list: ["detectable_format:number_bullet_lists", "style:open_ended"],
      kwargs: [{ num_bullets: 2, num_words: null }, {}],
      constraint: ["Use 2 bullets.", "Be funny"]
    },
    { prompt: "What is 6 times 7?", instruction_id_list: ["light"], kwargs: [{}], constraint: ["42"] },
    { prompt: "Which?\nA. x\nB. y", instruction_id_list: ["light_choice"], kwargs: [{}], constraint: ["B"] }
  ]
  const rowsOf = (source: string): Promise<ReadonlyArray<PromptRow>> =>
    run(datasetRows(source, { cache: newFolder(), strict: true }).pipe(Stream.runCollect))

  test("of the authors' schema finds the bare instruction, soft ids and gold answers", async () => {
    const [written, math, choice] = await rowsOf(jsonl("authors.jsonl", authors))
    expect(written).toMatchObject({
      prompt: authors[0]!.prompt,
      instruction: "Describe tea.",
      instruction_id_list: ["detectable_format:number_bullet_lists", "soft:style_open_ended"],
      kwargs: [{ num_bullets: 2 }, {}],
      constraints: ["Use 2 bullets.", "Be funny"]
    })
    expect(math).toMatchObject({
      instruction_id_list: ["answer:math"],
      kwargs: [{ answer: "42" }],
      answer: "42",
      domain: "math"
    })
    expect(choice).toMatchObject({
      instruction_id_list: ["answer:choice"],
      kwargs: [{ answer: "B" }],
      domain: "choice"
    })
  })

  test("writes a folder of levels, once for the same rows", async () => {
    const folder = newFolder()
    const source = jsonl("authors.jsonl", [...authors, authors[1]!])
    const manifest = await run(importCurriculum([source], { folder, cache: newFolder(), levels: true }))
    const rows = await run(loadCurriculum(folder, "rows"))
    expect(manifest.counts).toEqual({ records: 4, repeated: 1, faulty: 0, whole: 0 })
    expect(rows.map(({ level, prompt }) => [level, prompt])).toEqual([
      [1, "Describe tea. Use 2 bullets."],
      [2, authors[0]!.prompt],
      [1, authors[1]!.prompt],
      [1, authors[2]!.prompt]
    ])
    expect(originals(rows).length).toBe(3)
    expect(await run(importCurriculum([source], { folder, cache: newFolder(), levels: true }))).toEqual(manifest)
  })

  const plain = (key: number, prompt: string) => ({
    key,
    prompt,
    instruction_id_list: ["punctuation:no_comma"],
    kwargs: [{}]
  })

  test("keeps rows of different datasets that have the same ids, and each content once whatever its ids", async () => {
    const folder = newFolder()
    const sources = [
      jsonl("a.jsonl", [plain(0, "Name a tree."), plain(1, "Name a bird.")]),
      jsonl("b.jsonl", [
        plain(0, "Name a fish."),
        plain(7, "Name a bird."),
        { ...plain(8, "Name a fish."), parent: "0", instruction_id_list: [], kwargs: [] }
      ])
    ]
    const { counts } = await run(importCurriculum(sources, { folder, cache: newFolder(), levels: true }))
    expect(counts).toEqual({ records: 5, repeated: 1, faulty: 0, whole: 4 })
    expect((await run(loadCurriculum(folder, "rows"))).map(({ id, parent, prompt }) => [id, prompt, parent])).toEqual([
      ["0", "Name a tree.", undefined],
      ["1", "Name a bird.", undefined],
      ["0#2", "Name a fish.", undefined],
      ["8", "Name a fish.", "0#2"]
    ])
  })

  test("that was cut off between its rows and its manifest goes on to the same bytes", async () => {
    const folder = newFolder()
    const source = jsonl("a.jsonl", [plain(0, "Name a tree."), plain(1, "Name a bird.")])
    const imported = importCurriculum([source], { folder, cache: newFolder(), levels: true })
    const manifest = await run(imported)
    const { counts, fingerprint } = manifest
    const rowsBytes = statSync(join(folder, "rows.jsonl")).size
    rmSync(join(folder, "curriculum.json"))
    writeFileSync(
      join(folder, "unfinished.json"),
      JSON.stringify({ fingerprint, done: 2, rowsBytes, heldOutBytes: 0, counts })
    )
    expect(await run(imported)).toEqual(manifest)
    expect((await run(loadCurriculum(folder, "rows"))).length).toBe(2)
  })

  test("makes no levels of a row whose prompt is not told apart from its instruction", async () => {
    const folder = newFolder()
    const texts = { prompt: "Name a tree. Use no commas.", constraints: ["Use no commas"] }
    const source = jsonl("a.jsonl", [{ ...plain(0, ""), ...texts }])
    const { counts, rows } = await run(importCurriculum([source], { folder, cache: newFolder(), levels: true }))
    expect([counts["whole"], rows.rows]).toEqual([1, 1])
  })

  test("leaves out rows with faults when asked to, and refuses what nothing can check otherwise", async () => {
    const source = jsonl("rows.jsonl", [
      authors[0]!,
      { ...authors[0]!, prompt: "Describe air.", kwargs: [{}, {}], constraint: [] }
    ])
    await expect(
      run(importCurriculum([source], { folder: newFolder(), cache: newFolder(), levels: true }))
    ).rejects.toMatchObject({ line: 2 })
    const wrong = (row: PromptRow) => row.constraints.length === 0
    const { counts } = await run(
      importCurriculum([source], { folder: newFolder(), cache: newFolder(), levels: false, wrong })
    )
    expect(counts).toMatchObject({ records: 2, faulty: 1 })
  })

  test("statistics are the paper's table, reasoning rows apart", async () => {
    const all = makeStatistics()
    for (const row of await rowsOf(jsonl("authors.jsonl", authors))) all.add(row)
    expect(printDataset(all.end()).split("\n").slice(0, 5)).toEqual([
      "level  instructions  constraints  soft  hard",
      "   L2             1            2     1     1",
      "  all             1            2     1     1",
      "",
      "3 rows, of them reasoning: 1 answer:choice, 1 answer:math"
    ])
  })

  const data = process.env["IFRL_DATA_DIR"]
  if (data !== undefined) {
    test("the authors' Parquet is IFEval: the same 541 rows", async () => {
      const parquetRows = await rowsOf(join(data, "verl-if/test.parquet"))
      const lines = readFileSync(join(data, "ifeval/input_data.jsonl"), "utf8")
        .split("\n")
        .filter((line) => line !== "")
      expect(parquetRows.length).toBe(541)
      expect(
        parquetRows.map(({ instruction_id_list, kwargs, prompt }) => ({ prompt, instruction_id_list, kwargs }))
      ).toEqual(
        lines.map((line) => {
          const { instruction_id_list, kwargs, prompt } = JSON.parse(line) as PromptRow
          return { prompt, instruction_id_list, kwargs }
        })
      )
    })

    test("the authors' 1,319 training rows all have levels, with the instructions of their seeds", async () => {
      const rows = await rowsOf(join(data, "verl-if/train_initial_e46f64d.jsonl"))
      const { items } = await run(
        readSeeds([join(data, "verl-if/seed_data.jsonl")], { cache: newFolder(), maxCharacters: 100_000 })
      )
      const known = new Set(items.map(({ instruction }) => instruction.replace(/[\s.]+/g, "")))
      expect(rows.length).toBe(1319)
      expect(rows.filter((row) => row.constraints.length === 5 && !isReasoning(row)).length).toBe(1319)
      expect(rows.filter(({ instruction }) => known.has(instruction.replace(/[\s.]+/g, ""))).length).toBeGreaterThan(
        1300
      )
    })
  }
})
