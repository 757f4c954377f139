// A chat-completions endpoint on localhost, with faults on demand.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface ChatCall {
  readonly body: {
    readonly model: string
    readonly messages: ReadonlyArray<{ readonly content: string }>
    readonly seed?: number
  }
  readonly authorization: string | undefined
  /** How often this same body has come before. */
  readonly repeat: number
}

export type Behaviour = (call: ChatCall, response: ServerResponse, request: IncomingMessage) => void

export const reply =
  (content: string, tokens = 10): Behaviour =>
  (_, response) => {
    response.setHeader("content-type", "application/json")
    response.end(
      JSON.stringify({ choices: [{ message: { content }, finish_reason: "stop" }], usage: { total_tokens: tokens } })
    )
  }

export const status =
  (code: number, headers: Record<string, string> = {}): Behaviour =>
  (_, response) => {
    response.writeHead(code, headers)
    response.end("the server says no")
  }

export const faults = {
  reset: (_, response) => void response.destroy(),
  hang: () => undefined,
  notJson: (_, response) => void response.end("<html>"),
  noChoice: (_, response) => void response.end(JSON.stringify({ choices: [] })),
  truncated: (_, response) => {
    response.writeHead(200, { "content-length": "1000" })
    response.write("{\"choices\": [{\"mess")
    response.destroy()
  }
} satisfies Record<string, Behaviour>

export interface ChatServer {
  readonly url: string
  readonly calls: Array<ChatCall>
  /** The most requests that were under way at once. */
  readonly peak: () => number
  readonly close: () => Promise<void>
}

export const chatServer = async (behaviour: Behaviour): Promise<ChatServer> => {
  const calls: Array<ChatCall> = []
  const repeats = new Map<string, number>()
  let open = 0
  let peak = 0
  const server = createServer((request, response) => {
    peak = Math.max(peak, ++open)
    response.on("close", () => open--)
    let text = ""
    request
      .setEncoding("utf8")
      .on("data", (part: string) => {
        text += part
      })
      .on("end", () => {
        const repeat = repeats.get(text) ?? 0
        repeats.set(text, repeat + 1)
        const call: ChatCall = { body: JSON.parse(text), authorization: request.headers.authorization, repeat }
        calls.push(call)
        behaviour(call, response, request)
      })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    peak: () => peak,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      })
  }
}
