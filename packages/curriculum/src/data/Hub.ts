// Datasets of the Hugging Face Hub: the file list by its API, each file once into a folder. HF_ENDPOINT names another
// server, HF_TOKEN gives access, HF_HUB_OFFLINE=1 uses only what is there.
import { Effect, FileSystem, Path, Schema, Stream } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { PromptError } from "../PromptError.ts"

const pattern = /^hub:([\w.-]+\/[\w.-]+)(?:@([\w.-]+))?(?:\/(.+))?$/

export const isHubName = (source: string): boolean => source.startsWith("hub:")

const File = Schema.Struct({ type: Schema.String, path: Schema.String, size: Schema.optionalKey(Schema.Number) })
const Files = Schema.fromJsonString(Schema.Array(File))
const Revision = Schema.fromJsonString(Schema.Struct({ sha: Schema.NonEmptyString }))

const remedies: Readonly<Record<number, string>> = {
  401: "set HF_TOKEN to a token that may read the dataset",
  403: "accept the dataset's conditions on its page, and set HF_TOKEN",
  404: "check the name, revision and path; a private dataset needs HF_TOKEN"
}

/** Where a Link header says that a list goes on, on the server that was asked: no other one is given the token. */
const nextPage = (endpoint: string, link: string | undefined): string | undefined => {
  const next = /<([^>]*)>;\s*rel="?next"?/.exec(link ?? "")?.[1]
  if (next === undefined || !URL.canParse(next, endpoint)) return undefined
  const { pathname, search } = new URL(next, endpoint)
  return `${new URL(endpoint).origin}${pathname}${search}`
}

/**
 * The files of `hub:owner/name[@revision][/path]` that end with one of `endings`, in the order of their names,
 * downloaded into `cache` under the commit they are of. What is there is not downloaded again; a broken download leaves
 * no file.
 */
export const fetchDataset = Effect.fn("fetchDataset")(function*(
  source: string,
  cache: string,
  endings: ReadonlyArray<string>
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const client = (yield* HttpClient.HttpClient).pipe(HttpClient.retryTransient({ times: 3 }))
  const fail = (problem: string, remedy: string, cause?: unknown) =>
    new PromptError({ path: source, problem, remedy, cause })

  const parts = pattern.exec(source)
  if (parts === null)
    return yield* fail(
      "is no name of a dataset",
      "write hub:owner/name, hub:owner/name@revision or hub:owner/name/file"
    )
  const [, name = "", revision = "main", only] = parts
  // An empty variable counts as unset.
  const endpoint = (process.env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, "")
  const token = process.env["HF_TOKEN"]?.trim() || undefined
  const offline = ["1", "ON", "YES", "TRUE"].includes((process.env["HF_HUB_OFFLINE"] ?? "").toUpperCase())
  const home = path.join(cache, name.replace("/", "--"))
  const local = (cause: { readonly message: string }) =>
    fail(`cannot be kept: ${cause.message}`, `check the folder ${cache} and the space on its disk`, cause)

  const request = (url: string): Effect.Effect<HttpClientResponse.HttpClientResponse, PromptError> =>
    client
      .execute(HttpClientRequest.get(url, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }))
      .pipe(
        Effect.timeout("60 seconds"),
        Effect.mapError((cause) =>
          fail(`cannot be reached: ${cause.message}`, "check the network, or give a file", cause)
        ),
        Effect.flatMap((response) =>
          response.status === 200
            ? Effect.succeed(response)
            : Effect.fail(fail(`${url}: status ${response.status}`, remedies[response.status] ?? "try again later"))
        )
      )
  const page = <S extends Schema.Top & { readonly DecodingServices: never }>(url: string, schema: S) =>
    request(url).pipe(
      Effect.flatMap((response) =>
        Effect.map(response.text, (text) => ({ text, next: nextPage(endpoint, response.headers["link"]) }))
      ),
      Effect.flatMap(({ next, text }) =>
        Effect.map(Schema.decodeUnknownEffect(schema)(text), (value) => ({ value, next }))
      ),
      Effect.mapError((cause) =>
        cause instanceof PromptError ? cause : fail(`${url}: not what the Hub answers`, "check HF_ENDPOINT", cause)
      )
    )
  /** A list of files comes in pages of 1,000. */
  const listFiles = Effect.fnUntraced(function*(first: string) {
    const files: Array<typeof File.Type> = []
    for (let url: string | undefined = first; url !== undefined;) {
      const { next, value }: { readonly next: string | undefined; readonly value: typeof Files.Type } = yield* page(url, Files)
      files.push(...value.filter(({ type }) => type === "file"))
      url = next === url ? undefined : next
    }
    return files
  })

  const wanted = (file: string) =>
    only === undefined ? endings.some((ending) => file.endsWith(ending)) : file === only
  const pointer = path.join(home, `${revision}.json`)
  const Listing = Schema.Struct({ sha: Schema.String, files: Schema.Array(File) })
  const listing =
    offline
      ? yield* fs.readFileString(pointer).pipe(
          Effect.flatMap(Schema.decodeUnknownEffect(Schema.fromJsonString(Listing))),
          Effect.mapError((cause) => fail("has not been downloaded, and HF_HUB_OFFLINE is set", "unset it once", cause))
        )
      : yield* Effect.gen(function*() {
          const { value: { sha } } = yield* page(`${endpoint}/api/datasets/${name}/revision/${revision}`, Revision)
          const found = { sha, files: yield* listFiles(`${endpoint}/api/datasets/${name}/tree/${sha}?recursive=true`) }
          yield* fs.makeDirectory(home, { recursive: true }).pipe(Effect.mapError(local))
          yield* fs.writeFileString(pointer, JSON.stringify(found)).pipe(Effect.mapError(local))
          return found
        })
  const files = listing.files.filter((file) => wanted(file.path)).toSorted((a, b) => (a.path < b.path ? -1 : 1))
  if (files.length === 0) {
    const endsWith = only ?? `a file that ends with ${endings.join(", ")}`
    return yield* fail(
      `has no ${endsWith}`,
      `it has ${
        listing.files
          .slice(0, 8)
          .map((file) => file.path)
          .join(", ") || "no files"
      }; name one`
    )
  }

  const download = Effect.fnUntraced(function*(file: typeof File.Type) {
    const target = path.join(home, listing.sha, ...file.path.split("/").filter((part) => part !== ".."))
    if (yield* fs.exists(target).pipe(Effect.mapError(local))) return target
    const url = `${endpoint}/datasets/${name}/resolve/${listing.sha}/${file.path.split("/").map(encodeURIComponent).join("/")}`
    yield* fs.makeDirectory(path.dirname(target), { recursive: true }).pipe(Effect.mapError(local))
    const part = `${target}.${process.pid}.part`
    yield* request(url).pipe(
      Effect.flatMap((response) =>
        response.stream.pipe(
          Stream.mapError((cause) =>
            fail(`${url}: broke off: ${cause.message}`, "start again; finished files are kept", cause)
          ),
          Stream.run(fs.sink(part))
        )
      ),
      Effect.mapError((cause) => (cause instanceof PromptError ? cause : local(cause))),
      Effect.onError(() => fs.remove(part, { force: true }).pipe(Effect.ignore))
    )
    const { size } = yield* fs.stat(part).pipe(Effect.mapError(local))
    if (file.size !== undefined && Number(size) !== file.size) {
      yield* fs.remove(part).pipe(Effect.mapError(local))
      return yield* fail(
        `${url}: ${size} bytes came, ${file.size} were announced`,
        "start again; finished files are kept"
      )
    }
    yield* fs.rename(part, target).pipe(Effect.mapError(local))
    return target
  })
  return yield* Effect.forEach(files, download)
})
