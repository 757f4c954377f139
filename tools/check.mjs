// Builds, type-checks, lints and tests every project of the workspace, and closes with `N passed, N failed`, the sum over
// all of them. Run it with `npm test`; arguments go to Nx (`npm test -- --skip-nx-cache`).
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const folders = (parent) => readdirSync(join(root, parent), { withFileTypes: true })
  .filter((entry) => entry.isDirectory()).map((entry) => join(parent, entry.name))
const read = (path) => JSON.parse(readFileSync(join(root, path), "utf8"))

const projects = [...folders("packages"), ...folders("apps"), "tools"]
  .filter((project) => read(join(project, "package.json")).scripts?.test !== undefined)
const summaryOf = (project) => join(project, ".jest", "summary.json")

// Nx restores the summary of a run that it finds in its cache; one left by an earlier run would count for a run that never was.
for (const project of projects) rmSync(join(root, summaryOf(project)), { force: true })

const nx = spawnSync(process.execPath, [
  join(root, "node_modules/nx", read("node_modules/nx/package.json").bin.nx), "run-many", "-t", "build", "typecheck", "lint", "test",
  "--output-style=static", ...process.argv.slice(2)
], { cwd: root, stdio: "inherit" })

const sum = { passed: 0, failed: 0, skipped: 0 }
const silent = []
for (const project of projects) {
  try {
    const summary = read(summaryOf(project))
    for (const key of Object.keys(sum)) sum[key] += summary[key]
    if (summary.passed + summary.failed === 0) silent.push(project)
  } catch (error) {
    if (error.code !== "ENOENT") throw error
    silent.push(project)
  }
}
if (silent.length > 0) console.log(`No test ran in: ${silent.join(", ")}`)
if (sum.skipped > 0) console.log(`${sum.skipped} skipped`)
console.log(`${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = nx.status === 0 && silent.length === 0 && sum.failed === 0 ? 0 : 1
