import { afterAll, describe, expect, test } from "@jest/globals"
import { Effect, Layer, Schema } from "effect"
import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  buildCurriculum,
  type BuildOptions,
  ChatEndpoint,
  ChatEndpointConfig,
  isReasoning,
  isSoft,
  loadCurriculum,
  makeValidator,
  originals,
  PromptError,
  readManifest,
  SoftWriter,
  softType,
  taxonomy
} from "../src/index.ts"
import { type Behaviour, type ChatServer, chatServer, faults, reply, status } from "./ChatServer.ts"
import { buildConfig, jsonl, newFolder, removeFolders, run, seedRecords } from "./Support.ts"

const servers: Array<ChatServer> = []
const serve = async (behaviour: Behaviour): Promise<ChatServer> => {
  const server = await chatServer(behaviour)
  servers.push(server)
  return server
}
afterAll(async () => {
  for (const server of servers) await server.close()
  await removeFolders()
})

const seeds = jsonl("seeds.jsonl", seedRecords(200))
const math = jsonl("math.jsonl", [
  { question: "What is 6 times 7?", answer: "42" },
  { question: "Which is a fruit?", options: ["brick", "apple", "rope"], answer: "B" }
])
const config = buildConfig({ seeds: [seeds], questions: [math], heldOut: 0.1 })
const build = (folder: string, options: Partial<BuildOptions> = {}, of = config) =>
  buildCurriculum(of, { folder, cache: newFolder(), chunk: 64, ...options })

/** Every file of a folder with its contents. */
const contents = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((name) => [name, readFileSync(join(folder, name), "utf8")])
  )

const whole = newFolder()
const built = run(build(whole))

describe("a build", () => {
  test("holds levels, reasoning rows and what it holds out, as its manifest says", async () => {
    const { manifest } = await built
    const rows = await run(loadCurriculum(whole, "rows"))
    const heldOut = await run(loadCurriculum(whole, "heldOut"))
    expect(manifest).toMatchObject({
      counts: { seeds: 200, questions: 2, unsatisfied: 0, repeated: 0 },
      rows: { rows: rows.length }
    })
    const whole5 = originals(rows).filter((row) => !isReasoning(row))
    expect(whole5.length + heldOut.filter((row) => !isReasoning(row)).length).toBe(200)
    expect(new Set(whole5.map(({ level }) => level))).toEqual(new Set([5]))
    expect(rows.filter(({ level }) => level === 3).length).toBe(whole5.length)
    expect(heldOut.length).toBeGreaterThan(8)
    const sources = new Set(rows.map(({ source }) => source))
    expect(heldOut.some(({ source }) => sources.has(source))).toBe(false)
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
    expect(whole5[0]!.source).toMatch(/^seeds\.jsonl:t\d+$/)
    expect(whole5.some(({ instruction }) => instruction.endsWith(" Keep to facts"))).toBe(true)
  })

  test("has nothing that the validator finds", async () => {
    await built
    const validator = makeValidator()
    for (const [line, value] of (await run(loadCurriculum(whole, "rows"))).entries())
      validator.add({ path: "rows", line, value })
    expect(validator.end()).toMatchObject({ faulty: 0, counts: {} })
  })

  test("is the same bytes for the same seed, wherever it lies and in whatever chunks, and others for another", async () => {
    await built
    const again = newFolder()
    await run(build(again, { chunk: 13 }))
    expect(contents(again)).toEqual(contents(whole))
    const other = newFolder()
    await run(build(other, {}, { ...config, seed: 1 }))
    expect(contents(other)["rows.jsonl"]).not.toBe(contents(whole)["rows.jsonl"])
  })

  test("that was killed goes on to the same bytes, wherever it was", async () => {
    await built
    // The folder as a kill would leave it after each chunk: with nothing more, with half a line more, with a whole
    // chunk more.
    const states: Array<string> = []
    const folder = newFolder()
    await run(
      build(folder, {
        onProgress: () =>
          Effect.sync(() => {
            const copy = newFolder()
            cpSync(folder, copy, { recursive: true })
            states.push(copy)
          })
      })
    )
    expect(states.length).toBe(4)
    for (const [i, state] of states.entries()) {
      const next = states[i + 1]
      for (const more of [
        "",
        "{\"id\": \"ha",
        next === undefined ? "\n" : contents(next)["rows.jsonl"]!.slice(contents(state)["rows.jsonl"]!.length)
      ]) {
        const copy = newFolder()
        cpSync(state, copy, { recursive: true })
        appendFileSync(join(copy, "rows.jsonl"), more)
        appendFileSync(join(copy, "heldout.jsonl"), more.slice(0, 9))
        const { resumed } = await run(build(copy))
        expect(resumed).toBe(Math.min(64 * (i + 1), 202))
        expect(contents(copy)).toEqual(contents(whole))
      }
    }
  })

  test("that lost part of its files begins anew", async () => {
    await built
    const folder = newFolder()
    await run(build(folder, { onProgress: (done) => (done < 128 ? Effect.void : Effect.die("killed")) })).catch(
      () => undefined
    )
    expect(existsSync(join(folder, "curriculum.json"))).toBe(false)
    await expect(run(loadCurriculum(folder, "rows"))).rejects.toMatchObject({
      problem: expect.stringContaining("was not finished")
    })
    writeFileSync(join(folder, "rows.jsonl"), "")
    expect((await run(build(folder))).resumed).toBe(0)
    expect(contents(folder)).toEqual(contents(whole))
  })

  test("is not made twice, and not over another", async () => {
    await built
    expect((await run(build(whole))).resumed).toBe(202)
    const folder = newFolder()
    cpSync(whole, folder, { recursive: true })
    await expect(run(build(folder, {}, { ...config, seed: 1 }))).rejects.toMatchObject({
      _tag: "PromptError",
      problem: expect.stringContaining("a finished curriculum")
    })
    await run(build(folder, { overwrite: true }, { ...config, seed: 1 }))
    expect((await run(readManifest(folder))).config).toMatchObject({ seed: 1 })
  })

  test("does not write over files of its names that no build made, unless told to", async () => {
    for (const name of ["rows.jsonl", "heldout.jsonl"]) {
      const folder = newFolder()
      writeFileSync(join(folder, name), "mine")
      const error = await run(Effect.flip(build(folder)))
      expect(String((error as PromptError).message)).toContain(`holds ${name} of no curriculum, which would be lost`)
      expect(contents(folder)).toEqual({ [name]: "mine" })
      await run(build(folder, { overwrite: true }))
      expect(contents(folder)).toEqual(contents(whole))
    }
  })

  test("without levels and without held-out rows has whole rows alone", async () => {
    const folder = newFolder()
    await run(build(folder, {}, buildConfig({ seeds: [seeds], levels: false, maxSeeds: 10, perSeed: 2 })))
    expect((await run(loadCurriculum(folder, "rows"))).map(({ level }) => level)).toEqual(Array(20).fill(5))
    expect(readdirSync(folder).toSorted()).toEqual(["curriculum.json", "rows.jsonl"])
    await expect(run(loadCurriculum(folder, "heldOut"))).rejects.toMatchObject({
      problem: expect.stringContaining("nothing is held out")
    })
  })

  test("takes the types of a user", async () => {
    const folder = newFolder()
    const types = {
      ...taxonomy,
      "soft:planet": softType({ description: "Mentions a planet.", values: ["Mars"], templates: ["Mention {}"] })
    }
    await run(
      build(
        folder,
        { taxonomy: types },
        buildConfig({ seeds: [seeds], without: Object.keys(taxonomy), constraints: 1, maxSeeds: 5 })
      )
    )
    expect((await run(loadCurriculum(folder, "rows"))).map(({ constraints }) => constraints)).toEqual(
      Array.from({ length: 5 }, () => ["Mention Mars"])
    )
  })

  test("notices a file that was changed", async () => {
    const folder = newFolder()
    await built
    cpSync(whole, folder, { recursive: true })
    appendFileSync(join(folder, "rows.jsonl"), "\n")
    await expect(run(loadCurriculum(folder, "rows"))).rejects.toMatchObject({
      problem: expect.stringContaining("SHA-256")
    })
  })

  test("that is damaged is built again", async () => {
    await built
    const folder = newFolder()
    cpSync(whole, folder, { recursive: true })
    writeFileSync(join(folder, "rows.jsonl"), "")
    expect((await run(build(folder))).resumed).toBe(0)
    expect(contents(folder)).toEqual(contents(whole))
  })

  test("writes variants of a seed that are the same row once, held out or not", async () => {
    const folder = newFolder()
    const without = Object.keys(taxonomy).filter((id) => id !== "punctuation:no_comma")
    const of = buildConfig({ seeds: [seeds], without, constraints: 1, perSeed: 8, heldOut: 0.5, maxSeeds: 20 })
    const { manifest } = await run(build(folder, { chunk: 7 }, of))
    const parts = await Promise.all((["rows", "heldOut"] as const).map((part) => run(loadCurriculum(folder, part))))
    const rows = parts.flat()
    // There are six ways to say it.
    expect(rows.length).toBeLessThanOrEqual(6 * 20)
    expect(new Set(rows.map(({ prompt }) => prompt)).size).toBe(rows.length)
    expect(manifest.counts["repeated"]).toBe(8 * 20 - rows.length)
  })

  const refusals: ReadonlyArray<readonly [string, object, RegExp]> = [
    ["no seeds", {}, /no seeds and no questions/],
    ["an unknown type", { seeds: [seeds], without: ["soft:nothing"] }, /no constraint type "soft:nothing"/],
    ["a file that is not there", { seeds: ["/no/such.jsonl"] }, /cannot be read/],
    ["a file of another kind", { seeds: ["/no/such.xml"] }, /no dataset/],
    ["a question without an answer", { questions: [jsonl("q.jsonl", [{ question: "Why?" }])] }, /no answer/],
    [
      "a choice that is none of the options",
      { questions: [jsonl("q.jsonl", [{ question: "Which?", options: ["a", "b"], answer: "c" }])] },
      /right option/
    ],
    [
      "a letter behind the last option",
      { questions: [jsonl("q.jsonl", [{ question: "Which?", options: ["a", "b"], answer: "F" }])] },
      /right option/
    ],
    [
      "a place behind the last option",
      { questions: [jsonl("q.jsonl", [{ question: "3 + 4?", options: [5, 6], answer: 7 }])] },
      /right option/
    ],
    [
      "more options than letters",
      { questions: [jsonl("q.jsonl", [{ question: "Which?", options: [..."abcdefghijk"], answer: "a" }])] },
      /at most ten/
    ]
  ]
  test.each(refusals)("is refused with %s", async (_, of, message) => {
    const error: unknown = await run(build(newFolder(), {}, buildConfig(of)).pipe(Effect.flip))
    expect(error).toBeInstanceOf(PromptError)
    expect((error as PromptError).message).toMatch(message)
  })
})

describe("soft constraints written by a model", () => {
  const small = buildConfig({ seeds: [seeds], maxSeeds: 70, constraints: 2, levels: false })
  const endpoint = (url: string, cache: string, rest: object = {}) =>
    SoftWriter.layerEndpoint(taxonomy, 0).pipe(
      Layer.provide(
        ChatEndpoint.layer(
          Schema.decodeUnknownSync(ChatEndpointConfig)({
            url,
            model: "m",
            cache,
            backoffSeconds: 0.001,
            timeoutSeconds: 1,
            ...rest
          })
        )
      )
    )

  test("come from an endpoint with faults, are checked, and are not asked for again when a killed build goes on", async () => {
    let calls = 0
    // Some requests fail once, some replies are no constraint, the rest are one.
    const server = await serve((call, response, request) => {
      const turn = calls++
      if (call.repeat === 0 && turn % 7 === 0)
        return (turn % 2 === 0 ? status(503) : faults.truncated)(call, response, request)
      const kind = /Its kind: (.*)/.exec(call.body.messages[0]!.content)![1]!
      return reply(turn % 11 === 0 ? "Sure!\nHere it is" : `- "Meet the wish numbered ${kind.length}: ${kind}"`)(
        call,
        response,
        request
      )
    })
    const cache = newFolder()
    const folder = newFolder()
    const killed = build(folder, { onProgress: () => Effect.die("killed") }, small)
    await run(killed, endpoint(server.url, cache)).catch(() => undefined)
    const first = server.calls.length
    expect(first).toBeGreaterThan(70)
    const { manifest, resumed } = await run(build(folder, {}, small), endpoint(server.url, cache))
    expect(resumed).toBe(64)
    expect(server.calls.length - first).toBeLessThan(20)
    const rows = await run(loadCurriculum(folder, "rows"))
    const written = rows.flatMap((row) => row.constraints.filter((_, i) => isSoft(row.instruction_id_list[i]!)))
    expect(written.filter((text) => /^Meet the wish numbered \d+: .*[^.]$/.test(text)).length).toBe(
      manifest.counts["softByModel"]
    )
    // Three replies in a row that are no constraint leave the template.
    expect(manifest.counts["softByModel"]! + manifest.counts["softByTemplate"]!).toBe(written.length)
    expect(manifest.counts["softByTemplate"]).toBeLessThan(6)

    // With all replies at hand nothing is sent, and the bytes are the same.
    const sent = server.calls.length
    const again = newFolder()
    await run(build(again, {}, small), endpoint(server.url, cache))
    expect(contents(again)).toEqual(contents(folder))
    expect(server.calls.length).toBe(sent)
  })

  test("fall back to the template when a model never writes one", async () => {
    const server = await serve(reply("no"))
    const folder = newFolder()
    const { manifest } = await run(build(folder, {}, { ...small, maxSeeds: 4 }), endpoint(server.url, newFolder()))
    expect(manifest.counts).toMatchObject({ softByModel: 0 })
    expect(manifest.counts["softByTemplate"]).toBeGreaterThan(0)
  })

  test("stop at the budget, and go on with a larger one", async () => {
    const server = await serve(reply("Let there be a good reason for it"))
    const folder = newFolder()
    const cache = newFolder()
    const error: unknown = await run(
      build(folder, {}, small).pipe(Effect.flip),
      endpoint(server.url, cache, { maxRequests: 50 })
    )
    expect(error).toMatchObject({ _tag: "SoftWriterError", reason: expect.stringContaining("budget of 50 requests") })
    expect(server.calls.length).toBe(50)
    await run(build(folder, {}, small), endpoint(server.url, cache))
    const once = server.calls.length
    expect(new Set(server.calls.map(({ body }) => JSON.stringify(body))).size).toBe(once)
  })
})
