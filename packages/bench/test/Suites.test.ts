// The suites on prompts and responses made up for these tests, so that their figures can be counted by hand.
import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { Effect } from "effect"
import { htmlReport, loadSuite, printSuiteResult, suites } from "../src/index.ts"
import { isUnsettled } from "../src/suites/Unsettled.ts"
import { jsonl, prompts, scratch } from "./support/Fixture.ts"
import { score } from "./support/Score.ts"

let files: Awaited<ReturnType<typeof scratch>>
beforeAll(async () => {
  files = await scratch({ "ifeval/input_data.jsonl": prompts, "ifbench/IFBench_test.jsonl": prompts })
})
afterAll(() => files.remove())

const responses = jsonl(
  { key: 1, response: "Here is my answer, as asked:\napples and pears" },
  { prompt: "Describe rain in quotation marks, in at least three words.", response: "\"Water <b>falls</b>.\"" },
  { prompt: "Nothing of the sort", response: "x" }
)
const scored = async (name: "ifeval" | "ifbench" = "ifeval", text = responses) =>
  score(suites[name], files.folder, await files.write("responses.jsonl", text))

describe("IFEval's format", () => {
  test("counts prompts and instructions, strictly and loosely; a missing response fails its instructions", async () => {
    const { result } = await scored()
    expect(result.headline.rows).toEqual({
      "prompt-level": { strict: { value: 1 / 3, followed: 1, count: 3 }, loose: { value: 2 / 3, followed: 2, count: 3 } },
      "instruction-level": { strict: { value: 2 / 4, followed: 2, count: 4 }, loose: { value: 3 / 4, followed: 3, count: 4 } }
    })
    expect(result.answered!.rows["prompt-level"]).toEqual({
      strict: { value: 1 / 2, followed: 1, count: 2 },
      loose: { value: 1, followed: 2, count: 2 }
    })
    expect(result.responses).toMatchObject({ rows: 3, unmatched: [3], duplicates: [], missing: ["3"] })
    expect(result.breakdowns.at(-1)!.rows["punctuation:no_comma"]).toEqual({
      strict: { value: 0, followed: 0, count: 1 },
      loose: { value: 1, followed: 1, count: 1 }
    })
  })

  test("says what it rests on: data and responses by SHA-256, checker, versions, date", async () => {
    const { result } = await scored("ifbench")
    expect(result).toMatchObject({
      suite: "ifbench",
      checker: { reproduces: expect.stringMatching(/^allenai\/IFBench @/), versions: { "@ifrl/verifiers": expect.stringMatching(/^\d+\.\d+\.\d+/) } },
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      data: [{ path: "ifbench/IFBench_test.jsonl", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
      responses: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }
    })
  })

  test("names verdicts that the original may give differently", async () => {
    const { result } = await scored("ifeval", jsonl({ key: 3, response: "# # #", langdetect_unstable: [true] }))
    expect(result.caveats.map(({ keys, verdicts }) => ({ keys, verdicts }))).toEqual([
      { keys: ["3"], verdicts: 1 },
      { keys: ["3"], verdicts: 1 }
    ])
  })

  test("is printed as papers quote it", async () => {
    const { result } = await scored()
    const text = printSuiteResult(result)
    expect(text).toMatch(/^IFEval: 3 prompts, 4 instructions\n {2}3 responses\n {2}1 prompt without one, counted as failed: 3\n {2}1 row of no prompt: line 3\n/)
    expect(text).toMatch(/\n {2}prompt-level {7}33\.33% {2}1\/3 {2}66\.67% {2}2\/3\n {2}instruction-level {2}50\.00% {2}2\/4 {2}75\.00% {2}3\/4\n/)
  })
})

describe("FollowBench", () => {
  const record = (example_id: number, level: number, target: string, source = "E2E") => ({
    example_id, category: "content", source, level, instruction: `instruction ${example_id}.${level}`, target
  })
  const file = (type: string) => `followbench/data/${type}_constraints.json`
  const contents = [0, 1, 2, 3].flatMap((level) => [record(1, level, "yes"), record(2, level, "yes"), record(3, level, "", "a judge's")])
  const example = { ...record(7, 1, "{instruction}\nAnswer: {answer}", "imdb"), category: "example", answer: "x" }

  test("takes the records that rules decide, and gives satisfaction by level and consecutive levels by group", async () => {
    const data = await scratch(Object.fromEntries(["content", "situation", "style", "format", "mixed", "example"].map((type) =>
      [file(type), JSON.stringify(type === "content" ? contents : type === "example" ? [example] : [])]
    )))
    const path = await data.write("responses.jsonl", jsonl(
      ...[1, 2, 3].map((level) => ({ key: `content/1/${level}`, response: level === 2 ? "no" : "yes" })),
      ...[1, 2, 3].map((level) => ({ prompt: `instruction 2.${level}`, response: "yes" })),
      { key: "example/7/1", response: "Answer: none" }
    ))
    const { result } = await score(suites.followbench, data.folder, path)
    await data.remove()
    expect({ prompts: result.prompts, missing: result.responses.missing }).toEqual({ prompts: 7, missing: [] })
    const level = (followed: number, count: number) => ({ value: followed / count, followed, count })
    expect(result.headline.rows).toEqual({
      L1: { HSR: level(3, 3) }, L2: { HSR: level(1, 2) }, L3: { HSR: level(2, 2) },
      mean: { HSR: { value: 2.5 / 3, count: 3 } },
      "all levels": { CSL: { value: (1 + 3 + 1) / 3, unit: "levels", count: 3 } }
    })
    expect(Object.keys(result.breakdowns[0]!.rows)).toEqual(["content", "example"])
    expect(printSuiteResult(result)).toMatch(/\n {2}mean +83\.33% {2}n=3\n {2}all levels +1\.67 {2}n=3\n/)
  })
})

describe("Collie", () => {
  const line = (id: string, count: number) => ({
    id,
    group: `wiki_${id}`,
    prompt: `write ${count} words`,
    targets: count,
    constraint: {
      input_level: null, target_level: "word", transformation: { op: "count", count_target: null }, relation: "==", reduction: null, reduction_value: null
    }
  })

  test("gives the rate over prompts and over structures, with standard errors", async () => {
    const data = await scratch({ "collie/collie_v1.jsonl": jsonl(line("c01", 2), { ...line("c01", 3), id: "x" }, line("c02", 4)) })
    const path = await data.write("responses.jsonl", jsonl({ id: "c01", response: "two words" }, { id: "x", response: "three" }, { id: "c02", response: "these are four words" }))
    const { result } = await score(suites.collie, data.folder, path)
    await data.remove()
    expect(result.headline.rows).toEqual({
      prompts: { satisfied: { value: 2 / 3, followed: 2, count: 3, error: Math.sqrt(2 / 27) } },
      structures: { satisfied: { value: 0.75, count: 2, error: 0.25 } }
    })
    expect(printSuiteResult(result)).toMatch(/structures {2}75\.00% ± 25\.00% {2}n=2\n/)
  })

  test("names the line of a damaged file", async () => {
    const data = await scratch({ "collie/collie_v1.jsonl": jsonl(line("c01", 2), { id: "y" }) })
    const error = await Effect.runPromise(Effect.flip(loadSuite(suites.collie, data.folder)).pipe(Effect.provide(NodeServices.layer)))
    await data.remove()
    expect(error.message).toMatch(/collie_v1\.jsonl:2: .*group.*; fetch the file again$/)
  })
})

describe("language identification", () => {
  const english = { id: "language:response_language", kwargs: { language: "en" } }
  test("is settled by plain sentences, unsettled by a mixture", () => {
    expect(isUnsettled(english, "The weather was kind to us, and so we walked along the river until the evening came.")).toBe(false)
    expect(isUnsettled(english, "Hello friends, bonjour mes amis, the sun and le soleil, good night et bonne nuit.")).toBe(true)
  })
  test("does not matter where the case has decided", () => {
    expect(isUnsettled({ id: "change_case:english_lowercase", kwargs: {} }, "Hello friends, bonjour mes amis.")).toBe(false)
  })
})

test("the page is whole, fetches nothing, and shows text of prompts and responses as text", async () => {
  const { result, verdicts } = await scored()
  const page = htmlReport(result, verdicts)
  expect(page).toMatch(/^<!doctype html>\n<html lang="en">/)
  expect(page).toContain("<title>IFEval: responses.jsonl</title>")
  expect(page).not.toMatch(/<script|<link|\b(src|href)=|url\(|@import/)
  expect(page).toContain("33.33%  1/3  strict")
  expect(page.match(/<svg[^>]*role="img" aria-label="[^"]+"/g)).toHaveLength(1)
  for (const table of page.match(/<table>[^]*?<\/table>/g)!) expect(table).toMatch(/<th scope="col">[^]*<th scope="row">/)
  const hostile = await scored("ifeval", jsonl({ key: 1, response: "a, <script>alert('x')</script> & \"quotes\"" }))
  expect(htmlReport(hostile.result, hostile.verdicts)).toContain("a, &#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62; &#38; &#34;quotes&#34;")
})

describe("data that is missing or damaged", () => {
  const refusal = async (folder: string) => {
    const error = await Effect.runPromise(Effect.flip(loadSuite(suites.ifeval, folder)).pipe(Effect.provide(NodeServices.layer)))
    return error.message
  }

  test("is named with the place it comes from", async () => {
    expect(await refusal("/no/such/folder")).toMatch(
      /^\/no\/such\/folder\/ifeval\/input_data\.jsonl: no such file; fetch IFEval's data \("npm run data" .* https:\/\/github\.com\/google-research\/.*--data or IFRL_DATA_DIR$/
    )
  })

  test("is named with its line", async () => {
    const broken = await scratch({ "ifeval/input_data.jsonl": `${prompts.split("\n")[0]}\n{"prompt":"x","instruction_id_list":["no:such"],"kwargs":[{}]}\n` })
    expect(await refusal(broken.folder)).toMatch(/input_data\.jsonl:2: .*no:such.*; fetch the file again$/)
    await broken.remove()
  })
})
