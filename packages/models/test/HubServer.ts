/** A server that answers as the Hugging Face Hub does: one repository, with faults on demand. */
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** What happens to a request for a file, instead of the whole truth. */
export type Fault =
  | { readonly kind: "status"; readonly status: number }
  /** Ends the connection after so many bytes. */
  | { readonly kind: "cut"; readonly after: number }
  /** Sends other bytes. */
  | { readonly kind: "garble" }
  /** Sends the whole file whatever range is asked for. */
  | { readonly kind: "no-range" }

export interface HubRepository {
  readonly id: string
  readonly files: ReadonlyMap<string, Uint8Array>
  /** The only token that may read it; anybody may without. */
  readonly token?: string
  /** Files of at least so many bytes are kept apart, as LFS does it, and redirected to. */
  readonly largeFrom?: number
}

export interface HubServer {
  readonly endpoint: string
  readonly commit: string
  /** Requests so far: method, path and range; `/lfs/{file}` for contents kept apart. */
  readonly log: Array<string>
  /** Faults by file name, each used up by one request for its contents; "api" for the questions before. */
  readonly faults: Map<string, Array<Fault>>
  readonly close: () => Promise<void>
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")
const gitHash = (bytes: Uint8Array) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex")

export const startHub = async ({ files, id, largeFrom = 4096, token }: HubRepository): Promise<HubServer> => {
  const commit = gitHash(new TextEncoder().encode([...files].map(([name, bytes]) => name + sha256(bytes)).join()))
  const log: Array<string> = []
  const faults = new Map<string, Array<Fault>>()
  const isLarge = (bytes: Uint8Array) => bytes.length >= largeFrom
  const etagOf = (bytes: Uint8Array) => (isLarge(bytes) ? sha256(bytes) : gitHash(bytes))

  const json = (response: ServerResponse, value: unknown, status = 200, headers: Record<string, string> = {}) =>
    response
      .writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers })
      .end(JSON.stringify(value))

  /** The bytes of a file, in the range asked for, through the next fault. */
  const send = (request: IncomingMessage, response: ServerResponse, name: string, bytes: Uint8Array) => {
    const probe = request.headers.range === "bytes=0-0" || request.method === "HEAD"
    const fault = probe ? undefined : faults.get(name)?.shift()
    if (fault?.kind === "status") return response.writeHead(fault.status).end("fault")
    const [, first, last] =
      /^bytes=(\d+)-(\d*)$/.exec(fault?.kind === "no-range" ? "" : (request.headers.range ?? "")) ?? []
    const from = Number(first ?? 0)
    const to = last === undefined || last === "" ? bytes.length : Math.min(Number(last) + 1, bytes.length)
    const part = fault?.kind === "garble" ? bytes.subarray(from, to).toReversed() : bytes.subarray(from, to)
    const range = first === undefined ? {} : { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` }
    response.writeHead(first === undefined ? 200 : 206, {
      "content-type": "application/octet-stream",
      "content-length": part.length,
      "accept-ranges": "bytes",
      etag: `"${etagOf(bytes)}"`,
      "x-repo-commit": commit,
      ...range
    })
    if (request.method === "HEAD") return response.end()
    if (fault?.kind !== "cut") return response.end(part)
    return response.write(part.subarray(0, fault.after), () => setTimeout(() => response.destroy(), 20))
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://hub")
    const path = decodeURIComponent(url.pathname)
    const stored = path.startsWith("/lfs/")
      ? [...files].find(([, bytes]) => sha256(bytes) === path.slice(5))
      : undefined
    log.push(
      [request.method, stored === undefined ? path : `/lfs/${stored[0]}`, request.headers.range]
        .filter(Boolean)
        .join(" ")
    )
    if (stored !== undefined) {
      // Storage elsewhere takes signed addresses and refuses a token beside them.
      return url.searchParams.has("signed") ? send(request, response, ...stored) : response.writeHead(403).end()
    }
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      return json(response, { error: "Invalid username or password." }, 401, { "x-error-code": "RepoNotFound" })
    }
    const [, revision] = path.match(/\/(?:revision|tree|resolve)\/([^/]+)/) ?? []
    if (!path.includes(`/${id}/`))
      return json(response, { error: "Repository not found" }, 404, { "x-error-code": "RepoNotFound" })
    if (revision !== "main" && revision !== "v1" && revision !== commit) {
      return json(response, { error: `Invalid rev id: ${revision}` }, 404, { "x-error-code": "RevisionNotFound" })
    }
    const fault = path.startsWith("/api/") ? faults.get("api")?.shift() : undefined
    if (fault?.kind === "status") return json(response, { error: "fault" }, fault.status)
    if (path.startsWith(`/api/models/${id}/revision/`)) {
      const siblings = [...files.keys()].map((rfilename) => ({ rfilename }))
      return json(response, {
        _id: "1",
        id,
        modelId: id,
        sha: commit,
        private: token !== undefined,
        gated: false,
        siblings,
        downloads: 0,
        likes: 0,
        lastModified: "2026-01-01T00:00:00.000Z",
        tags: []
      })
    }
    if (path.startsWith(`/api/models/${id}/tree/`)) {
      return json(
        response,
        [...files].map(([name, bytes]) => ({
          type: "file",
          path: name,
          size: bytes.length,
          oid: gitHash(bytes),
          ...(isLarge(bytes) ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {})
        }))
      )
    }
    const name = path.slice(path.indexOf("/resolve/") + `/resolve/${revision}/`.length)
    const bytes = files.get(name)
    if (bytes === undefined)
      return json(response, { error: "Entry not found" }, 404, { "x-error-code": "EntryNotFound" })
    if (!isLarge(bytes)) return send(request, response, name, bytes)
    if (request.headers.accept?.includes("application/vnd.xet-fileinfo+json")) {
      // Who understands Xet is told where its storage is, which is not here.
      response.setHeader(
        "link",
        [
          `<http://127.0.0.1:1/auth>; rel="xet-auth"`,
          `<http://127.0.0.1:1/reconstruction>; rel="xet-reconstruction-info"`
        ].join(", ")
      )
      const linked = {
        "x-linked-size": String(bytes.length),
        "x-linked-etag": `"${sha256(bytes)}"`,
        "x-xet-hash": sha256(bytes)
      }
      response.writeHead(200, {
        "content-type": "application/vnd.xet-fileinfo+json",
        "x-repo-commit": commit,
        ...linked
      })
      return response.end("{}")
    }
    return response
      .writeHead(302, {
        location: `/lfs/${sha256(bytes)}?signed=1`,
        "x-repo-commit": commit,
        "x-linked-size": bytes.length,
        "x-linked-etag": `"${sha256(bytes)}"`
      })
      .end()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    commit,
    log,
    faults,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      })
  }
}
