import { describe, test } from "@jest/globals"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The folder of public benchmark data and reference verdicts. Without it the parity tests are skipped, never passed. */
export const dataDir = process.env.IFRL_DATA_DIR

const available = dataDir !== undefined && dataDir !== "" && existsSync(dataDir)

export const describeWithData: typeof describe.skip = available ? describe : describe.skip
export const testWithData: typeof test.skip = available ? test : test.skip

export const readJson = <A>(path: string): A => JSON.parse(readFileSync(join(dataDir!, path), "utf8")) as A

export const readLines = <A>(path: string): Array<A> =>
  readFileSync(join(dataDir!, path), "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as A)
