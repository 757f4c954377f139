/** Processes that used ONNX Runtime end cleanly: test workers, one after another and side by side, and threads. */
import { expect, test } from "@jest/globals"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const jest = fileURLToPath(new URL("../../../node_modules/jest/bin/jest.js", import.meta.url))

const runFixtures = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number | string | null; readonly output: string }>((resolve) => {
    execFile(
      process.execPath,
      [
        "--experimental-vm-modules",
        "--disable-warning=ExperimentalWarning",
        jest,
        "--testMatch",
        "<rootDir>/test/fixtures/*.fixture.ts",
        ...args
      ],
      // Nx asks its tasks for colours; the summary is read as plain text.
      { cwd: root, env: { ...process.env, FORCE_COLOR: "0" } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : error.code ?? error.signal ?? null, output: stdout + stderr })
    )
  })

test.each([
  { title: "one process", args: ["--runInBand"] },
  { title: "two workers", args: ["--maxWorkers=2"] },
  { title: "two worker threads", args: ["--maxWorkers=2", "--workerThreads"] }
])("four test files in $title", async ({ args }) => {
  const { code, output } = await runFixtures(...args)
  expect(output).toMatch(/Tests: +4 passed, 4 total/)
  // A worker that dies shows by its signal; how soon a live one goes depends on the load of the machine.
  expect(output).not.toMatch(/SIG|MaxListeners/)
  expect(code).toBe(0)
}, 300_000)
