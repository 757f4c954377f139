// The built command as a user runs it: exit codes, what goes to which stream, Ctrl-C.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { version } from "../src/Version.ts"
import { binary, runScript, type ScriptOptions } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-binary-"))
  await writeTinyModel(join(folder, "model"), { maxPositions: 20_000 })
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs the command in the scratch folder. */
const ifrl = (args: ReadonlyArray<string>, options?: ScriptOptions) => runScript(folder, binary, args, options)

describe("ifrl", () => {
  test("prints its version", async () => {
    expect(await ifrl(["--version"])).toEqual({ code: 0, signal: null, stdout: `ifrl v${version}\n`, stderr: "" })
  })

  test("lists its commands", async () => {
    const { code, stdout } = await ifrl(["--help"])
    expect(code).toBe(0)
    for (const command of ["generate", "artifacts", "doctor", "config"]) expect(stdout).toContain(`  ${command}`)
  })

  test("generate --json prints one object, and nothing else, on standard output", async () => {
    const { code, stderr, stdout } = await ifrl([
      "generate", "--model", "model", "--prompt", "the sea", "--temperature", "0", "--max-tokens", "4", "--json"
    ])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(Object.keys(JSON.parse(stdout))).toEqual(["text", "tokens", "logProbs", "stopReason"])
    expect(stdout.trimEnd()).not.toContain("\n")
  })

  test("Ctrl-C ends a generation in the middle, with the exit code of an interruption", async () => {
    const args = ["generate", "--model", "model", "--raw", "--prompt", "the sea", "--max-tokens", "19000", "--min-p", "0"]
    const { code, stderr, stdout } = await ifrl(args, { signal: "SIGINT", when: (text) => text.length > 20 })
    expect({ code, stderr }).toEqual({ code: 130, stderr: "ifrl: interrupted\n" })
    expect(stdout.length).toBeGreaterThan(20)
  })
})

describe("bad input ends in one message on the error stream and exit code 1", () => {
  beforeAll(async () => {
    await writeFile(join(folder, "unknown.yaml"), "rollout: { groupsize: 4 }\n")
    await writeFile(join(folder, "broken.json"), "{ \"rollout\": ")
    await writeFile(join(folder, "notmodel.json"), "{}")
  })

  test.each<readonly [string, ReadonlyArray<string>, RegExp]>([
    ["no such command", ["trian"], /^ifrl: Unknown subcommand "trian"/],
    ["no such flag", ["generate", "--promt", "x"], /^ifrl: Unrecognized flag: --promt[^]*--prompt/],
    ["a flag that is missing", ["generate"], /^ifrl: Missing required flag: --prompt/],
    ["a flag of the wrong type", ["generate", "--prompt", "x", "--max-tokens", "many"], /^ifrl: Invalid value for flag --max-tokens: "many"/],
    ["an unknown key", ["config", "--config", "unknown.yaml"], /^ifrl: config: unknown\.yaml: unknown key rollout\.groupsize\n {2}did you mean rollout\.groupSize\?\n$/],
    ["a file that is not there", ["config", "--config", "none.yaml"], /^ifrl: config: none\.yaml: no such file\n/],
    ["a file that is broken", ["config", "--config", "broken.json"], /^ifrl: config: broken\.json: .*line 1/],
    ["a value out of bounds", ["config", "--group-size", "1"], /^ifrl: config: --group-size: rollout\.groupSize is 1\n {2}expected .* 2/],
    ["a model folder that is not there", ["generate", "--model", "none", "--prompt", "x"], /^ifrl: none\/config\.json: does not exist\n/],
    ["an output folder that is a file", ["artifacts", "--model", "model", "--out", "unknown.yaml"], /^ifrl: .*unknown\.yaml/]
  ])("%s", async (_, args, message) => {
    const { code, stderr, stdout } = await ifrl(args)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/^ {4}at /m)
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
  })

  test("--debug adds the stack trace", async () => {
    const { code, stderr } = await ifrl(["config", "--config", "none.yaml", "--debug"])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ {4}at /m)
  })
})
