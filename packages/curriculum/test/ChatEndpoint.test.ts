import { afterEach, describe, expect, test } from "@jest/globals"
import { NodeServices } from "@effect/platform-node"
import { Effect, Schema } from "effect"
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ChatEndpoint, ChatEndpointConfig, type ChatError } from "../src/index.ts"
import { type Behaviour, type ChatServer, chatServer, faults, reply, status } from "./ChatServer.ts"

const opened: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})
const serve = async (behaviour: Behaviour): Promise<ChatServer> => {
  const server = await chatServer(behaviour)
  opened.push(server.close)
  return server
}
const temporary = async () => {
  const folder = await mkdtemp(join(tmpdir(), "chat-"))
  opened.push(() => rm(folder, { recursive: true }))
  return folder
}

const ask = (content: string) => ({ messages: [{ role: "user" as const, content }] })
const quick = { model: "m", backoffSeconds: 0.001, retries: 2, timeoutSeconds: 0.3, keyVariable: "IFRL_TEST_KEY" }

const using = <A, E>(config: object, body: (endpoint: (typeof ChatEndpoint)["Service"]) => Effect.Effect<A, E>) =>
  Effect.runPromise(
    ChatEndpoint.use(body).pipe(
      Effect.provide(ChatEndpoint.layer(Schema.decodeUnknownSync(ChatEndpointConfig)({ ...quick, ...config }))),
      Effect.provide(NodeServices.layer)
    )
  )

describe("ChatEndpoint", () => {
  test("asks with model and key, and counts what is used", async () => {
    process.env["IFRL_TEST_KEY"] = "secret"
    const server = await serve(reply("hello", 12))
    const [said, usage] = await using({ url: server.url }, (e) =>
      Effect.all([e.complete({ ...ask("hi"), maxTokens: 5 }), e.usage])
    )
    delete process.env["IFRL_TEST_KEY"]
    expect(said).toEqual({ text: "hello", finish: "stop", tokens: 12, cached: false })
    expect(usage).toEqual({ requests: 1, tokens: 12, cached: 0 })
    expect(server.calls[0]).toMatchObject({ authorization: "Bearer secret", body: { model: "m", max_tokens: 5 } })
  })

  const passing: ReadonlyArray<readonly [string, Behaviour]> = [
    ["status 500", status(500)],
    ["status 429", status(429, { "retry-after": "0" })],
    ...Object.entries(faults)
  ]
  test.each(passing)("tries again after %s, and gives up with the reason", async (_, fault) => {
    const server = await serve((call, response, request) =>
      (call.repeat < 2 ? fault : reply("at last"))(call, response, request)
    )
    expect(await using({ url: server.url }, (e) => e.complete(ask("a")))).toMatchObject({ text: "at last" })
    expect(server.calls.length).toBe(3)
    const broken = await serve(fault)
    const error = await using({ url: broken.url, retries: 1 }, (e) => Effect.flip(e.complete(ask("a"))))
    expect(error).toMatchObject({ _tag: "ChatError", kind: "failed", reason: expect.stringContaining("(2 attempts)") })
    expect(broken.calls.length).toBe(2)
  })

  test("waits as long as Retry-After asks", async () => {
    const server = await serve((call, response, request) =>
      (call.repeat === 0 ? status(429, { "retry-after": "0.2" }) : reply("ok"))(call, response, request)
    )
    const before = Date.now()
    await using({ url: server.url }, (e) => e.complete(ask("a")))
    expect(Date.now() - before).toBeGreaterThanOrEqual(195)
  })

  test.each([400, 401, 404])("does not repeat a request refused with %d", async (code) => {
    const server = await serve(status(code))
    const error = await using({ url: server.url }, (e) => Effect.flip(e.complete(ask("a"))))
    expect(error).toMatchObject({ kind: "refused", reason: `status ${code}: the server says no` })
    expect(server.calls.length).toBe(1)
  })

  test("has at most so many requests under way", async () => {
    const server = await serve(
      (call, response, request) => void setTimeout(() => reply("ok")(call, response, request), 10)
    )
    await using({ url: server.url, concurrency: 3 }, (e) =>
      Effect.forEach(
        Array.from({ length: 12 }, (_, i) => ask(String(i))),
        e.complete,
        { concurrency: "unbounded" }
      )
    )
    expect(server.peak()).toBe(3)
  })

  test("stops at its budget, of requests and of tokens", async () => {
    const server = await serve(reply("ok", 10))
    const ten = (e: (typeof ChatEndpoint)["Service"]) =>
      Effect.forEach(
        Array.from({ length: 10 }, (_, i) => ask(String(i))),
        e.complete
      )
    const spent = await using({ url: server.url, maxRequests: 4 }, (e) => Effect.flip(ten(e)))
    expect(spent).toMatchObject({ kind: "budget", reason: "the budget of 4 requests is used up" })
    expect(server.calls.length).toBe(4)
    const tokens: ChatError = await using({ url: server.url, maxTokens: 35 }, (e) =>
      Effect.flip(
        Effect.forEach(
          Array.from({ length: 10 }, (_, i) => ({ ...ask(String(i)), maxTokens: 10 })),
          e.complete
        )
      )
    )
    expect(tokens.kind).toBe("budget")
    expect(server.calls.length).toBe(7)
  })

  test("asks for nothing twice, in this process or the next, and tells seeds apart", async () => {
    const cache = await temporary()
    const server = await serve(reply("kept"))
    const twice = (e: (typeof ChatEndpoint)["Service"]) =>
      Effect.all([e.complete(ask("a")), e.complete({ ...ask("a"), seed: 1 }), e.complete(ask("a"))])
    const first = await using({ url: server.url, cache }, twice)
    expect(first.map((said) => said.cached)).toEqual([false, false, true])
    const again = await using({ url: server.url, cache }, twice)
    expect(again.every((said) => said.cached && said.text === "kept")).toBe(true)
    expect(server.calls.length).toBe(2)
  })

  test("keeps replies to equal requests that are under way at once", async () => {
    const cache = await temporary()
    const server = await serve(
      (call, response, request) => void setTimeout(() => reply("kept")(call, response, request), 20)
    )
    const said = await using({ url: server.url, cache, concurrency: 16 }, (e) =>
      Effect.forEach(Array(16).fill(ask("a")), e.complete, { concurrency: "unbounded" })
    )
    expect(said.map(({ text }) => text)).toEqual(Array(16).fill("kept"))
    const [folder] = await readdir(cache)
    expect((await readdir(join(cache, folder!))).length).toBe(1)
  })

  test("takes a reply without content, as of a model that is cut off in its thought, for an empty one", async () => {
    const silent = { choices: [{ message: { content: null, reasoning_content: "Well" }, finish_reason: "length" }] }
    const server = await serve((_, response) => void response.end(JSON.stringify(silent)))
    expect(await using({ url: server.url }, (e) => e.complete(ask("a")))).toMatchObject({ text: "", finish: "length" })
    expect(server.calls.length).toBe(1)
  })

  test("takes a cache file that a crash cut short for none", async () => {
    const cache = await temporary()
    const server = await serve(reply("kept"))
    await using({ url: server.url, cache }, (e) => e.complete(ask("a")))
    const [folder] = await readdir(cache)
    const [name] = await readdir(join(cache, folder!))
    await writeFile(join(cache, folder!, name!), "{\"text\": \"ke")
    expect(await using({ url: server.url, cache }, (e) => e.complete(ask("a")))).toMatchObject({
      text: "kept",
      cached: false
    })
  })
})
