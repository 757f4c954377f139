import { describe, expect, test } from "@jest/globals"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, FileSystem, Result, Stream } from "effect"
import { decodePrompt, loadPrompts, printPrompt, PromptError, readPrompts } from "../src/index.ts"
import { cheerful, noComma, rowOf, rowsOf } from "./Rows.ts"

const layer = NodeFileSystem.layer

/** Run `body` with the path of a temporary file of the given contents. */
const withFile = <A, E>(contents: string, body: (path: string) => Effect.Effect<A, E, FileSystem.FileSystem>) =>
  Effect.runPromise(
    Effect.scoped(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* fs.makeTempFileScoped({ suffix: ".jsonl" })
      yield* fs.writeFileString(path, contents)
      return yield* body(path)
    })).pipe(Effect.provide(layer))
  )

const good = { key: 1000, prompt: "Write.", instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] }
const line = JSON.stringify

describe("decodePrompt", () => {
  test("fills in what follows from IFEval's keys", () => {
    const { key: _, ...content } = good
    expect(Result.getOrThrow(decodePrompt(good))).toStrictEqual({
      ...content,
      id: "1000",
      instruction: "Write.",
      constraints: [],
      level: 1,
      domain: "instruction"
    })
  })

  test("drops nulls: in kwargs, as whole kwargs, and as members of the row", () => {
    const row = Result.getOrThrow(decodePrompt({
      id: "a",
      key: null,
      prompt: "Write.",
      subject: null,
      instruction_id_list: ["detectable_format:number_bullet_lists", "punctuation:no_comma"],
      kwargs: [{ num_bullets: 2, num_words: null }, null]
    }))
    expect(row.kwargs).toEqual([{ num_bullets: 2 }, {}])
    expect(row).not.toHaveProperty("subject")
  })

  test("takes numbers and texts for ids, of either name, and no empty ones", () => {
    const { key: _, ...anonymous } = good
    for (const name of ["id", "key"]) {
      for (const id of [7, "7"]) expect(Result.getOrThrow(decodePrompt({ ...anonymous, [name]: id })).id).toBe("7")
      expect(Result.isFailure(decodePrompt({ ...anonymous, [name]: "" }))).toBe(true)
    }
  })

  test("names a row without id by its content, whatever its nulls", () => {
    const { key: _, ...anonymous } = good
    const a = Result.getOrThrow(decodePrompt(anonymous))
    const b = Result.getOrThrow(decodePrompt({ ...anonymous, kwargs: [{ num_words: null }] }))
    expect(a.id).toMatch(/^[0-9a-f]{16}$/)
    expect(b.id).toBe(a.id)
  })

  test("reads back what printPrompt wrote", () => {
    for (const row of rowsOf([1, 1, 1])) expect(decodePrompt(JSON.parse(printPrompt(row)))).toEqual(Result.succeed(row))
  })
})

describe("readPrompts", () => {
  test("streams rows in order, blank lines and CRLF aside", async () => {
    const rows = rowsOf([2, 2])
    const text = `\n${rows.map(printPrompt).join("\r\n")}\n\n`
    expect(await withFile(text, loadPrompts)).toEqual(rows)
  })

  test("keeps characters whole that lie across the reads of a file", async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => rowOf(`thé 🍵 ${i}`, [noComma]))
    expect(await withFile(rows.map(printPrompt).join("\n"), loadPrompts)).toEqual(rows)
  })

  test("gives the rows before a bad one", async () => {
    const seen: Array<string> = []
    const error = await withFile(`${line(good)}\n{`, (path) =>
      readPrompts(path).pipe(
        Stream.runForEach((row) => Effect.sync(() => seen.push(row.id))),
        Effect.flip
      ))
    expect(seen).toEqual(["1000"])
    expect(error.line).toBe(2)
  })

  const refusals: ReadonlyArray<readonly [string, string, Partial<PromptError>, RegExp]> = [
    ["an empty file", "", {}, /no prompts/],
    ["a file of blank lines", "\n \n", {}, /no prompts/],
    ["text that is not JSON", "hello", { line: 1 }, /not JSON.*one JSON object a line/],
    ["a list", "[1]", { line: 1 }, /input_data\.jsonl/],
    ["a missing prompt", line({ ...good, prompt: undefined }), { line: 1 }, /prompt/],
    ["an empty prompt", line({ ...good, prompt: "" }), { line: 1 }, /prompt/],
    ["kwargs that are no list", line({ ...good, kwargs: {} }), { line: 1 }, /kwargs/],
    ["too few kwargs", line({ ...good, kwargs: [] }), { line: 1, row: "1000" }, /1 constraint ids, but kwargs says 0/],
    ["too many texts", line({ ...good, constraints: ["a", "b"] }), { line: 1, row: "1000" }, /constraints says 2/],
    ["a wrong level", line({ ...good, level: 2 }), { line: 1, row: "1000" }, /level says 2/],
    ["truth about a hard constraint", line({ ...good, soft: [{ index: 0, type: "tone", value: "sad" }] }), {
      line: 1,
      row: "1000"
    }, /soft\[\]\.index 0/],
    ["a repeated id", `${line(good)}\n\n${line({ ...good, prompt: "Other." })}`, { line: 3, row: "1000" }, /that of line 1/],
    ["an unknown constraint", line({ ...good, instruction_id_list: ["a:b"] }), {
      line: 1,
      row: "1000",
      constraint: "a:b"
    }, /no verifier "a:b".*soft:/],
    ["a question without an answer", line({ ...good, instruction_id_list: ["answer:math"] }), {
      line: 1,
      row: "1000",
      constraint: "answer:math"
    }, /no answer to compare/],
    ["a choice that is no letter", line({ ...good, instruction_id_list: ["answer:choice"], kwargs: [{ answer: "12" }] }), {
      line: 1,
      row: "1000",
      constraint: "answer:choice"
    }, /"12" is no letter/],
    ["a missing argument", `${line({ ...good, instruction_id_list: ["detectable_format:number_bullet_lists"] })}`, {
      line: 1,
      row: "1000",
      constraint: "detectable_format:number_bullet_lists"
    }, /num_bullets/],
    ["an argument of a wrong type", line({
      ...good,
      instruction_id_list: ["keywords:existence"],
      kwargs: [{ keywords: "tea" }]
    }), { line: 1, row: "1000", constraint: "keywords:existence" }, /keywords/]
  ]

  test.each(refusals)("refuses %s", async (_, contents, where, message) => {
    const { error, path } = await withFile(contents, (path) =>
      loadPrompts(path).pipe(Effect.flip, Effect.map((error) => ({ error, path }))))
    expect(error).toBeInstanceOf(PromptError)
    expect(error).toMatchObject({ path, ...where })
    expect(error.message).toMatch(message)
    expect(error.message.startsWith(where.line === undefined ? path : `${path}:${where.line}`)).toBe(true)
  })

  test("refuses a file that is not there", async () => {
    const error = await Effect.runPromise(loadPrompts("/no/such/file.jsonl").pipe(Effect.flip, Effect.provide(layer)))
    expect(error).toMatchObject({ _tag: "PromptError", path: "/no/such/file.jsonl" })
  })

  test("soft constraints need no verifier", async () => {
    const rows = [rowOf("tea", [cheerful, noComma])]
    expect(await withFile(printPrompt(rows[0]!), loadPrompts)).toEqual(rows)
  })
})

const data = process.env["IFRL_DATA_DIR"]

if (data !== undefined) {
  test("IFEval's 541 prompts with 834 constraints are read", async () => {
    const path = join(data, "ifeval/input_data.jsonl")
    const rows = await Effect.runPromise(loadPrompts(path).pipe(Effect.provide(layer)))
    expect(rows.length).toBe(541)
    expect(rows.reduce((sum, row) => sum + row.level, 0)).toBe(834)
    expect(rows[0]!.id).toBe(String(JSON.parse(readFileSync(path, "utf8").split("\n")[0]!).key))
  })
}
