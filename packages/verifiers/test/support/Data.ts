// Benchmark data and verdicts of the reference, in the folder that IFRL_DATA_DIR names. `npm run data` fetches the public
// originals; what was computed with the Python checkers is there for maintainers only.
import { test } from "@jest/globals"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

const dataDir = process.env.IFRL_DATA_DIR ?? ""

/** A test of these files. Where one is missing it is skipped, by a name that says so, and never passed. */
export const testWithData = (files: ReadonlyArray<string>, name: string, run: () => void): void => {
  const missing = files.filter((file) => dataDir === "" || !existsSync(join(dataDir, file)))
  const register = missing.length === 0 ? test : test.skip
  register(missing.length === 0 ? name : `${name} (IFRL_DATA_DIR lacks ${missing.join(", ")})`, run)
}

export const readJson = <A>(path: string): A => JSON.parse(readFileSync(join(dataDir, path), "utf8")) as A

export const readLines = <A>(path: string): Array<A> =>
  readFileSync(join(dataDir, path), "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as A)

/** Says how many vectors were held against the reference, and names those left out because its own verdict is not stable. */
export const reportParity = (what: string, compared: number, left: ReadonlyArray<string> = []): void => {
  const names = left.length === 0 ? "" : `, unstable in the reference itself: ${left.join("; ")}`
  process.stdout.write(`parity: ${what}: ${compared} compared, ${left.length} left out${names}\n`)
}
