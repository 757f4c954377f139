import { NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { spawn } from "node:child_process"
import { cli } from "../src/index.ts"

/** Runs the command in this process, with what it printed. */
export const runCli = (...args: ReadonlyArray<string>) =>
  Effect.runPromise(
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Command.runWith(cli, { version: "0" })(args))
      return { exit, output: (yield* TestConsole.logLines).map(String), errors: yield* TestConsole.errorLines }
    }).pipe(Effect.provide(TestConsole.layer), Effect.provide(NodeServices.layer))
  )

const { FORCE_COLOR: _, ...env } = process.env

/** Runs a script of Node in a folder until it ends or is killed. */
export const runScript = (folder: string, file: string, ...args: ReadonlyArray<string>) =>
  new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] })
    let [stdout, stderr] = ["", ""]
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    child.on("error", reject)
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
