import { NodeServices } from "@effect/platform-node"
import { expect, test } from "@jest/globals"
import { Metrics } from "@ifrl/train"
import { Effect, Layer, Schema } from "effect"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Config, metricSinks, RunFolder, telemetry } from "../src/index.ts"

test("one config sends metrics to lines of JSON, to event files and, with the spans, to a collector", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ifrl-sinks-"))
  const posts: Array<readonly [path: string, body: string]> = []
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text
    }).on("end", () => {
      posts.push([request.url!, body])
      response.end("{}")
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    const otlp = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const config = Schema.decodeUnknownSync(Config)({ run: { folder, name: "a" }, metrics: { tensorBoard: true, otlp } })
    const logged = Effect.gen(function*() {
      const run = yield* RunFolder
      yield* Effect.flatMap(Metrics, (metrics) => metrics.log(3, { reward: 0.5 })).pipe(
        Effect.withSpan("step"),
        Effect.provide(metricSinks(config, run).pipe(Layer.provideMerge(telemetry(config, run.directory))))
      )
    })
    await Effect.runPromise(logged.pipe(Effect.provide(RunFolder.layer("train", config)), Effect.provide(NodeServices.layer)))
    expect(JSON.parse(await readFile(join(folder, "a/metrics.jsonl"), "utf8"))).toEqual({ step: 3, reward: 0.5 })
    expect(await readdir(join(folder, "a/tensorboard"))).toHaveLength(1)
  } finally {
    server.close()
    await rm(folder, { recursive: true })
  }
  const sent = (path: string) => posts.filter(([at]) => at === path).map(([, body]) => body).join("\n")
  expect(sent("/v1/metrics")).toContain("ifrl/reward")
  expect(sent("/v1/traces")).toContain("\"step\"")
  expect(sent("/v1/traces")).toContain("service.name")
})

test("without a collector nothing is exported", () => {
  expect(telemetry(Schema.decodeUnknownSync(Config)({}), "runs/a")).toBe(Layer.empty)
})
