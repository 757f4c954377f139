// What the tests of all projects came to, from the files that jest.reporter.mjs leaves.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"))
const summaryOf = (project) => join(project, ".jest", "summary.json")

/** Folders of the workspace's projects that have tests. */
export const testedProjects = (root) => {
  const folders = ["packages", "apps"].flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
  return [...folders, join(root, "examples"), join(root, "tools")].filter((folder) => {
    const manifest = join(folder, "package.json")
    return existsSync(manifest) && readJson(manifest).scripts?.test !== undefined
  })
}

/** Nx restores the summary of a run that it finds in its cache; one left by an earlier run would count for a run that never was. */
export const forget = (projects) => {
  for (const project of projects) rmSync(summaryOf(project), { force: true })
}

const nothing = { failed: 0, failures: [], passed: 0, skipped: 0 }

/** The sum over `projects`, and those of them in which no test ran. */
export const sumUp = (projects) => {
  const sum = { passed: 0, failed: 0, skipped: 0, silent: [], failures: [] }
  for (const project of projects) {
    const { failed, failures, passed, skipped } = existsSync(summaryOf(project)) ? readJson(summaryOf(project)) : nothing
    sum.passed += passed
    sum.failed += failed
    sum.skipped += skipped
    sum.failures.push(...failures.map(({ file, message }) => ({ file: join(project, file), message })))
    if (passed + failed === 0) sum.silent.push(project)
  }
  return sum
}
