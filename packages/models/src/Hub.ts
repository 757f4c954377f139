/**
 * Models from the Hugging Face Hub, by id and revision, into the cache that Python's huggingface_hub shares. Only the
 * files that a model is made of are fetched. Whatever arrives is checked against the Hub's checksum before it gets its
 * name; a broken download goes on where it stopped, in this process or a later one.
 */
import type * as HubLibrary from "@huggingface/hub"
import { Effect, FileSystem, Path } from "effect"
import { fileError, readJson } from "./Files.ts"
import { HubCache, indexFile, isCommit, shardsOf, singleFile } from "./HubCache.ts"
import { type HubEnvironment, hubEnvironment } from "./HubEnvironment.ts"
import { ask, attempt, persistently, type Remote, type Request } from "./HubFile.ts"
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
  /** Also the weights, true by default; without them the small files alone, config.json among them. */
  readonly weights?: boolean
  /** Seconds to wait before the first new attempt after a fault, then twice as long each time; 1 by default. */
  readonly retryAfter?: number
}

/** Whether a name can be a model of the Hub, `owner/name`. Whether there is one, only the Hub knows. */
export const isHubId = (name: string): boolean =>
  /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(name) &&
  !name.includes("..") &&
  !name.includes("--") &&
  name.length <= 96

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

/** The files at the top of a repository. */
const listed = async (entries: AsyncIterable<HubLibrary.ListFileEntry>): Promise<ReadonlyMap<string, Remote>> => {
  const found = new Map<string, Remote>()
  for await (const { lfs, oid, path, size, type } of entries) {
    const etag = lfs?.oid ?? oid ?? ""
    if (type !== "file" || path.includes("/")) continue
    // It becomes the name of a file.
    if (!/^[0-9a-f]{40,64}$/.test(etag)) throw new Error(`${path} is listed with the checksum ${JSON.stringify(etag)}`)
    found.set(path, { path, etag, size: lfs?.size ?? size, large: lfs !== undefined })
  }
  return found
}

/** The commit that a revision stands at, and its files. */
const lookUp = Effect.fnUntraced(function*(request: Request) {
  const { id: name, revision } = request
  const { sha } = yield* ask(request, undefined, (common) =>
    request.hub.modelInfo({ ...common, name, revision, additionalFields: ["sha"] })
  )
  if (!isCommit(sha)) {
    return yield* new ModelError({
      file: name,
      problem: `is said to stand at the commit ${JSON.stringify(sha)}`,
      remedy: "Check HF_ENDPOINT: what answers there is not a Hub"
    })
  }
  const remotes = yield* ask(request, undefined, (common) =>
    listed(request.hub.listFiles({ ...common, repo: name, revision: sha }))
  )
  return { commit: sha, remotes }
})

/** Brings a model's files into the cache and returns the folder of its snapshot. */
const fetchModel = Effect.fnUntraced(function*(request: Request, cache: HubCache, options: DownloadOptions) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { commit, remotes } = yield* persistently(lookUp(request), options)
  const folder = cache.snapshot(commit)
  yield* cache.prepare(folder, cache.blobs)

  let totalBytes = 0
  const arrived = new Map<string, number>()
  const report =
    ({ etag, path: file }: Remote) =>
    (count: number) => {
      arrived.set(etag, count)
      const bytes = [...arrived.values()].reduce((sum, x) => sum + x, 0)
      return options.onProgress?.({ file, bytes, totalBytes }) ?? Effect.void
    }
  const bring = Effect.fnUntraced(function*(remote: Remote, names: ReadonlyArray<string>) {
    const blob = cache.blob(remote.etag)
    const isThere = Effect.zipWith(
      cache.has(blob),
      cache.bytes(blob),
      (exists, bytes) => exists && bytes === remote.size
    )
    const fetched = Effect.gen(function*() {
      // Another process may have brought it while this one waited.
      if (yield* isThere) return
      const partial = `${blob}.incomplete`
      yield* persistently(attempt(request, commit, remote, partial, report(remote)), options)
      yield* fs.rename(partial, blob).pipe(Effect.mapError(fileError(blob, "Check the permissions of the cache")))
    })
    if (!(yield* isThere)) yield* cache.alone(remote.etag, fetched)
    yield* report(remote)(remote.size)
    for (const name of names) {
      if (!(yield* cache.has(path.join(folder, name)))) yield* cache.link(remote.etag, commit, name)
    }
  })
  /** Files with the same contents are one blob, which comes once. */
  const bringAll = Effect.fnUntraced(function*(files: ReadonlyArray<Remote>) {
    const names = new Map<string, Array<string>>()
    for (const { etag, path } of files) names.set(etag, [...(names.get(etag) ?? []), path])
    const blobs = [...new Map(files.map((remote) => [remote.etag, remote])).values()]
    totalBytes += blobs.reduce((sum, { size }) => sum + size, 0)
    yield* Effect.forEach(blobs, (remote) => bring(remote, names.get(remote.etag)!), { discard: true, concurrency: 4 })
  })

  const required = (name: string, why = "") => {
    const remote = remotes.get(name)
    return remote !== undefined
      ? Effect.succeed(remote)
      : Effect.fail(
          new ModelError({
            file: `${request.id}/${name}`,
            problem: `is not in the repository${why}`,
            remedy: "Use a repository that holds a whole model with safetensors weights"
          })
        )
  }
  yield* required("config.json")
  const small = sidecars.flatMap((name) => remotes.get(name) ?? [])
  if (options.weights === false) yield* bringAll(small)
  else if (remotes.has(singleFile)) yield* bringAll([...small, yield* required(singleFile)])
  else {
    yield* bringAll([...small, yield* required(indexFile, `, nor is ${singleFile}`)])
    const index = yield* readJson(path.join(folder, indexFile), "The repository is broken; use another revision")
    yield* bringAll(yield* Effect.forEach(shardsOf(index), (name) => required(name, `, though ${indexFile} lists it`)))
  }
  yield* cache.remember(request.revision, commit)
  return folder
})

const fromCache = Effect.fnUntraced(function*(cache: HubCache, id: string, revision: string, weights: boolean) {
  const commit = yield* cache.commitOf(revision)
  const found = commit === undefined ? undefined : yield* cache.whole(commit, weights)
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
  const { revision = "main", weights = true } = options
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
  if (environment.offline) return yield* fromCache(cache, id, revision, weights)
  if (isCommit(revision)) {
    const found = yield* cache.whole(revision, weights)
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
      fromCache(cache, id, revision, weights).pipe(
        Effect.tap(() => Effect.logWarning(`${error.message} The cached ${id} is used.`)),
        Effect.mapError(() => error)
      )
    )
  )
})
