import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { collieLines } from "../data/Collie.mjs"
import { download } from "../data/Download.mjs"
import { readPickle } from "../data/Pickle.mjs"
import { sources as published } from "../data/sources.mjs"

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex")

type Answer = (response: ServerResponse, times: number) => void

const body: Answer = (response) => void response.end("{\"prompt\": \"p\"}\n")
const whole = "{\"prompt\": \"p\"}\n"

let server: Server
let host = ""
let answer: Answer = body
let asked: Array<string> = []
let directory = ""

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url!)
    answer(response, asked.length)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => {
  server.closeAllConnections()
  server.close(resolve)
}))
beforeEach(async () => {
  asked = []
  answer = body
  if (directory !== "") await rm(directory, { recursive: true })
  directory = await mkdtemp(join(tmpdir(), "ifrl-data-"))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const source = { path: "set/rows.jsonl", repository: "who/what", commit: "abc123", original: "data/rows.jsonl", sha256: sha256(whole) }
const patience = { attempts: 3, timeout: 500, wait: 1 }
const fetchAll = (sources: Parameters<typeof download>[0]["sources"] = [source]) => download({ sources, directory, host, patience })
const files = async () => (await readdir(directory, { recursive: true, withFileTypes: true })).filter((one) => one.isFile()).map(({ name }) => name)

describe("npm run data", () => {
  test("a file is fetched by its commit, put in its place, and not fetched again", async () => {
    expect(await fetchAll()).toEqual({ fetched: 1, kept: 0, made: 0, faults: [] })
    expect(asked).toEqual(["/who/what/abc123/data/rows.jsonl"])
    expect(await readFile(join(directory, source.path), "utf8")).toBe(whole)
    expect(await fetchAll()).toEqual({ fetched: 0, kept: 1, made: 0, faults: [] })
    expect(asked).toHaveLength(1)
  })

  test("another file in its place is replaced", async () => {
    await fetchAll()
    await writeFile(join(directory, source.path), "something else")
    expect(await fetchAll()).toMatchObject({ fetched: 1, faults: [] })
    expect(await readFile(join(directory, source.path), "utf8")).toBe(whole)
  })

  const url = () => `${host}/who/what/abc123/data/rows.jsonl`
  const faulty: ReadonlyArray<readonly [what: string, answer: Answer, reason: RegExp, requests: number]> = [
    ["a wrong hash", (response) => void response.end("{\"prompt\": \"q\"}\n"), /SHA-256 is [0-9a-f]{64}, expected [0-9a-f]{64}$/, 1],
    ["a missing file", (response) => void response.writeHead(404).end("no"), /the server answered 404$/, 1],
    ["a server's error", (response) => void response.writeHead(503).end("later"), /the server answered 503$/, 3],
    [
      "a truncated transfer",
      (response) => {
        response.writeHead(200, { "content-length": "100" }).write("{\"pro")
        response.socket!.end()
      },
      /terminated|aborted|closed/,
      3
    ],
    ["a broken connection", (response) => void response.socket!.destroy(), /fetch failed/, 3],
    ["silence", () => undefined, /timeout/, 3]
  ]
  test.each(faulty)("%s is named and leaves nothing behind", async (_, fault, reason, requests) => {
    answer = fault
    const { faults, fetched } = await fetchAll()
    expect(fetched).toBe(0)
    expect(faults).toHaveLength(1)
    expect(faults[0]!.startsWith(`set/rows.jsonl: ${url()}: `)).toBe(true)
    expect(faults[0]).toMatch(reason)
    expect(asked).toHaveLength(requests)
    expect(await files()).toEqual([])
  })

  test("a passing fault is got over, and a lasting one does not stop the others", async () => {
    answer = (response, times) => times === 1 ? void response.socket!.destroy() : body(response, times)
    expect(await fetchAll()).toMatchObject({ fetched: 1, faults: [] })
    answer = body
    const wrong = { ...source, path: "set/other.jsonl", sha256: sha256("other") }
    expect(await fetchAll([wrong, { ...source, path: "set/third.jsonl" }])).toMatchObject({ fetched: 1, faults: [expect.stringContaining("set/other.jsonl")] })
    expect((await files()).toSorted()).toEqual(["rows.jsonl", "third.jsonl"])
  })

  test("what is made from an original is checked too", async () => {
    const made = { path: "set/upper", sha256: sha256(whole.toUpperCase()), make: (bytes: Uint8Array) => new TextDecoder().decode(bytes).toUpperCase() }
    expect(await fetchAll([{ ...source, made }])).toEqual({ fetched: 1, kept: 0, made: 1, faults: [] })
    expect(await fetchAll([{ ...source, made }])).toEqual({ fetched: 0, kept: 1, made: 0, faults: [] })
    const { faults } = await fetchAll([{ ...source, made: { ...made, path: "set/wrong", sha256: sha256("") } }])
    expect(faults[0]).toMatch(/set\/wrong, made from it, has SHA-256/)
  })

  test("the command says what is missing and ends with 1", async () => {
    answer = (response) => void response.writeHead(404).end()
    const main = fileURLToPath(new URL("../data/main.mjs", import.meta.url))
    const child = spawn(process.execPath, [main, directory], { env: { ...process.env, IFRL_DATA_HOST: host } })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => output += String(text))
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(1)
    expect(output).toContain(`0 files fetched, 0 made, 0 there already, ${published.length} missing`)
    for (const { path } of published) expect(output).toContain(`missing: ${path}: ${host}/`)
  })
})

test("the sources are pinned: whole commits, SHA-256, one place each", () => {
  for (const { commit, made, sha256 } of published) {
    expect(commit).toMatch(/^[0-9a-f]{40}$/)
    for (const hash of [sha256, ...(made === undefined ? [] : [made.sha256])]) expect(hash).toMatch(/^[0-9a-f]{64}$/)
  }
  expect(new Set(published.map(({ path }) => path)).size).toBe(published.length)
})

describe("pickles", () => {
  // Made with pickle.dumps({"g": [{"prompt": "p\u00e9", "targets": [1, -2, 300, None], "constraint": Constraint, "example": ("a", "b")}]}, 4), where Constraint
  // has COLLIE's attributes as instances of classes of their names.
  const fixture = Buffer.from(
    "gASVoQEAAAAAAAB9lIwBZ5RdlH2UKIwGcHJvbXB0lIwDcMOplIwHdGFyZ2V0c5RdlChLAUr+////TSwBTmWMCmNvbnN0cmFpbnSUjAhfX21haW" +
      "5fX5SMA0FsbJSTlCmBlH2UjAljYWxsYWJsZXOUXZRoCYwKQ29uc3RyYWludJSTlCmBlH2UKIwLaW5wdXRfbGV2ZWyUTowMdGFyZ2V0X2xldmVs" +
      "lGgJjAtUYXJnZXRMZXZlbJSTlCmBlH2UjAVsZXZlbJSMBHdvcmSUc2KMDnRyYW5zZm9ybWF0aW9ulGgJjAdGb3JFYWNolJOUKYGUfZSMBGZ1bm" +
      "OUaAmMCFBvc2l0aW9ulJOUKYGUfZSMCHBvc2l0aW9ulF2UKEsDSwdlc2JzYowIcmVsYXRpb26UaAmMCFJlbGF0aW9ulJOUKYGUfZSMB29wZXJh" +
      "bmSUjAI9PZRzYowJcmVkdWN0aW9ulGgJjAlSZWR1Y3Rpb26Uk5QpgZR9lChoL4wIYXQgbGVhc3SUjAV2YWx1ZZRLAnVidWJhc2KMB2V4YW1wbG" +
      "WUjAFhlIwBYpSGlHVhcy4=",
    "base64"
  )
  test("COLLIE's become JSON lines", () => {
    expect(collieLines(fixture)).toBe(
      "{\"id\": \"g:0\", \"group\": \"g\", \"prompt\": \"p\u00e9\", \"targets\": [1, -2, 300, null], \"constraint\": {\"logic\": \"all\", \"constraints\": " +
        "[{\"input_level\": null, \"target_level\": \"word\", \"transformation\": {\"op\": \"foreach\", \"func\": {\"op\": \"position\", \"position\": [3, 7]}}, " +
        "\"relation\": \"==\", \"reduction\": \"at least\", \"reduction_value\": 2}]}, \"example\": [\"a\", \"b\"]}\n"
    )
  })
  test("what else a pickle may ask for is refused", () => {
    // pickle.dumps(1.5, 4): a float.
    expect(() => readPickle(Buffer.from("gASVCgAAAAAAAABHP/gAAAAAAAAu", "base64"))).toThrow("pickle opcode 0x47 at byte 11 is not one that is read here")
    expect(() => readPickle(fixture.subarray(0, -1))).toThrow("ends without a STOP")
  })
})
