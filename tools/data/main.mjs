// Fetches the public originals of the benchmarks, about 15 MB, each checked by SHA-256:
//   npm run data [-- <folder>]
// The folder is IFRL_DATA_DIR's, or data/ in this repository. IFRL_DATA_HOST names a mirror of raw.githubusercontent.com.
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { download, HOST } from "./Download.mjs"
import { sources } from "./sources.mjs"

const named = process.argv[2] ?? process.env.IFRL_DATA_DIR
const directory = named === undefined || named === "" ? fileURLToPath(new URL("../../data", import.meta.url)) : resolve(named)
const { faults, fetched, kept, made } = await download({
  sources,
  directory,
  host: process.env.IFRL_DATA_HOST ?? HOST,
  log: (line) => console.log(line)
})
console.log(`${fetched} files fetched, ${made} made, ${kept} there already, ${faults.length} missing, in ${directory}`)
for (const fault of faults) console.error(`missing: ${fault}`)
if (faults.length > 0) console.error("Run it again to fetch what is missing; IFRL_DATA_HOST names a mirror.")
else console.log(`Tests and ifrl eval find them through the environment: export IFRL_DATA_DIR=${directory}`)
process.exitCode = faults.length > 0 ? 1 : 0
