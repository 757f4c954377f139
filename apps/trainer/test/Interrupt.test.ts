// Ctrl-C at a terminal, whose live view redraws its last lines.
import { afterAll, beforeAll, expect, test } from "@jest/globals"
import { spawn } from "node:child_process"
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { binary } from "./runCli.ts"
import { writeTinyModel } from "./TinyModel.ts"

let folder = ""
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-interrupt-"))
  await writeTinyModel(join(folder, "model"))
  const rows = (verb: string) =>
    Array.from({ length: 64 }, (_, i) => JSON.stringify({ prompt: `${verb} ${i}.`, instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] })).join("\n")
  await writeFile(join(folder, "train.jsonl"), rows("Describe"))
  await writeFile(join(folder, "held.jsonl"), rows("Praise"))
})
afterAll(() => rm(folder, { recursive: true }))

/** Both streams of the command in one file, as on a terminal; interrupted as soon as the view shows `seen`. */
const atTerminal = async (args: ReadonlyArray<string>, seen: string) => {
  const screen = join(folder, "screen")
  const file = await open(screen, "a")
  const terminal = "data:text/javascript,Object.assign(process.stdout, { isTTY: true, columns: 80, rows: 24 })"
  const child = spawn(process.execPath, ["--import", terminal, binary, ...args], { cwd: folder, stdio: ["ignore", file.fd, file.fd] })
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  const watch = setInterval(async () => {
    if (!(await readFile(screen, "utf8")).includes(seen)) return
    clearInterval(watch)
    child.kill("SIGINT")
  }, 20)
  const code = await ended
  clearInterval(watch)
  await file.close()
  return { code, screen: await readFile(screen, "utf8") }
}

test("the view is over before the way to go on is said, which it would wipe out otherwise", async () => {
  const settings = ["data.heldOut=held.jsonl", "curriculum.decompose=false", "rollout.groupSize=4", "rollout.maxTokens=64"]
  const flags = ["--name", "run", "--model", "model", "--prompts", "train.jsonl", "--steps", "500"]
  const { code, screen } = await atTerminal(["train", ...flags, ...settings.flatMap((one) => ["--set", one])], "responses ")
  expect(code).toBe(130)
  const said = screen.indexOf("ifrl: go on with: ifrl train --resume runs/run\n")
  expect(said).toBeGreaterThan(0)
  expect(screen.slice(said)).toBe("ifrl: go on with: ifrl train --resume runs/run\nifrl: interrupted\n")
})
