// How much one phase saves: the same pairs scored by one request at a time over HTTP, as the paper's released trainer does,
// by one call at a time in the process, and all at once, by the same model on the same machine, in turn.
import type { AgreementGroup } from "@ifrl/bench"
import { predictRoutes, RewardModel, type RewardPair } from "@ifrl/reward"
import { NodeHttpServer } from "@effect/platform-node"
import { Clock, Effect, Layer } from "effect"
import { FetchHttpClient, HttpBody, HttpClient, HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

export interface Throughput {
  readonly pairs: number
  /** Different ones among them: the others are scored once in a phase. */
  readonly distinct: number
  /** For all pairs, the median of the rounds. */
  readonly milliseconds: Times
  /** CPU time of this process, client and server alike; less moved by what else runs on the machine. */
  readonly cpuMilliseconds: Times
  /** One `POST /predict` after another over one phase: what the paper's trainer pays. */
  readonly speedUp: number
  /** One call of `score` after another over one phase: the same without HTTP and JSON. */
  readonly speedUpOfCalls: number
}

interface Times {
  readonly requests: number
  readonly oneByOne: number
  readonly batchRequest: number
  readonly phase: number
}

const rounds = 7

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const cpuNow = Effect.sync(() => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
})

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const cpu = yield* cpuNow
    const began = yield* Clock.currentTimeMillis
    yield* effect
    return { wall: (yield* Clock.currentTimeMillis) - began, cpu: (yield* cpuNow) - cpu }
  })

/** Times the first `count` couples of response and constraint of the groups, repeated where there are fewer. */
export const measureThroughput = Effect.fn("measureThroughput")(function*(
  directory: string,
  groups: ReadonlyArray<AgreementGroup>,
  count: number
) {
  const all = groups.flatMap(({ constraints, instruction, responses }) =>
    responses.flatMap(({ text }) => constraints.map((constraint): RewardPair => ({ constraint, response: text, instruction })))
  )
  const pairs = Array.from({ length: count }, (_, i) => all[i % all.length]!)
  const model = RewardModel.layer(directory, { cacheSize: 0 })
  const server = HttpRouter.serve(predictRoutes, { disableListenLog: true, disableLogger: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
    Layer.provideMerge(model)
  )
  return yield* Effect.gen(function*() {
    const { score } = yield* RewardModel
    const client = yield* HttpClient.HttpClient
    const { address } = yield* HttpServer.HttpServer
    const port = address._tag === "UnixPathAddress" ? 0 : address.port
    const post = (path: string, body: unknown) =>
      client.post(`http://127.0.0.1:${port}${path}`, { body: HttpBody.jsonUnsafe(body) }).pipe(Effect.flatMap((response) => response.json))
    const asked = ({ constraint, response }: RewardPair) => ({ question: constraint, answer: response })
    const tasks: Readonly<Record<keyof Times, Effect.Effect<unknown, unknown>>> = {
      requests: Effect.forEach(pairs, (pair) => post("/predict", asked(pair)), { discard: true }),
      oneByOne: Effect.forEach(pairs, (pair) => score([pair]), { discard: true }),
      batchRequest: post("/predict/batch", { pairs: pairs.map(asked) }),
      phase: score(pairs)
    }
    const found: Record<keyof Times, Array<{ readonly wall: number; readonly cpu: number }>> = { requests: [], oneByOne: [], batchRequest: [], phase: [] }
    const names = Object.keys(found) as Array<keyof Times>
    for (let round = 0; round <= rounds; round++) {
      for (const name of names) {
        const spent = yield* timed(tasks[name])
        // The first round warms up.
        if (round > 0) found[name].push(spent)
      }
    }
    const medians = (of: "wall" | "cpu") =>
      Object.fromEntries(names.map((name) => [name, median(found[name].map((one) => one[of]))])) as unknown as Times
    const milliseconds = medians("wall")
    return {
      pairs: count,
      distinct: new Set(pairs.map((pair) => JSON.stringify(asked(pair)))).size,
      milliseconds,
      cpuMilliseconds: medians("cpu"),
      speedUp: milliseconds.requests / milliseconds.phase,
      speedUpOfCalls: milliseconds.oneByOne / milliseconds.phase
    } satisfies Throughput
  }).pipe(Effect.provide(Layer.merge(server, FetchHttpClient.layer)))
})

const inWords = ({ batchRequest, oneByOne, phase, requests }: Times): string =>
  `one request at a time ${requests.toFixed(0)} ms, one call at a time ${oneByOne.toFixed(0)} ms, ` +
  `one batch request ${batchRequest.toFixed(0)} ms, one phase ${phase.toFixed(0)} ms: ` +
  `${(requests / phase).toFixed(1)} times the requests, ${(oneByOne / phase).toFixed(1)} times the calls`

export const printThroughput = ({ cpuMilliseconds, distinct, milliseconds, pairs }: Throughput): string =>
  `${pairs} pairs (${distinct} different): ${inWords(milliseconds)}\nCPU time: ${inWords(cpuMilliseconds)}`
