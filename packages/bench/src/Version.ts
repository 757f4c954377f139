import { readFileSync } from "node:fs"
import { createRequire } from "node:module"

const versionIn = (path: string | URL): string => JSON.parse(readFileSync(path, "utf8")).version

/** Versions of what a result depends on, by package. */
export const versions = (): Readonly<Record<"@ifrl/bench" | "@ifrl/verifiers", string>> => ({
  "@ifrl/bench": versionIn(new URL("../package.json", import.meta.url)),
  "@ifrl/verifiers": versionIn(createRequire(import.meta.url).resolve("@ifrl/verifiers/package.json"))
})
