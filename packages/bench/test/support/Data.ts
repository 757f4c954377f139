import { test } from "@jest/globals"
import { existsSync } from "node:fs"
import { join } from "node:path"

/** The folder of public benchmark data and responses. Without it the tests that need it are skipped, never passed. */
export const dataDir = process.env["IFRL_DATA_DIR"]

const isThere = (file: string): boolean => dataDir !== undefined && dataDir !== "" && existsSync(join(dataDir, file))

/** `test` where all of these files are there, `test.skip` where one is missing. */
export const testWith = (...files: ReadonlyArray<string>): typeof test.skip => files.every(isThere) ? test : test.skip

export const dataFile = (path: string): string => join(dataDir!, path)
