// Builds, type-checks, lints and tests every project of the workspace, and closes with `N passed, N failed`, the sum over
// all of them. Run it with `npm test`; arguments go to Nx (`npm test -- --skip-nx-cache`).
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { forget, sumUp, testedProjects } from "./Summary.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const nxFolder = join(root, "node_modules/nx")
const nx = join(nxFolder, JSON.parse(readFileSync(join(nxFolder, "package.json"), "utf8")).bin.nx)

const projects = testedProjects(root)
forget(projects)
const { status } = spawnSync(process.execPath, [
  nx, "run-many", "-t", "build", "typecheck", "lint", "test", "--output-style=static", ...process.argv.slice(2)
], { cwd: root, stdio: "inherit" })

const { failed, failures, passed, silent, skipped } = sumUp(projects)
// Once more, at the end: above they are among the output of all projects.
for (const { file, message } of failures) console.log(`\nFailed in ${relative(root, file)}:\n${message.slice(0, 4000)}\n`)
if (silent.length > 0) console.log(`No test ran in: ${silent.map((project) => relative(root, project)).join(", ")}`)
if (skipped > 0) console.log(`${skipped} skipped`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = status === 0 && silent.length === 0 && failed === 0 ? 0 : 1
