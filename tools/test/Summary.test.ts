import { afterEach, beforeEach, expect, test } from "@jest/globals"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import SummaryReporter from "../../jest.reporter.mjs"
import { forget, sumUp, testedProjects } from "../Summary.mjs"

let root = ""
const write = async (path: string, value: object) => {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), JSON.stringify(value))
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ifrl-summary-"))
  await write("packages/a/package.json", { scripts: { test: "jest" } })
  await write("packages/b/package.json", { scripts: { test: "jest" } })
  await write("packages/untested/package.json", {})
  await write("packages/notes/readme.json", {})
  await write("apps/c/package.json", { scripts: { test: "jest" } })
  await write("tools/package.json", { scripts: { test: "jest" } })
})
afterEach(() => rm(root, { recursive: true }))

const report = (project: string, results: object) =>
  new SummaryReporter({ rootDir: join(root, project) }).onRunComplete(undefined, {
    numPassedTests: 0,
    numFailedTests: 0,
    numRuntimeErrorTestSuites: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: [],
    ...results
  })

test("sums what the reporter left in every project, a file that did not load among the failures", () => {
  const projects = testedProjects(root)
  expect(projects).toEqual(["packages/a", "packages/b", "apps/c", "tools"].map((name) => join(root, name)))
  report("packages/a", { numPassedTests: 3, numPendingTests: 1 })
  report("packages/b", {
    numPassedTests: 1,
    numFailedTests: 2,
    testResults: [
      { testFilePath: join(root, "packages/b/test/Good.test.ts"), failureMessage: null },
      { testFilePath: join(root, "packages/b/test/Bad.test.ts"), failureMessage: "\u001b[1m\u25cf adds up\u001b[22m\n\n3 is not 4\n" }
    ]
  })
  report("apps/c", { numRuntimeErrorTestSuites: 1 })
  report("tools", { numPassedTests: 5 })
  expect(sumUp(projects)).toEqual({
    passed: 9,
    failed: 3,
    skipped: 1,
    silent: [],
    failures: [{ file: join(root, "packages/b/test/Bad.test.ts"), message: "\u25cf adds up\n\n3 is not 4" }]
  })
})

test("a project without a summary, or with an empty one, is silent; an old summary is forgotten", () => {
  const projects = testedProjects(root)
  report("packages/a", { numPassedTests: 3 })
  forget(projects)
  report("packages/b", {})
  report("tools", { numPassedTests: 1 })
  expect(sumUp(projects)).toEqual({
    passed: 1,
    failed: 0,
    skipped: 0,
    failures: [],
    silent: ["packages/a", "packages/b", "apps/c"].map((name) => join(root, name))
  })
})
