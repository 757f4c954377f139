import { afterEach, describe, expect, test } from "@jest/globals"
import { Effect, References } from "effect"
import { createHash } from "node:crypto"
import { readFileSync, readdirSync } from "node:fs"
import { lstat, mkdir, readdir, readFile, readlink, rm, utimes, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import {
  downloadModel,
  type DownloadOptions,
  hubEnvironment,
  type HubProgress,
  isHubId,
  loadModel
} from "../src/index.ts"
import { type HubRepository, type HubServer, startHub } from "./HubServer.ts"
import { failure, fixture, run, withFolder } from "./support.ts"

const id = "ifrl/tiny"

const filesOf = (...folders: ReadonlyArray<string>) =>
  new Map(
    folders.flatMap((folder) =>
      readdirSync(fixture(folder))
        .filter((name) => name !== "expected.safetensors")
        .map((name) => [name, new Uint8Array(readFileSync(fixture(folder, name)))] as const)
    )
  )

/** A checkpoint in shards, with the tokenizer of another fixture, and files that no model is made of. */
const sharded = new Map([
  ...filesOf("qwen2-bf16-sharded"),
  ...[...filesOf("qwen2-tied")].filter(([name]) => name.startsWith("tokenizer")),
  ["NOTICE", new Uint8Array(0)],
  ["pytorch_model.bin", new Uint8Array(10_000)],
  ["README.md", new TextEncoder().encode("# tiny")]
])
const whole = filesOf("qwen2-tied")

let server: HubServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

interface Setup extends Partial<HubRepository> {
  readonly offline?: boolean
  readonly with?: string
}

const withHub = async <A>(
  setup: Setup,
  use: (hub: HubServer, cache: string, options: DownloadOptions) => Promise<A>
): Promise<A> => {
  const hub = await startHub({ id, files: whole, ...setup })
  server = hub
  return withFolder((cache) =>
    use(hub, cache, {
      retryAfter: 0.001,
      environment: { endpoint: hub.endpoint, cache, token: setup.with, offline: false }
    })
  )
}

const download = (options: DownloadOptions, name = id) => downloadModel(name, options)

/** Whether what is in the cache is what the Hub holds. */
const same = async (folder: string, files: ReadonlyMap<string, Uint8Array>, names: ReadonlyArray<string>) => {
  for (const name of names)
    expect([name, Buffer.compare(await readFile(join(folder, name)), files.get(name)!)]).toEqual([name, 0])
}

describe("downloadModel", () => {
  test("a model by its id: only its files, in Python's layout, and nothing twice", () =>
    withHub({}, async (hub, cache, options) => {
      const seen: Array<HubProgress> = []
      const folder = await run(
        download({ ...options, onProgress: (progress) => Effect.sync(() => seen.push(progress)) })
      )
      expect(folder).toBe(join(cache, "models--ifrl--tiny", "snapshots", hub.commit))
      await same(folder, whole, ["config.json", "model.safetensors", "tokenizer.json", "generation_config.json"])
      const model = await run(loadModel(folder))
      expect(model.parameters.size).toBeGreaterThan(10)

      expect(await readFile(join(cache, "models--ifrl--tiny", "refs", "main"), "utf8")).toBe(hub.commit)
      const link = join(folder, "model.safetensors")
      expect((await lstat(link)).isSymbolicLink()).toBe(true)
      expect(await readlink(link)).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/)
      expect(await readlink(join(folder, "config.json"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/)
      expect(
        (await readdir(join(cache, "models--ifrl--tiny", "blobs"))).some((name) => name.includes("incomplete"))
      ).toBe(false)

      const last = seen.at(-1)!
      expect(last.bytes).toBe(last.totalBytes)
      expect(last.totalBytes).toBe([...whole.values()].reduce((sum, bytes) => sum + bytes.length, 0))

      hub.log.length = 0
      expect(await run(download(options))).toBe(folder)
      expect(hub.log.length).toBe(2)
      hub.log.length = 0
      expect(await run(download({ ...options, revision: hub.commit }))).toBe(folder)
      expect(hub.log).toEqual([])
    }))

  test("without weights, when only the config is asked for", () =>
    withHub({}, async (hub, _, options) => {
      const folder = await run(download({ ...options, weights: false }))
      expect(await readdir(folder)).not.toContain("model.safetensors")
      expect(hub.log.some((line) => line.includes("/model.safetensors"))).toBe(false)
      const offline = { ...options, environment: { ...options.environment!, offline: true } }
      expect(await run(download({ ...offline, weights: false }))).toBe(folder)
      expect((await failure(download(offline))).message).toMatch(/lacks model\.safetensors of/)
    }))

  test("shards by their index, and no file that a model isn't made of", () =>
    withHub({ files: sharded }, async (_, __, options) => {
      const folder = await run(download({ ...options, revision: "v1" }))
      expect((await readdir(folder)).sort()).toEqual(
        [...sharded.keys()].filter((name) => name !== "pytorch_model.bin" && name !== "README.md").sort()
      )
      await same(folder, sharded, await readdir(folder))
    }))

  test("a token opens what is closed without it", () =>
    withHub({ token: "hf_secret", with: "hf_secret" }, async (_, __, options) => {
      await run(download(options))
      const closed = { ...options, environment: { ...options.environment!, token: undefined } }
      expect((await failure(download(closed))).message).toMatch(
        /ifrl\/tiny: does not exist, is private or asks for a token.*HF_TOKEN/
      )
      const wrong = { ...options, environment: { ...options.environment!, token: "hf_other" } }
      expect((await failure(download(wrong))).message).toMatch(/the token may not read it/)
      const odd = { ...options, environment: { ...options.environment!, token: "secret" } }
      expect((await failure(download(odd))).message).toMatch(/key "HF_TOKEN": does not begin with hf_/)
    }))
})

describe("faults", () => {
  test("a broken download goes on where it stopped, in the same run and in the next", () =>
    withHub({}, async (hub, cache, options) => {
      const size = whole.get("model.safetensors")!.length
      hub.faults.set("model.safetensors", [
        { kind: "cut", after: 50_000 },
        { kind: "status", status: 503 },
        { kind: "cut", after: 20_000 }
      ])
      await same(await run(download(options)), whole, ["model.safetensors"])
      const ranges = hub.log
        .filter((line) => line.startsWith("GET /lfs/model.safetensors"))
        .map((line) => line.split("bytes=")[1])
      expect(ranges.filter((range) => range !== "0-0")).toEqual([
        undefined,
        `50000-${size - 1}`,
        `50000-${size - 1}`,
        `70000-${size - 1}`
      ])

      await rm(cache, { recursive: true })
      hub.faults.set(
        "model.safetensors",
        Array.from({ length: 6 }, () => ({ kind: "cut", after: 10_000 }) as const)
      )
      const error = await failure(download(options))
      expect(error.message).toMatch(/ifrl\/tiny\/model\.safetensors: could not be fetched.*what has arrived is kept/)
      // Nothing half there has the name of a file.
      const snapshot = join(cache, "models--ifrl--tiny", "snapshots", hub.commit)
      expect(await readdir(snapshot)).not.toContain("model.safetensors")
      hub.log.length = 0
      await same(await run(download(options)), whole, ["model.safetensors"])
      expect(hub.log.filter((line) => line.startsWith("GET /lfs/model.safetensors")).at(-1)).toMatch(/bytes=60000-/)
    }))

  test("bytes that are not the Hub's are thrown away, in large files and in small ones", () =>
    withHub({}, async (hub, cache, options) => {
      for (const name of ["model.safetensors", "config.json"]) {
        hub.faults.set(name, [{ kind: "garble" }])
        await same(await run(download(options)), whole, [name])
        await rm(cache, { recursive: true })
        hub.faults.set(
          name,
          Array.from({ length: 6 }, () => ({ kind: "garble" }) as const)
        )
        expect((await failure(download(options))).message).toMatch(/arrived with another checksum than the Hub's/)
        expect(await readdir(join(cache, "models--ifrl--tiny", "snapshots", hub.commit))).not.toContain(name)
        hub.faults.delete(name)
      }
    }))

  test("two at once bring each file once, and a lock that a dead process left is taken over", () =>
    withHub({}, async (hub, cache, options) => {
      const folders = await run(Effect.all([download(options), download(options)], { concurrency: 2 }))
      expect(new Set(folders).size).toBe(1)
      await same(folders[0], whole, [...whole.keys()])
      const bodies = hub.log.filter((line) => line === "GET /lfs/model.safetensors")
      expect(bodies.length).toBe(1)

      await rm(cache, { recursive: true })
      const blobs = join(cache, "models--ifrl--tiny", "blobs")
      await mkdir(blobs, { recursive: true })
      const etag = createHash("sha256").update(whole.get("model.safetensors")!).digest("hex")
      const lock = join(blobs, `${etag}.incomplete.lock`)
      await writeFile(lock, "")
      const old = new Date(Date.now() - 120_000)
      await utimes(lock, old, old)
      await same(await run(download(options)), whole, ["model.safetensors"])
      expect((await readdir(blobs)).some((name) => name.endsWith(".lock"))).toBe(false)
    }))

  test("a server that ignores ranges, and one that is busy", () =>
    withHub({}, async (hub, _, options) => {
      hub.faults.set("api", [
        { kind: "status", status: 429 },
        { kind: "status", status: 500 }
      ])
      hub.faults.set("model.safetensors", [{ kind: "cut", after: 1000 }, { kind: "no-range" }])
      await same(await run(download(options)), whole, ["model.safetensors"])
    }))

  test("without the Hub, what the cache holds whole is used", () =>
    withHub({}, async (hub, cache, options) => {
      const folder = await run(download(options))
      await hub.close()
      const quiet = Effect.provideService(References.MinimumLogLevel, "None")
      expect(await run(download(options).pipe(quiet))).toBe(folder)
      const offline = { ...options, environment: { ...options.environment!, offline: true } }
      expect(await run(download(offline))).toBe(folder)
      await rm(join(folder, "tokenizer.json"))
      expect((await failure(download(offline))).message).toMatch(/lacks tokenizer\.json of ifrl\/tiny.*HF_HUB_OFFLINE/)
      expect((await failure(download({ ...offline, revision: "v2" }))).message).toMatch(/holds no revision v2/)
      expect((await failure(download(options).pipe(quiet))).message).toMatch(/could not be fetched from http/)
      await rm(cache, { recursive: true })
      expect((await failure(download(offline))).message).toMatch(/holds no revision main of ifrl\/tiny/)
    }))

  test("what is not there is named", () =>
    withHub({}, async (_, __, options) => {
      expect((await failure(download(options, "ifrl/other"))).message).toMatch(
        /ifrl\/other: has no revision main, or does not exist/
      )
      expect((await failure(download({ ...options, revision: "v9" }))).message).toMatch(/has no revision v9/)
      expect((await failure(download({ ...options, revision: "../x" }))).message).toMatch(/has no revision "\.\.\/x"/)
      expect((await failure(download(options, "no id"))).message).toMatch(/is no model of the Hub/)
    }))

  test.each<[string, ReadonlyMap<string, Uint8Array>, RegExp]>([
    [
      "a config",
      new Map([...whole].filter(([name]) => name !== "config.json")),
      /config\.json: is not in the repository/
    ],
    [
      "weights",
      new Map([...whole].filter(([name]) => name !== "model.safetensors")),
      /index\.json: is not in the repository, nor is model\.safetensors/
    ],
    [
      "a shard",
      new Map([...sharded].filter(([name]) => !name.startsWith("model-00002"))),
      /model-00002-of-00004\.safetensors: is not in the repository, though .* lists it/
    ]
  ])("a repository without %s", (_, files, message) =>
    withHub({ files }, async (_, __, options) => expect((await failure(download(options))).message).toMatch(message))
  )
})

describe("the environment", () => {
  test("is read as Python reads it", () =>
    withFolder(async (home) => {
      await writeFile(join(home, "token"), "from file\n")
      const read = (variables: Record<string, string>) => run(hubEnvironment(variables))
      expect(await read({ HF_HOME: home })).toEqual({
        endpoint: "https://huggingface.co",
        cache: join(home, "hub"),
        token: "from file",
        offline: false
      })
      expect(
        await read({
          HF_HOME: home,
          HF_TOKEN: "t",
          HF_HUB_CACHE: "/c",
          HF_ENDPOINT: "http://mirror/",
          HF_HUB_OFFLINE: "1"
        })
      ).toEqual({ endpoint: "http://mirror", cache: "/c", token: "t", offline: true })
      expect(await read({ XDG_CACHE_HOME: home, HUGGING_FACE_HUB_TOKEN: "u", TRANSFORMERS_OFFLINE: "yes" })).toEqual({
        endpoint: "https://huggingface.co",
        cache: join(home, "huggingface", "hub"),
        token: "u",
        offline: true
      })
      expect((await read({ HF_TOKEN: "x" })).cache).toBe(join(homedir(), ".cache", "huggingface", "hub"))
    }))

  test("ids", () => {
    expect(["Qwen/Qwen2.5-0.5B-Instruct", "a/b"].every(isHubId)).toBe(true)
    expect(["models/x/y", "./a", "a", "/a/b", "a/../b", "a/b--c", "a b/c", ""].some(isHubId)).toBe(false)
  })
})
