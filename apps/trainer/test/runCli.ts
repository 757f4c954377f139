import { NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { cli } from "../src/index.ts"

/** Runs the command in this process, with what it printed. */
export const runCli = (...args: ReadonlyArray<string>) =>
  Effect.runPromise(
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Command.runWith(cli, { version: "0" })(args))
      return { exit, output: (yield* TestConsole.logLines).map(String), errors: yield* TestConsole.errorLines }
    }).pipe(Effect.provide(TestConsole.layer), Effect.provide(NodeServices.layer))
  )

/** The built command: needs `npm run build`, which the Nx target `test` of this project depends on. */
export const binary = fileURLToPath(new URL("../bin/ifrl.js", import.meta.url))

/** Nx asks its tasks for colours; a user whose output goes to a pipe gets none. */
const { FORCE_COLOR: _, ...env } = process.env

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ScriptOptions {
  /** Sent once, as soon as `when` is true of what is on standard output. */
  readonly signal?: NodeJS.Signals
  readonly when?: (stdout: string) => boolean
  /** Largest file that may be written, in KiB: what a full disk looks like to a program. */
  readonly fileLimit?: number
}

/** Runs a script of Node in a folder until it ends or is killed. */
export const runScript = (
  folder: string,
  script: string,
  args: ReadonlyArray<string>,
  { fileLimit, signal, when = () => false }: ScriptOptions = {}
) =>
  new Promise<Ended>((resolve, reject) => {
    const command = [process.execPath, script, ...args]
    const limited = ["bash", "-c", `trap '' XFSZ; ulimit -f ${fileLimit}; exec "$@"`, "bash", ...command]
    const [file, ...rest] = fileLimit === undefined ? command : limited
    const child = spawn(file!, rest, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] })
    let [stdout, stderr, sent] = ["", "", false]
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      if (!sent && signal !== undefined && when(stdout)) sent = child.kill(signal)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    child.on("error", reject)
    child.on("close", (code, by) => resolve({ code, signal: by, stdout, stderr }))
  })
