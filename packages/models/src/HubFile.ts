/** One file of the Hub into a file of the cache: requests, their faults, and checked, resumed transfers. */
import type * as HubLibrary from "@huggingface/hub"
import { Effect, FileSystem, Schedule } from "effect"
import { createHash, type Hash } from "node:crypto"
import { fileError } from "./Files.ts"
import type { HubEnvironment } from "./HubEnvironment.ts"
import { ModelError } from "./ModelError.ts"

/** New attempts after a fault that may pass. */
const attempts = 5
/** Without a byte for so long, a connection counts as dead. */
const stall = "30 seconds"

// -------------------- faults --------------------

/** A fault that another attempt may not meet. */
export class Transient {
  readonly _tag = "Transient"
  readonly error: ModelError
  constructor(error: ModelError) {
    this.error = error
  }
}

export interface Request {
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
export const persistently = <A, R>(
  effect: Effect.Effect<A, ModelError | Transient, R>,
  { retryAfter = 1 }: { readonly retryAfter?: number | undefined }
) =>
  effect.pipe(
    Effect.retry({
      schedule: Schedule.exponential(`${retryAfter * 1000} millis`),
      times: attempts,
      while: (error) => error._tag === "Transient"
    })
  )

/** A promise of the library, with requests that end when the fiber is interrupted. */
export const ask = <A>(
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

export interface Remote {
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

export type Report = (arrived: number) => Effect.Effect<void>

/**
 * One attempt to complete `partial`, from where it ends. The bytes of a slice come from the library, which knows how
 * each kind of storage is read.
 */
export const attempt = Effect.fnUntraced(function*(
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
  if (remote.size === 0) yield* io(fs.writeFile(partial, new Uint8Array()))
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
        revision: commit,
        // Plain ranges of one file, which a broken transfer can go on from; the Hub serves its Xet storage so as well.
        xet: false
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
