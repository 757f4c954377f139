/**
 * Models from the Hugging Face Hub, by id and revision, into the cache that Python's huggingface_hub shares. Only the
 * files that a model is made of are fetched. Whatever arrives is checked against the Hub's checksum before it gets its
 * name; a broken download goes on where it stopped, in this process or a later one.
 */
import type * as HubLibrary from "@huggingface/hub"
import { Effect, FileSystem, Path, Schedule } from "effect"
import { createHash, type Hash } from "node:crypto"
import { fileError, readJson } from "./Files.ts"
import { HubCache, indexFile, isCommit, shardsOf, singleFile } from "./HubCache.ts"
import { type HubEnvironment, hubEnvironment } from "./HubEnvironment.ts"
import { sidecars } from "./Model.ts"
import { ModelError } from "./ModelError.ts"

/** Bytes of a model's files, all of them together; `bytes` counts what the cache had already. */
export interface HubProgress {
  /** The file in progress. */
  readonly file: string
  readonly bytes: number
  readonly totalBytes: number
}

export interface DownloadOptions {
  /** Branch, tag or commit; `main` by default. */
  readonly revision?: string
  readonly environment?: HubEnvironment
  readonly onProgress?: (progress: HubProgress) => Effect.Effect<void>
  /** Seconds to wait before the first new attempt after a fault, then twice as long each time; 1 by default. */
  readonly retryAfter?: number
}

/** Whether a name can be a model of the Hub, `owner/name`. Whether there is one, only the Hub knows. */
export const isHubId = (name: string): boolean =>
  /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(name) &&
  !name.includes("..") &&
  !name.includes("--") &&
  name.length <= 96

/** New attempts after a fault that may pass. */
const attempts = 5
/** Without a byte for so long, a connection counts as dead. */
const stall = "30 seconds"

// -------------------- faults --------------------

/** A fault that another attempt may not meet. */
class Transient {
  readonly _tag = "Transient"
  readonly error: ModelError
  constructor(error: ModelError) {
    this.error = error
  }
}

interface Request {
  readonly hub: typeof HubLibrary
  readonly id: string
  readonly revision: string
  readonly environment: HubEnvironment
}

/** Statuses that say "later". */
const passing = (status: number) => status === 408 || status === 429 || status >= 500

const refusals: Readonly<Record<number, (request: Request) => readonly [problem: string, remedy: string]>> = {
  401: ({ environment, id }) =>
    environment.token === undefined
      ? [
          "does not exist, is private or asks for a token",
          "Check the spelling, or set HF_TOKEN to a token that may read it"
        ]
      : [
          "does not exist, or the token may not read it",
          `Check the spelling and that HF_TOKEN's owner has access to ${environment.endpoint}/${id}`
        ],
  403: ({ environment, id }) => [
    "is not open to this token",
    `Accept the model's terms at ${environment.endpoint}/${id}, and give HF_TOKEN the right to read gated models`
  ],
  404: ({ revision }) => [
    `has no revision ${revision}, or does not exist`,
    "Check the id and the revision; without one it is main"
  ]
}

/** What went wrong with a request, by the Hub's status or the network's error. */
const fault = (request: Request, file: string | undefined, cause: unknown): ModelError | Transient => {
  const { environment, hub, id } = request
  const name = file === undefined ? id : `${id}/${file}`
  if (cause instanceof ModelError || cause instanceof Transient) return cause
  if (cause instanceof hub.HubApiError && !passing(cause.statusCode)) {
    const [problem, remedy] = refusals[cause.statusCode]?.(request) ?? [
      `was refused by the Hub: ${cause.message}`,
      `See ${environment.endpoint}/${id}`
    ]
    return new ModelError({ file: name, problem, remedy, cause })
  }
  const reason =
    cause instanceof Error
      ? [cause.message, (cause.cause as Error | undefined)?.message].filter(Boolean).join(": ")
      : String(cause)
  return new Transient(
    new ModelError({
      file: name,
      problem: `could not be fetched from ${environment.endpoint}: ${reason}`,
      remedy: "Check the network and try again: what has arrived is kept. HF_HUB_OFFLINE=1 uses the cache alone",
      cause
    })
  )
}

/** Asks again, with growing pauses, after faults that may pass. */
const persistently = <A, R>(effect: Effect.Effect<A, ModelError | Transient, R>, { retryAfter = 1 }: DownloadOptions) =>
  effect.pipe(
    Effect.retry({
      schedule: Schedule.exponential(`${retryAfter * 1000} millis`),
      times: attempts,
      while: (error) => error._tag === "Transient"
    })
  )

/** A promise of the library, with requests that end when the fiber is interrupted. */
const ask = <A>(
  request: Request,
  file: string | undefined,
  body: (common: { readonly hubUrl: string; readonly fetch: typeof fetch; readonly accessToken?: string }) => Promise<A>
): Effect.Effect<A, ModelError | Transient> =>
  Effect.tryPromise({
    try: (signal) => {
      const { endpoint, token } = request.environment
      return body({
        hubUrl: endpoint,
        fetch: (input, init) => fetch(input, { ...init, signal }),
        ...(token === undefined ? {} : { accessToken: token })
      })
    },
    catch: (cause) => fault(request, file, cause)
  })

// -------------------- one file --------------------

interface Remote {
  readonly path: string
  readonly size: number
  /** Name of the blob: SHA-256 of the contents of large files, git's SHA-1 of small ones. */
  readonly etag: string
  readonly large: boolean
}

const hashOf = ({ large, size }: Remote): Hash =>
  large ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`)

/** Reads a file into a hash, without holding it. */
const digestFile = Effect.fnUntraced(function*(file: string, hash: Hash) {
  const fs = yield* FileSystem.FileSystem
  const buffer = new Uint8Array(2 ** 20)
  yield* Effect.scoped(
    Effect.gen(function*() {
      const handle = yield* fs.open(file, { flag: "r" })
      for (let position = 0n; ;) {
        const count = Number(yield* handle.read(buffer, { position }))
        if (count === 0) return
        hash.update(buffer.subarray(0, count))
        position += BigInt(count)
      }
    })
  )
})

type Report = (arrived: number) => Effect.Effect<void>

/**
 * One attempt to complete `partial`, from where it ends. The bytes of a slice come from the library, which knows how
 * each kind of storage is read.
 */
const attempt = Effect.fnUntraced(function*(
  request: Request,
  commit: string,
  remote: Remote,
  partial: string,
  report: Report
) {
  const fs = yield* FileSystem.FileSystem
  const io = Effect.mapError(fileError(partial, "Free disk space, or set HF_HUB_CACHE to another folder"))
  const hash = hashOf(remote)
  let arrived = yield* fs.stat(partial).pipe(
    Effect.map(({ size }) => Number(size)),
    Effect.orElseSucceed(() => 0)
  )
  if (arrived > remote.size) arrived = 0
  else if (arrived > 0) yield* io(digestFile(partial, hash))
  yield* report(arrived)
  if (arrived < remote.size) {
    // Ends the requests when the attempt ends, whatever ends it.
    const controller = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort())
    )
    const blob = yield* ask(request, remote.path, (common) =>
      request.hub.downloadFile({
        ...common,
        fetch: (input, init) => fetch(input, { ...init, signal: controller.signal }),
        repo: request.id,
        path: remote.path,
        revision: commit
      })
    )
    if (blob === null) {
      return yield* new ModelError({
        file: `${request.id}/${remote.path}`,
        problem: "is listed by the Hub and not there",
        remedy: "The repository changed meanwhile; try again"
      })
    }
    const file = yield* io(fs.open(partial, { flag: arrived === 0 ? "w" : "a" }))
    const reader = (arrived === 0 ? blob : blob.slice(arrived)).stream().getReader()
    const next = Effect.tryPromise({
      try: () => reader.read(),
      catch: (cause) => fault(request, remote.path, cause)
    }).pipe(
      Effect.timeoutOrElse({
        duration: stall,
        orElse: () => Effect.fail(fault(request, remote.path, new Error(`nothing arrived for ${stall}`)))
      })
    )
    for (let chunk = yield* next; !chunk.done; chunk = yield* next) {
      hash.update(chunk.value)
      yield* io(file.writeAll(chunk.value))
      arrived += chunk.value.length
      yield* report(Math.min(arrived, remote.size))
    }
  }
  const name = `${request.id}/${remote.path}`
  if (arrived < remote.size) {
    return yield* Effect.fail(
      fault(request, remote.path, new Error(`the connection ended after ${arrived} of ${remote.size} bytes`))
    )
  }
  if (arrived === remote.size && hash.digest("hex") === remote.etag) return
  yield* io(fs.remove(partial, { force: true }))
  // Another attempt begins from nothing.
  return yield* Effect.fail(
    new Transient(
      new ModelError({
        file: name,
        problem:
          arrived === remote.size
            ? `arrived with another checksum than the Hub's ${remote.etag}`
            : `arrived with ${arrived} bytes instead of ${remote.size}`,
        remedy: "Something between here and the Hub changes what it sends; try another network or HF_ENDPOINT"
      })
    )
  )
}, Effect.scoped)

// -------------------- a model --------------------

const importHub = Effect.tryPromise({
  try: () => import("@huggingface/hub"),
  catch: (cause) =>
    new ModelError({
      problem: "@huggingface/hub can't be loaded",
      remedy: "Install it again: npm install @huggingface/hub",
      cause
    })
})

const listed = async (entries: AsyncIterable<HubLibrary.ListFileEntry>): Promise<ReadonlyMap<string, Remote>> => {
  const found = new Map<string, Remote>()
  for await (const { lfs, oid, path, size, type } of entries) {
    const etag = lfs?.oid ?? oid
    if (type === "file" && etag !== undefined) {
      found.set(path, { path, etag, size: lfs?.size ?? size, large: lfs !== undefined })
    }
  }
  return found
}

/** Brings a model's files into the cache and returns the folder of its snapshot. */
const fetchModel = Effect.fnUntraced(function*(request: Request, cache: HubCache, options: DownloadOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { id, revision } = request
  const { commit, remotes } = yield* persistently(
    Effect.gen(function*() {
      const info = yield* ask(request, undefined, (common) =>
        request.hub.modelInfo({ ...common, name: id, revision, additionalFields: ["sha"] })
      )
      const remotes = yield* ask(request, undefined, (common) =>
        listed(request.hub.listFiles({ ...common, repo: id, revision: info.sha }))
      )
      return { commit: info.sha, remotes }
    }),
    options
  )
  const folder = cache.snapshot(commit)
  yield* cache.prepare(folder, cache.blobs)

  const required = (name: string, why: string) => {
    const remote = remotes.get(name)
    return remote === undefined
      ? Effect.fail(
          new ModelError({
            file: `${id}/${name}`,
            problem: `is not in the repository${why}`,
            remedy: "Use a repository that holds a whole model with safetensors weights"
          })
        )
      : Effect.succeed(remote)
  }
  yield* required("config.json", "")
  const small = sidecars.flatMap((name) => remotes.get(name) ?? [])
  const single = remotes.get(singleFile)
  const index = single === undefined ? yield* required(indexFile, `, nor is ${singleFile}`) : undefined
  const first = index === undefined ? small : [...small, index]

  let total = [...first, ...(single === undefined ? [] : [single])].reduce((sum, { size }) => sum + size, 0)
  const arrived = new Map<string, number>()
  const report = (remote: Remote) => (bytes: number) => {
    arrived.set(remote.path, bytes)
    const sum = [...arrived.values()].reduce((sum, x) => sum + x, 0)
    return options.onProgress?.({ file: remote.path, bytes: sum, totalBytes: total }) ?? Effect.void
  }
  const bring = Effect.fnUntraced(function*(remote: Remote) {
    const blob = cache.blob(remote.etag)
    const file = path.join(folder, remote.path)
    if (!(yield* cache.has(blob)) || (yield* cache.bytes(blob)) !== remote.size) {
      const partial = `${blob}.incomplete`
      yield* persistently(attempt(request, commit, remote, partial, report(remote)), options)
      yield* fs.rename(partial, blob).pipe(Effect.mapError(fileError(blob, "Check the permissions of the cache")))
    }
    yield* report(remote)(remote.size)
    if (!(yield* cache.has(file))) yield* cache.link(remote.etag, commit, remote.path)
  })
  yield* Effect.forEach(first, bring, { discard: true, concurrency: 4 })
  const weights =
    single === undefined
      ? yield* Effect.forEach(
          shardsOf(yield* readJson(path.join(folder, indexFile), "The repository is broken; use another revision")),
          (name) => required(name, `, though ${indexFile} lists it`)
        )
      : [single]
  if (single === undefined) total += weights.reduce((sum, { size }) => sum + size, 0)
  yield* Effect.forEach(weights, bring, { discard: true, concurrency: 2 })
  yield* cache.remember(revision, commit)
  return folder
})

const fromCache = Effect.fnUntraced(function*(cache: HubCache, id: string, revision: string) {
  const commit = yield* cache.commitOf(revision)
  const found = commit === undefined ? undefined : yield* cache.whole(commit)
  if (found !== undefined && "folder" in found) return found.folder
  return yield* new ModelError({
    file: cache.folder,
    problem: found === undefined ? `holds no revision ${revision} of ${id}` : `lacks ${found.missing} of ${id}`,
    remedy: "Unset HF_HUB_OFFLINE to fetch it, or copy the cache from a machine that has it"
  })
})

/**
 * The folder of a model of the Hub, for `loadModel`. A commit that the cache holds whole is not asked for again; a
 * branch or tag is looked up each time and, when the Hub can't be reached, taken as the cache last saw it.
 */
export const downloadModel = Effect.fn("downloadModel")(function*(id: string, options: DownloadOptions = {}) {
  const { revision = "main" } = options
  if (!isHubId(id)) {
    return yield* new ModelError({
      file: id,
      problem: "is no model of the Hub",
      remedy: "Give owner/name, such as Qwen/Qwen2.5-0.5B-Instruct"
    })
  }
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.includes("..")) {
    return yield* new ModelError({
      file: id,
      problem: `has no revision ${JSON.stringify(revision)}`,
      remedy: "Give a branch, a tag or a commit"
    })
  }
  const environment = options.environment ?? (yield* hubEnvironment())
  const cache = yield* HubCache.make(environment.cache, id)
  if (environment.offline) return yield* fromCache(cache, id, revision)
  if (isCommit(revision)) {
    const found = yield* cache.whole(revision)
    if ("folder" in found) return found.folder
  }
  if (environment.token?.startsWith("hf_") === false) {
    return yield* new ModelError({
      key: "HF_TOKEN",
      problem: "does not begin with hf_, as tokens of the Hub do",
      remedy: "Copy it again, or unset it"
    })
  }
  const hub = yield* importHub
  return yield* fetchModel({ hub, id, revision, environment }, cache, options).pipe(
    // A model that the Hub refuses stays refused; one that can't be asked for may be there already.
    Effect.catchTag("Transient", ({ error }) =>
      fromCache(cache, id, revision).pipe(
        Effect.tap(() => Effect.logWarning(`${error.message} The cached ${id} is used.`)),
        Effect.mapError(() => error)
      )
    )
  )
})
