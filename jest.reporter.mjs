import { mkdirSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { stripVTControlCharacters } from "node:util"

/**
 * Leaves what a project's tests came to in `<project>/.jest/summary.json`, where `tools/check.mjs` sums it up. The file is
 * an output of the Nx target, so that a cached run brings its counts along.
 */
export default class SummaryReporter {
  constructor(globalConfig) {
    this.rootDir = globalConfig.rootDir
    this.directory = join(globalConfig.rootDir, ".jest")
  }

  onRunComplete(_contexts, results) {
    mkdirSync(this.directory, { recursive: true })
    const summary = {
      passed: results.numPassedTests,
      // A test file that fails to load has no tests to count, and is a failure all the same.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
      failures: results.testResults
        .filter(({ failureMessage }) => failureMessage)
        .map(({ failureMessage, testFilePath }) => ({
          file: relative(this.rootDir, testFilePath),
          message: stripVTControlCharacters(failureMessage).trim()
        }))
    }
    writeFileSync(join(this.directory, "summary.json"), `${JSON.stringify(summary)}\n`)
  }
}
