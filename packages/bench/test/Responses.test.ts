import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { Effect } from "effect"
import { type BenchError, matchResponses, readResponses, type SuiteRecord, suites } from "../src/index.ts"
import { jsonl, scratch } from "./support/Fixture.ts"

let files: Awaited<ReturnType<typeof scratch>>
beforeAll(async () => {
  files = await scratch()
})
afterAll(() => files.remove())

const record = (key: string, prompt: string): SuiteRecord => ({ key, prompt, instructions: [], labels: {} })
const records = [record("a", "first\n"), record("b", "second"), record("c1", "shared"), record("c2", "shared")]

const matching = (path: string) =>
  Effect.gen(function*() {
    const { rows } = yield* readResponses(path)
    return yield* matchResponses(suites.ifeval, records, rows, path)
  }).pipe(Effect.provide(NodeServices.layer))

const match = async (text: string) => {
  const matched = await Effect.runPromise(matching(await files.write("responses.jsonl", text)))
  return { ...matched, byKey: Object.fromEntries([...matched.byKey].map(([key, { response }]) => [key, response])) }
}

const refusal = async (text: string | undefined): Promise<string> => {
  const path = text === undefined ? `${files.folder}/none.jsonl` : await files.write("refused.jsonl", text)
  const error = await Effect.runPromise(Effect.flip(matching(path)))
  expect((error as BenchError)._tag).toBe("BenchError")
  return error.message.replaceAll(`${files.folder}/`, "")
}

describe("rows find their records", () => {
  test("by prompt, white space around it aside, or by key or id", async () => {
    const { byKey, missing } = await match(jsonl(
      { prompt: "  first", response: "one" }, { key: "b", response: "two" }, { id: "c1", response: "three" }, { id: "c2", response: "four" }
    ))
    expect(byKey).toEqual({ a: "one", b: "two", c1: "three", c2: "four" })
    expect(missing).toEqual([])
  })

  test("a numeric key is its digits, and a key beside another record's prompt does not count", async () => {
    const numbered = [record("7", "seven"), record("8", "eight")]
    const path = await files.write("numbers.jsonl", jsonl({ key: 7, response: "x" }, { id: 7, prompt: "eight", response: "y" }))
    const matched = await Effect.runPromise(
      readResponses(path).pipe(
        Effect.flatMap(({ rows }) => matchResponses(suites.ifeval, numbered, rows, path)),
        Effect.provide(NodeServices.layer)
      )
    )
    expect([...matched.byKey].map(([key, row]) => [key, row.response])).toEqual([["7", "x"], ["8", "y"]])
  })

  test("rows of a shared prompt go to its records in turn, and a single one serves all", async () => {
    const each = await match(jsonl({ prompt: "shared", response: "x" }, { prompt: "shared", response: "y" }))
    expect(each.byKey).toEqual({ c1: "x", c2: "y" })
    const one = await match(jsonl({ prompt: "shared", response: "x" }))
    expect(one).toMatchObject({ byKey: { c1: "x", c2: "x" }, missing: ["a", "b"] })
    const rest = await match(jsonl({ key: "c1", response: "x" }, { prompt: "shared", response: "y" }))
    expect(rest.byKey).toEqual({ c1: "x", c2: "y" })
  })

  test("unmatched rows, repetitions and records without a response are counted", async () => {
    const { duplicates, missing, rows, unmatched } = await match(
      `${jsonl({ prompt: "first", response: "" }, { prompt: "another", response: "x" })}\n${
        jsonl({ prompt: "first", response: "" }, { key: "z", response: "x" })
      }`
    )
    expect({ duplicates, missing, rows, unmatched }).toEqual({ duplicates: [4], missing: ["b", "c1", "c2"], rows: 4, unmatched: [2, 5] })
  })
})

describe("a file is refused by one message that names the line", () => {
  test.each<readonly [string, string | undefined, string | RegExp]>([
    ["that is missing", undefined, "none.jsonl: no such file; give --responses a JSONL file"],
    ["that is empty", "\n\n", /^refused\.jsonl: holds no responses; give one JSON object/],
    ["that is not JSON", `${jsonl({ prompt: "first", response: "x" })}\n{"prompt`, /^refused\.jsonl:3: is not JSON; give one JSON object/],
    ["that is a JSON array", "[\n{}\n]", /^refused\.jsonl:1: is not JSON/],
    ["of other values", "5\n", /^refused\.jsonl:1: is not an object/],
    ["of other keys", jsonl({ input: "first", output: "x" }), /^refused\.jsonl:1: has no response that is text, only input, output;/],
    ["without prompts", jsonl({ response: "x" }), /^refused\.jsonl:1: has no prompt, key or id that is text, only response;/],
    ["of responses that are not text", jsonl({ prompt: "first", response: null }), /^refused\.jsonl:1: has no response that is text/],
    [
      "with two responses to a prompt",
      jsonl({ prompt: "first", response: "x" }, { prompt: "first", response: "y" }),
      /^refused\.jsonl:2: a second response to prompt a, another than that of line 1;/
    ],
    [
      "of another benchmark",
      jsonl({ prompt: "elsewhere", response: "x" }),
      /^refused\.jsonl: none of its 1 rows belongs to one of IFEval's 4 prompts; .*such as "a"$/
    ]
  ])("%s", async (_, text, message) => {
    expect(await refusal(text)).toMatch(message)
  })
})
