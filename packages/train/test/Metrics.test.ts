import { describe, expect, test } from "@jest/globals"
import { NodeServices } from "@effect/platform-node"
import { Effect, FileSystem, Layer, type Path } from "effect"
import { FetchHttpClient } from "effect/http"
import { OtlpMetrics, OtlpSerialization } from "effect/observability"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { crc32c, Metrics, readEvents } from "../src/index.ts"

const inFolder = <A, E>(use: (folder: string) => Effect.Effect<A, E, FileSystem.FileSystem | Path.Path>) =>
  Effect.runPromise(
    Effect.scoped(Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.flatMap(fs.makeTempDirectoryScoped(), use))).pipe(
      Effect.provide(NodeServices.layer)
    )
  )

const eventsIn = (folder: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const names = (yield* fs.readDirectory(folder)).toSorted()
    return readEvents(yield* Effect.forEach(names, (name) => fs.readFile(`${folder}/${name}`)))
  })

describe("JSON lines", () => {
  test("a resumed run rewrites the steps after its checkpoint, and a line cut short is dropped", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = `${folder}/run/metrics.jsonl`
        yield* Effect.gen(function*() {
          const metrics = yield* Metrics
          yield* metrics.rewind(0)
          for (const step of [1, 2, 3]) yield* metrics.log(step, { loss: step, kl: step === 2 ? NaN : 0 })
          yield* fs.writeFileString(file, "{\"step\":4,\"lo", { flag: "a" })
          yield* metrics.rewind(2)
          yield* metrics.log(3, { loss: 9 })
        }).pipe(Effect.provide(Metrics.layerJsonl(file)))
        expect((yield* fs.readFileString(file)).trim().split("\n").map((line) => JSON.parse(line))).toEqual([
          { step: 1, loss: 1, kl: 0 },
          { step: 2, loss: 2, kl: "NaN" },
          { step: 3, loss: 9 }
        ])
      })
    ))
})

describe("TensorBoard", () => {
  test("CRC32C gives the published check values", () => {
    const ascii = (text: string) => new TextEncoder().encode(text)
    expect(crc32c(ascii("123456789"))).toBe(0xe3069283)
    // RFC 3720, B.4: 32 bytes of zeros, of ones, and counting up.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
  })

  test("scalars come back, a resumed run's steps once, and a record cut short ends only its own file", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const process = (first: number, last: number, from: number) =>
          Effect.gen(function*() {
            const metrics = yield* Metrics
            yield* metrics.rewind(first - 1)
            for (let step = first; step <= last; step++) yield* metrics.log(step, { reward: from + step, kl: NaN })
          }).pipe(Effect.provide(Metrics.layerTensorBoard(`${folder}/tb`)))
        yield* process(1, 3, 0)
        const [crashed] = yield* fs.readDirectory(`${folder}/tb`)
        const whole = yield* fs.readFile(`${folder}/tb/${crashed}`)
        yield* fs.writeFile(`${folder}/tb/${crashed}`, whole.subarray(0, whole.length - 5))
        yield* process(2, 4, 10)
        const events = yield* eventsIn(`${folder}/tb`)
        expect(events.map(({ step, tag, value }) => [step, tag, value])).toEqual([
          [1, "reward", 1],
          [2, "reward", 12],
          [3, "reward", 13],
          [4, "reward", 14]
        ])
        expect(Math.abs(events[0]!.wallTime * 1000 - Date.now())).toBeLessThan(60_000)
      })
    ))

  test("a byte that changed is noticed", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        yield* Effect.flatMap(Metrics, (metrics) => metrics.log(1, { reward: 1 })).pipe(
          Effect.provide(Metrics.layerTensorBoard(folder))
        )
        const [name] = yield* fs.readDirectory(folder)
        const bytes = yield* fs.readFile(`${folder}/${name}`)
        for (const at of [0, bytes.length - 8]) {
          const changed = Uint8Array.from(bytes)
          changed[at]! ^= 1
          expect(() => readEvents([changed])).toThrow(/wrong checksum/)
        }
      })
    ))
})

describe("OpenTelemetry", () => {
  test("Effect's exporter sends every metric as a gauge", async () => {
    const bodies: Array<string> = []
    const server = createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8").on("data", (text: string) => {
        body += text
      }).on("end", () => {
        bodies.push(`${request.url} ${body}`)
        response.end("{}")
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`
      const exporter = OtlpMetrics.layer({ url, resource: { serviceName: "ifrl" } }).pipe(
        Layer.provide(OtlpSerialization.layerJson),
        Layer.provide(FetchHttpClient.layer)
      )
      await Effect.runPromise(
        Effect.flatMap(Metrics, (metrics) => metrics.log(7, { reward: 0.25 })).pipe(
          Effect.provide(Layer.provideMerge(Metrics.layerGauges, exporter))
        )
      )
    } finally {
      server.close()
    }
    const sent = bodies.filter((body) => body.startsWith("/v1/metrics")).map((body) => JSON.parse(body.slice(12)))
    const gauges = sent.flatMap((body) => body.resourceMetrics[0].scopeMetrics[0].metrics)
    const valueOf = (name: string) => gauges.findLast((metric) => metric.name === name)?.gauge.dataPoints[0].asDouble
    expect(valueOf("ifrl/reward")).toBe(0.25)
    expect(valueOf("ifrl/step")).toBe(7)
  })
})

test("layerAll sends every record to each sink and rewinds each", async () => {
  const sinks: [Array<{ step: number }>, Array<{ step: number }>] = [[], []]
  await Effect.runPromise(
    Effect.gen(function*() {
      const metrics = yield* Metrics
      for (const step of [1, 2]) yield* metrics.log(step, { loss: step })
      yield* metrics.rewind(1)
    }).pipe(Effect.provide(Metrics.layerAll(sinks.map((records) => Metrics.layerMemory(records)))))
  )
  expect(sinks).toEqual([[{ step: 1, loss: 1 }], [{ step: 1, loss: 1 }]])
})
