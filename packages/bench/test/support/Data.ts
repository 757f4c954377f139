import { test } from "@jest/globals"
import { existsSync } from "node:fs"
import { join } from "node:path"

/** The folder of public benchmark data and responses. Without it the tests that need it are skipped, never passed. */
export const dataDir = process.env["IFRL_DATA_DIR"]

const available = dataDir !== undefined && dataDir !== "" && existsSync(dataDir)

export const testWithData: typeof test.skip = available ? test : test.skip

export const dataFile = (path: string): string => join(dataDir!, path)
