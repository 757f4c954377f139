// @ifrl/verifiers as a browser gets it: bundled without anything of Node, and run in Chromium, where it must give the verdicts
// that it gives here. Without a Chromium (CHROMIUM names one, or it is found in PATH) that half is skipped.
import { afterAll, beforeAll, expect, test } from "@jest/globals"
import { verify, verifiers, verifyLoose, verifyMath } from "@ifrl/verifiers"
import { execFile } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { pieces, repeated, samples } from "../../packages/verifiers/test/support/Hostile.ts"

const exec = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))

const findChromium = (): string | undefined => {
  // One that is named must work.
  if (process.env["CHROMIUM"] !== undefined) return process.env["CHROMIUM"]
  const folders = (process.env["PATH"] ?? "").split(delimiter)
  const names = ["chromium", "chromium-browser", "google-chrome"]
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
const chromium = findChromium()

const texts = [
  "* red\n* blue",
  "\"The quick brown fox jumps over the lazy dog. It isn't 3.14 a.m. yet, Mr. Smith!\"",
  "<<TITLE>>\n\nSECTION 1\nHELLO THERE, WORLD. P.S. SEE [NAME] AND **BOLD** TEXT.",
  "{\"a\": [1, 2, NaN]}",
  "Das ist ein kurzer deutscher Satz. Und noch einer!",
  "\u4f60\u597d\u3002 \u05e9\u05dc\u05d5\u05dd \ud83d\ude00\r\n\0\ud800 \u0130\u0131\u017f",
  ...pieces.map((piece) => repeated(piece, 300))
]
const cases = Object.keys(verifiers).flatMap((id) => (samples[id] ?? [{}]).map((kwargs) => ({ id, kwargs })))

/** What the page computes; it is written there as text. */
const judgeAll = (api: { verify: typeof verify; verifyLoose: typeof verifyLoose; verifyMath: typeof verifyMath }, all: typeof cases, on: typeof texts) => [
  ...all.map((one) =>
    on.map((text) =>
      [api.verify(one, text), api.verifyLoose(one, text)].map((verdict) => verdict._tag === "Decided" ? Number(verdict.followed) : "?").join("")
    ).join(" ")
  ),
  JSON.stringify([api.verifyMath("1/2", "so \\boxed{0.5}"), api.verifyMath("(1, 2]", "\\boxed{(1,2]}")])
]

let folder = ""
let bundle = ""

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ifrl-browser-"))
  bundle = join(folder, "verifiers.js")
  // With this platform esbuild refuses what browsers have not: node:fs and the like.
  await exec(process.execPath, [
    join(root, "node_modules/esbuild/bin/esbuild"),
    join(root, "packages/verifiers/dist/index.js"),
    "--bundle",
    "--minify",
    "--platform=browser",
    "--format=iife",
    "--global-name=ifrl",
    "--log-level=error",
    `--outfile=${bundle}`
  ])
})
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

test("the bundle has nothing of Node and compiles no text", async () => {
  const code = await readFile(bundle, "utf8")
  expect(code).not.toMatch(/\bnode:|\bprocess\.|\bBuffer\b|\b__dirname\b|\brequire\(/)
  expect(code).not.toMatch(/\beval\(|new Function\(/)
  // Uncompressed. A page that wants less imports what it needs; the language profiles are most of it.
  expect(code.length).toBeLessThan(2.5e6)
})

const testInChromium = chromium === undefined ? test.skip : test
testInChromium("Chromium gives the verdicts that Node gives", async () => {
  const ascii = (value: unknown) =>
    JSON.stringify(value).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).replaceAll("<", "\\u003c")
  const page = join(folder, "page.html")
  await writeFile(page, `<!doctype html><meta charset="utf-8"><pre id="out">nothing</pre><script src="verifiers.js"></script><script>
    const judgeAll = ${judgeAll.toString()}
    document.getElementById("out").textContent = "BEGIN\\n" + judgeAll(ifrl, ${ascii(cases)}, ${ascii(texts)}).join("\\n") + "\\nEND"
  </script>`)
  const { stdout } = await exec(chromium!, [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    `--user-data-dir=${join(folder, "profile")}`,
    "--virtual-time-budget=60000",
    "--dump-dom",
    pathToFileURL(page).href
  ], { maxBuffer: 1 << 26, timeout: 100_000 })
  const lines = /BEGIN\n([\s\S]*)\nEND/.exec(stdout)?.[1]?.split("\n")
  expect(lines).toEqual(judgeAll({ verify, verifyLoose, verifyMath }, cases, texts))
}, 120_000)
