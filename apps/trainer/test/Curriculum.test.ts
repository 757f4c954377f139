// `ifrl curriculum` in this process, and once as the built command that is killed.
import { NodeServices } from "@effect/platform-node"
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { isReasoning, makeSchedule } from "@ifrl/curriculum"
import { Effect, Result } from "effect"
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { readConfig } from "../src/index.ts"
import { heldOutPrompts, trainingPrompts } from "../src/Source.ts"
import { binary, runCli } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

let folder = ""
const at = (name: string) => join(folder, name)
const lines = (records: ReadonlyArray<object>) => records.map((record) => `${JSON.stringify(record)}\n`).join("")
const topics = ["river", "harbor", "market", "garden", "engine"]
const seeds = (count: number) =>
  lines(
    Array.from({ length: count }, (_, i) => ({ instruction: `Explain how the ${topics[i % 5]} number ${i} works.` }))
  )

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-curriculum-"))
  await writeFile(at("seeds.jsonl"), seeds(40))
  await writeFile(
    at("math.jsonl"),
    lines(Array.from({ length: 10 }, (_, i) => ({ question: `What is ${i} times 7?`, answer: String(7 * i) })))
  )
  await writeFile(
    at("faulty.jsonl"),
    lines([
      {
        prompt: "Write. I don't want anything less than 50 words.",
        instruction: "Write.",
        instruction_id_list: ["length_constraints:number_words"],
        kwargs: [{ num_words: 50, relation: "less than" }],
        constraints: ["I don't want anything less than 50 words"]
      },
      {
        prompt: "Write. Use no commas.",
        instruction: "Write.",
        instruction_id_list: ["punctuation:no_comma"],
        kwargs: [{}],
        constraints: ["Use no commas"]
      }
    ])
  )
})
afterAll(() => rm(folder, { recursive: true }))

const run = (...args: ReadonlyArray<string>) => runCli("curriculum", ...args)
const json = async (...args: ReadonlyArray<string>) => JSON.parse((await run(...args, "--json")).output[0]!)
const build = (out: string, ...args: ReadonlyArray<string>) =>
  json("build", "--out", at(out), "--seeds", at("seeds.jsonl"), "--questions", at("math.jsonl"), ...args)

describe("ifrl curriculum", () => {
  test("build makes a folder that stats, validate and show read", async () => {
    const built = await build("a", "--held-out", "0.2")
    expect(built).toMatchObject({ units: 50, resumed: 0, counts: { seeds: 40, questions: 10 } })
    const stats = await json("stats", at("a"))
    expect(stats.rows).toBe(built.rows.rows)
    expect(stats.levels.map(({ level }: { level: number }) => level)).toEqual([1, 2, 3, 4, 5])
    expect(await json("validate", at("a"))).toMatchObject({ rows: built.rows.rows, faulty: 0, counts: {} })
    const { output } = await run("show", at("a"), "--first", "2")
    expect(output[0]).toMatch(
      /^[0-9a-f]{16} {2}L5, instruction, from seeds\.jsonl:\d+\n {2}Explain how .*\n {2}1\. (?:hard|soft) {2}\S/
    )
    expect(output[0]!.split("\n\n").length).toBe(2)
    const { rows } = await json("show", at("a"), "--level", "2", "--first", "1")
    expect((await run("show", at("a"), "--row", rows[0].id, "--prompt")).output).toEqual([rows[0].prompt])
  })

  test("show refuses to print no rows, which says nothing of the dataset", async () => {
    expect(JSON.stringify((await run("show", at("seeds.jsonl"), "--first", "0")).exit)).toContain("--first 0\",\"reason\":\"leaves no row")
  })

  test("build reads a config file, with flags over it, and refuses keys that are not known", async () => {
    await writeFile(at("build.yaml"), `seeds: [${at("seeds.jsonl")}]\nconstraints: 3\nperSeed: 2\nmaxSeeds: 5\n`)
    expect(
      (await json("build", "--out", at("b"), "--config", at("build.yaml"), "--constraints", "2")).config
    ).toMatchObject({ constraints: 2, perSeed: 2, writer: "templates" })
    await writeFile(at("wrong.yaml"), "sedes: []\n")
    const { exit } = await run("build", "--out", at("c"), "--config", at("wrong.yaml"))
    expect(JSON.stringify(exit)).toContain("sedes")
    expect(
      JSON.stringify((await run("build", "--out", at("c"), "--seeds", at("seeds.jsonl"), "--writer", "endpoint")).exit)
    ).toContain("none is named")
  })

  test("validate ends with a failure that counts the faulty rows, and import --clean leaves them out", async () => {
    const { exit, output } = await run("validate", at("faulty.jsonl"))
    expect(exit).toMatchObject({ _tag: "Failure" })
    expect(JSON.stringify(exit)).toContain("1 of 2 rows have faults")
    expect(output[0]).toContain("1  relation: the text asks for another bound than is checked")
    expect(await json("import", at("faulty.jsonl"), "--out", at("clean"), "--clean")).toMatchObject({
      counts: { records: 2, faulty: 1 },
      rows: { rows: 1 }
    })
    expect((await run("validate", at("clean"))).exit).toMatchObject({ _tag: "Success" })
  })

  test("validate names import --clean only for faults that it leaves out", async () => {
    expect(JSON.stringify((await run("validate", at("faulty.jsonl"))).exit)).toContain("or leave them out with: ifrl curriculum import --clean")
    await writeFile(at("unreadable.jsonl"), `${readFileSync(at("clean/rows.jsonl"), "utf8")}{"prompt":"Say hi"}\n`)
    const beyond: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
      ["unreadable", ["unreadable.jsonl"]],
      ["leak", ["clean", "--held-out", at("clean")]]
    ]
    for (const [kind, [dataset, ...more]] of beyond) {
      const { exit } = await run("validate", at(dataset!), ...more)
      expect(JSON.stringify(exit)).toContain(`import --clean leaves out other faults, not ${kind}"`)
    }
  })
})

describe("a run", () => {
  const runConfig = (prompts: string, ...assignments: ReadonlyArray<string>) =>
    readConfig({ assignments: [`data.prompts=${at(prompts)}`, `data.heldOut=${at(prompts)}`, ...assignments] })
  const rowsOf = (...assignments: ReadonlyArray<string>) =>
    Effect.runPromise(
      Effect.gen(function*() {
        const config = yield* runConfig("run", ...assignments)
        const rows = yield* trainingPrompts(config)
        return { config, rows, heldOut: yield* heldOutPrompts(config, rows) }
      }).pipe(Effect.provide(NodeServices.layer))
    )

  test("trains on a curriculum folder under the schedule that its config names, and is judged by what the build held out", async () => {
    const { heldOut: held, rows: all } = await build("run", "--held-out", "0.2")
    const { config, heldOut, rows } = await rowsOf("curriculum.name=replay", "curriculum.reasoning=0.25")
    expect([rows.length, heldOut.length]).toEqual([all.rows, held.rows])
    const schedule = Result.getOrThrow(makeSchedule(rows, { span: 40, ...config.curriculum }))
    const taken = schedule.take(schedule.start, 40).rows
    expect(taken.filter(isReasoning).length).toBe(10)
    expect(new Set(taken.filter((row) => !isReasoning(row)).map(({ level }) => level))).toEqual(
      new Set([1, 2, 3, 4, 5])
    )
  })

  test("without a curriculum trains on whole instructions alone", async () => {
    const { rows } = await rowsOf("curriculum.decompose=false")
    expect(new Set(rows.filter((row) => !isReasoning(row)).map(({ level }) => level))).toEqual(new Set([5]))
  })

  test("does not begin with a curriculum whose build was not finished", async () => {
    await mkdir(at("half"))
    await writeFile(join(at("half"), "unfinished.json"), "{}")
    const error: unknown = await Effect.runPromise(
      runConfig("half").pipe(Effect.flatMap(trainingPrompts), Effect.flip, Effect.provide(NodeServices.layer))
    )
    expect((error as Error).message).toContain("was not finished")
  })
})

test("the policy writes soft constraints, the same ones each time", async () => {
  await writeTinyModel(at("model"), { maxPositions: 2048 })
  const written = async (out: string) => {
    const manifest = await json(
      "build",
      "--out",
      at(out),
      "--seeds",
      at("seeds.jsonl"),
      "--max-seeds",
      "3",
      "--constraints",
      "2",
      "--writer",
      "policy",
      "--model",
      at("model")
    )
    expect(manifest.config.writer).toMatch(/^policy [0-9a-f]{16}$/)
    return readFileSync(join(at(out), "rows.jsonl"), "utf8")
  }
  expect(await written("policy")).toBe(await written("policy2"))
}, 60_000)

test("a build killed with SIGKILL goes on to the same bytes", async () => {
  await writeFile(at("many.jsonl"), seeds(1600))
  const start = (out: string) =>
    spawn(process.execPath, [binary, "curriculum", "build", "--out", at(out), "--seeds", at("many.jsonl"), "--json"], {
      stdio: ["ignore", "pipe", "inherit"]
    })
  const ended = (child: ReturnType<typeof start>) => new Promise<number | null>((resolve) => child.on("close", resolve))
  const contents = (out: string) =>
    Object.fromEntries(
      readdirSync(at(out))
        .toSorted()
        .map((name) => [name, readFileSync(join(at(out), name), "utf8")])
    )

  const whole = start("whole")
  expect(await ended(whole)).toBe(0)
  const done = () => {
    const path = join(at("killed"), "unfinished.json")
    return existsSync(path) ? Number(JSON.parse(readFileSync(path, "utf8")).done) : 0
  }
  for (const target of [64, 1000]) {
    const child = start("killed")
    const over = ended(child)
    while (done() < target && child.exitCode === null) await sleep(5)
    child.kill("SIGKILL")
    expect(await over).toBe(null)
  }
  expect(existsSync(join(at("killed"), "curriculum.json"))).toBe(false)
  const last = start("killed")
  let printed = ""
  last.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text
  })
  expect(await ended(last)).toBe(0)
  expect(JSON.parse(printed).resumed).toBeGreaterThanOrEqual(1000)
  expect(contents("killed")).toEqual(contents("whole"))
}, 300_000)
