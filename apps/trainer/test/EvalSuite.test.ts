// `ifrl eval --suite` on prompts made up for these tests, with responses from a file and from a tiny model.
import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { Effect, Fiber } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cli } from "../src/index.ts"
import { runCli } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

let folder = ""
const at = (path: string) => join(folder, path)
const jsonl = (...rows: ReadonlyArray<unknown>) => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

const environment = process.env["IFRL_DATA_DIR"]
beforeAll(async () => {
  delete process.env["IFRL_DATA_DIR"]
  folder = await mkdtemp(join(tmpdir(), "ifrl-suite-"))
  await mkdir(at("data/ifeval"), { recursive: true })
  await writeFile(
    at("data/ifeval/input_data.jsonl"),
    jsonl(
      { key: 1, prompt: "no comma, please", instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] },
      { key: 2, prompt: "a quotation", instruction_id_list: ["startend:quotation"], kwargs: [{}] },
      { key: 3, prompt: "the sea ".repeat(60), instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] }
    )
  )
  await writeFile(at("good.jsonl"), jsonl({ key: 1, response: "none at all" }, { prompt: "a quotation ", response: "unquoted" }))
  await writeFile(at("strange.jsonl"), jsonl({ prompt: "what else", response: "x" }))
  await writeFile(at("broken.jsonl"), `${jsonl({ key: 1, response: "x" })}{`)
  await writeTinyModel(at("model"))
})
afterAll(async () => {
  if (environment !== undefined) process.env["IFRL_DATA_DIR"] = environment
  await rm(folder, { recursive: true })
})

const run = (...args: ReadonlyArray<string>) => runCli("eval", "--set", `run.folder=${at("runs")}`, ...args)
const suite = ["--suite", "ifeval", "--data"]
const read = async (path: string) => JSON.parse(await readFile(at(path), "utf8"))

describe("a file of responses", () => {
  test("is scored: table, JSON, page and verdicts in the run folder", async () => {
    const { exit, output } = await run(...suite, at("data"), "--responses", at("good.jsonl"), "--name", "scored")
    expect(exit._tag).toBe("Success")
    expect(output.join("\n")).toMatch(/prompt-level {7}33\.33% {2}1\/3 {2}33\.33% {2}1\/3[^]*report .*runs\/scored\/report\.html$/)
    expect((await readdir(at("runs/scored"))).toSorted()).toEqual(["checkpoints", "config.json", "report.html", "run.json", "summary.json", "verdicts.jsonl"])
    expect(await read("runs/scored/summary.json")).toMatchObject({
      suite: "ifeval",
      prompts: 3,
      responses: { source: at("good.jsonl"), rows: 2, missing: ["3"] },
      headline: { rows: { "prompt-level": { strict: { followed: 1, count: 3 } } } }
    })
    const verdicts = (await readFile(at("runs/scored/verdicts.jsonl"), "utf8")).trimEnd().split("\n").map((line) => JSON.parse(line))
    expect(verdicts[1]).toEqual({ key: "2", answered: true, instructions: [{ id: "startend:quotation", strict: false, loose: false }] })
    expect(verdicts[2]).toMatchObject({ key: "3", answered: false })
  })

  test("under --json is one object on standard output", async () => {
    const { output } = await run(...suite, at("data"), "--responses", at("good.jsonl"), "--name", "json", "--json")
    expect(output).toHaveLength(1)
    expect(JSON.parse(String(output[0]))).toEqual(await read("runs/json/summary.json"))
  })

  test("--first takes a part, and says so", async () => {
    const { output } = await run(...suite, at("data"), "--responses", at("good.jsonl"), "--name", "part", "--first", "1", "--json")
    expect(JSON.parse(String(output[0]))).toMatchObject({ prompts: 1, settings: { part: "the first 1 of 3 prompts" } })
  })

  test.each<readonly [string, () => ReadonlyArray<string>, RegExp]>([
    ["that matches no prompt", () => ["--responses", at("strange.jsonl")], /strange\.jsonl: none of its 1 rows belongs to one of IFEval's 3 prompts/],
    ["that is not JSON", () => ["--responses", at("broken.jsonl")], /broken\.jsonl:2: is not JSON/],
    ["that is missing", () => ["--responses", at("none.jsonl")], /none\.jsonl: no such file/],
    ["beside a model", () => ["--responses", at("good.jsonl"), "--model", at("model")], /--model: is about a model that responds/],
    ["beside a dry run", () => ["--responses", at("good.jsonl"), "--dry-run"], /--dry-run: is about a model that responds/]
  ])("%s is refused and leaves no run folder", async (_, args, message) => {
    const { exit } = await run(...suite, at("data"), "--name", "refused", ...args())
    expect(exit._tag).toBe("Failure")
    expect(String(exit)).toMatch(message)
    await expect(readdir(at("runs/refused"))).rejects.toThrow(/ENOENT/)
  })
})

describe("benchmark data", () => {
  test.each<readonly [string, () => ReadonlyArray<string>, RegExp]>([
    ["that nobody names", () => ["--suite", "ifeval"], /no folder of benchmark data is named; set IFRL_DATA_DIR or give --data/],
    ["that is not there", () => [...suite, at("nowhere")], /nowhere\/ifeval\/input_data\.jsonl: no such file; fetch IFEval's data \("npm run data"/],
    ["without a suite", () => ["--data", at("data")], /--data: is about a benchmark, and none is named; add --suite ifeval\|/]
  ])("%s is refused", async (_, args, message) => {
    expect(String((await run(...args())).exit)).toMatch(message)
  })
})

describe("a model", () => {
  const flags = ["--max-tokens", "6", "--set", "reward.thought=optional"]

  test("responds, and is scored on the answers; a prompt beyond its context has none", async () => {
    const { exit, output } = await run(...suite, at("data"), "--model", at("model"), ...flags, "--name", "model", "--json")
    expect(exit._tag).toBe("Success")
    const result = JSON.parse(String(output.at(-1)))
    expect(result).toMatchObject({
      prompts: 3,
      responses: { source: at("model"), rows: 2, missing: ["3"] },
      settings: { temperature: 1, seed: 0, maxTokens: 6, context: 128, thought: "optional", promptsBeyondContext: 1 }
    })
    const responses = await readFile(at("runs/model/responses.jsonl"), "utf8")
    expect(responses.trimEnd().split("\n").map((line) => JSON.parse(line).key).toSorted()).toEqual(["1", "2"])
    // What was saved can be scored again.
    const again = await run(...suite, at("data"), "--responses", at("runs/model/responses.jsonl"), "--name", "again", "--json")
    expect(JSON.parse(String(again.output[0])).headline).toEqual(result.headline)
  })

  test("goes on with responses that an interrupted run has left, a line cut short aside", async () => {
    const whole = (await readFile(at("runs/model/responses.jsonl"), "utf8")).trimEnd().split("\n")
    const summary = await read("runs/model/summary.json")
    await writeFile(at("runs/model/responses.jsonl"), `${whole[0]}\n${whole[1]!.slice(0, 20)}`)
    const { output } = await run(...suite, at("data"), "--resume", at("runs/model"), "--json")
    expect(JSON.parse(String(output.at(-1))).headline).toEqual(summary.headline)
    expect((await readFile(at("runs/model/responses.jsonl"), "utf8")).trimEnd().split("\n")).toEqual(whole)
    // Responses that were sampled otherwise are not added to them.
    const { exit } = await run(...suite, at("data"), "--resume", at("runs/model"), "--set", "eval.temperature=0.5")
    expect(JSON.stringify(exit)).toMatch(/"subject":"eval\.temperature","reason":"is 0\.5, and the responses in .* were made with 1"/)
    expect((await read("runs/model/config.json")).eval.temperature).toBe(1)
  })

  test("goes on by the command that its interruption names", async () => {
    const file = at("runs/cut/responses.jsonl")
    const args = ["eval", "--set", `run.folder=${at("runs")}`, ...suite, at("data"), "--first", "2", "--model", at("model"), ...flags, "--name", "cut"]
    const said = await Effect.runPromise(
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Command.runWith(cli, { version: "0" })(args))
        while (!existsSync(file)) yield* Effect.sleep(5)
        yield* Fiber.interrupt(fiber)
        return String((yield* TestConsole.errorLines)[0])
      }).pipe(Effect.provide(TestConsole.layer), Effect.provide(NodeServices.layer))
    )
    expect(said).toBe(`ifrl: go on with: ifrl eval --suite ifeval --data ${at("data")} --first 2 --resume ${at("runs/cut")}`)
    const { output } = await runCli(...said.split(" ").slice(5), "--json")
    expect(JSON.parse(String(output.at(-1)))).toMatchObject({ prompts: 2, settings: { part: "the first 2 of 3 prompts" } })
  })

  test("that never closes its thought is told what to do", async () => {
    const { output } = await run(...suite, at("data"), "--model", at("model"), "--max-tokens", "6", "--name", "thoughtless")
    expect(output.join("\n")).toMatch(/2 of 2 completions have no answer after <\/think>; .*--set reward\.thought=optional/)
  })

  test("is told by --dry-run what the suite would ask of it", async () => {
    const { output } = await run(...suite, at("data"), "--model", at("model"), ...flags, "--dry-run", "--json")
    expect(JSON.parse(String(output[0]))).toMatchObject({ prompts: 3 })
  })
})
