// Fetches pinned files into a folder. A file is there only when it is whole and its SHA-256 is right: it is written beside
// its place and moved there last, and one that is there and right already is not fetched again.
import { createHash } from "node:crypto"
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"

/** Where repositories' files are served by commit: `<host>/<owner>/<name>/<commit>/<path>`. */
export const HOST = "https://raw.githubusercontent.com"

const sha256Of = (bytes) => createHash("sha256").update(bytes).digest("hex")

/** What stands at `path`: "right", "wrong" (another SHA-256) or "absent". */
const standing = async (path, sha256) => {
  const bytes = await readFile(path).catch(() => undefined)
  return bytes === undefined ? "absent" : sha256Of(bytes) === sha256 ? "right" : "wrong"
}

const place = async (path, bytes) => {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.part`
  try {
    await writeFile(beside, bytes)
    await rename(beside, path)
  } finally {
    await rm(beside, { force: true })
  }
}

const causeOf = (error) => error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message

/** The bytes at `url`, tried again where the fault may pass: a broken connection, a server's own error, a transfer cut short. */
const get = async (url, { attempts, timeout, wait }) => {
  let fault = ""
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (attempt > 1) await new Promise((resolve) => setTimeout(resolve, wait * 2 ** (attempt - 2)))
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(timeout) })
      if (response.ok) {
        const bytes = new Uint8Array(await response.arrayBuffer())
        // Where the transfer was compressed, the length is not that of what has arrived.
        const size = response.headers.get("content-encoding") === null ? response.headers.get("content-length") : null
        if (size === null || Number(size) === bytes.length) return bytes
        fault = `${bytes.length} of ${size} bytes arrived`
        continue
      }
      fault = `the server answered ${response.status}`
      if (response.status < 500 && response.status !== 429) break
      await response.body?.cancel()
    } catch (error) {
      fault = causeOf(error)
    }
  }
  throw new Error(fault)
}

/**
 * Fetch what is missing or wrong of `sources` into `directory`. Faults do not stop the rest; they are returned.
 *
 * @param {object} options
 * @param {ReadonlyArray<import("./sources.mjs").Source>} options.sources
 * @param {string} options.directory
 * @param {string} [options.host]
 * @param {(line: string) => void} [options.log]
 * @param {{ attempts: number, timeout: number, wait: number }} [options.patience] milliseconds
 * @returns {Promise<{ fetched: number, kept: number, made: number, faults: Array<string> }>}
 */
export const download = async (
  { sources, directory, host = HOST, log = () => {}, patience = { attempts: 3, timeout: 60_000, wait: 1000 } }
) => {
  const result = { fetched: 0, kept: 0, made: 0, faults: /** @type {Array<string>} */ ([]) }
  for (const { commit, made, original, path, repository, sha256 } of sources) {
    const target = join(directory, path)
    const url = `${host}/${repository}/${commit}/${original}`
    try {
      if (await standing(target, sha256) === "right") {
        result.kept++
      } else {
        const bytes = await get(url, patience)
        const actual = sha256Of(bytes)
        if (actual !== sha256) throw new Error(`SHA-256 is ${actual}, expected ${sha256}`)
        await place(target, bytes)
        result.fetched++
        log(`${path}: ${bytes.length} bytes from ${repository}`)
      }
      if (made !== undefined && await standing(join(directory, made.path), made.sha256) !== "right") {
        const bytes = new TextEncoder().encode(made.make(await readFile(target)))
        const actual = sha256Of(bytes)
        if (actual !== made.sha256) throw new Error(`${made.path}, made from it, has SHA-256 ${actual}, expected ${made.sha256}`)
        await place(join(directory, made.path), bytes)
        result.made++
        log(`${made.path}: made from ${path}`)
      }
    } catch (error) {
      result.faults.push(`${path}: ${url}: ${error.message}`)
    }
  }
  return result
}
