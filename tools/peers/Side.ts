// One side of the benchmark: a child process that answers one JSON line with one JSON line. Each side and each task has
// a process of its own, so that peak memory is that task's alone.
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"

type Message = Readonly<Record<string, unknown>>

export class Side {
  readonly name: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<void>
  #errors = ""

  constructor(name: string, command: string, args: ReadonlyArray<string>, environment: Readonly<Record<string, string>>) {
    this.name = name
    this.#child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ["pipe", "pipe", "pipe"] })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000)
    })
    this.#child.on("error", (error) => {
      this.#errors += error.message
    })
    // A process that has ended cannot be written to; `next` says so with its own last words.
    this.#child.stdin!.on("error", () => {})
    this.#ended = new Promise((resolve) => this.#child.once("close", () => resolve()))
  }

  /** The next line that the process prints. */
  async next(): Promise<Message> {
    const line = await this.#lines.next()
    if (line.done === true) throw new Error(`${this.name} ended without an answer:\n${this.#errors}`)
    return JSON.parse(line.value) as Message
  }

  async ask(request: Message): Promise<Message> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`)
    return await this.next()
  }

  /** Close the process's input, which ends it, and wait until it has ended. */
  async end(): Promise<void> {
    this.#child.stdin!.end()
    await this.#ended
  }
}
